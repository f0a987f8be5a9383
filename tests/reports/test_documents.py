"""What is plainly no report is skipped within a folder and a failure where it is named; what is broken stays a failure."""

import hashlib
import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
from builders.pdf import pdf
from PIL import Image

from cxrreport.records import Failure, Report
from cxrreport.reports import readers
from cxrreport.reports.parsing.decode import Skipped

MSH = "MSH|^~\\&|RIS|HOSP|||20240506||ORU^R01|M1|P|2.5\r"
SUMS = "".join(f"{hashlib.sha256(bytes([n])).hexdigest()}  A{n}.txt\n" for n in range(250))


def picture(form):
    out = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (90, 90, 3), np.uint8)
    noise.flat[:4] = (0x0D, 0x0A, 0x0B, 0x4D)
    Image.fromarray(noise).save(out, form)
    return out.getvalue() + b"\n\x0bMSH|"


def packed():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("A1.txt", "FINDINGS: Clear.")
    return out.getvalue()


def tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("A1.txt"))
    return out.getvalue()


DOCUMENTS = {
    "README": "Reports of the chest.", "README.md": f"# Reports\n```\n{MSH}\n```\n", "readme.txt": "FINDINGS: as signed.",
    "Read_Me_First.txt": "All reports.", "README.de.html": "<html>", "LICENSE": "MIT", "LICENCE.txt": "All rights.",
    "LICENSE-APACHE": "Apache", "COPYING": "GPL", "NOTICE": "x", "CHANGELOG.rst": "x", "Makefile": "all:\n\tls\n",
    "notes.md": "FINDINGS: Clear.", "Thumbs.db": "\x00", "SHA256SUMS.txt": SUMS, "sums": SUMS[:900],
    "MD5.txt": "MD5 (A1.txt) = d41d8cd98f00b204e9800998ecf8427e\n", "x.sha256": hashlib.sha256(b"").hexdigest(),
    "a.png": picture("PNG"), "b.jpg": picture("JPEG"), "c": picture("GIF"), "d.tif": picture("TIFF"), "e": picture("BMP"),
    "f.webp": picture("WEBP"), "g.txt": picture("PNG"), "empty.png": "", "h.svg": "<svg/>", "i.pdf": pdf("Your bill"),
    "j.zip": packed(), "k.tar": tar(), "l.csv.gz": b"\x1f\x8b\x08",
}  # fmt: skip

BROKEN = {
    "cut.pdf": ("%PDF-1.7\n", "report.malformed"),
    "cut.hl7": ("MSH|^~\\&|RI", "report.malformed"),
    "cut.json": ('{"resourceType": "DiagnosticReport", "id": ', "report.malformed"),
    "no.json": ("[1, 2", "report.unknown_format"),
    "unknown.csv": ("number,body\n1,x\n", "report.empty"),
    "A1.txt": ("", "report.empty"),
    "empty": ("", "report.unknown_format"),
    "word.doc": (b"\xd0\xcf\x11\xe0", "report.unknown_format"),
    "word.docx": (packed(), "report.unknown_format"),
    "README.json": ("[1, 2", "report.unknown_format"),
    "page.html": ("<html>FINDINGS: Clear.</html>", "report.unknown_format"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_skipped_within_a_folder_and_a_failure_where_it_is_named(tmp_path, only, name):
    found = only(f"deep/{name}", DOCUMENTS[name])
    assert (
        isinstance(found, Failure) and found.code == "report.not_report" and found.path == str(tmp_path / "deep" / name)
    )
    assert found.message.startswith("This file is no report") and name not in found.message.split()
    for form in (None, "text"):
        assert list(readers.read_path(tmp_path, {}, form)) == [Skipped("report.not_report")]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_or_unknown_stays_a_failure(tmp_path, read, name):
    content, code = BROKEN[name]
    read(name, content)
    found = list(readers.read_path(tmp_path, {}))
    assert found and {one.code for one in found} == {code} and all(isinstance(one, Failure) for one in found)


@pytest.mark.parametrize(
    ("name", "content", "form", "accession"),
    [
        *((name, "FINDINGS: Clear.", None, name.rpartition(".")[0])
          for name in ("A1.txt", "doe-2024.txt", "s50414267.txt", "readmeter.txt", "authority.txt", "A1.RPT")),
        ("notice.jsonl", json.dumps({"accession": "A1", "findings": "Clear."}), None, "A1"),  # a table all the same
        ("notes.md", "FINDINGS: Clear.", "text", "notes"),  # its format is named
    ],
)  # fmt: skip
def test_what_is_no_document_is_read(only, name, content, form, accession):
    found = only(name, content, form)
    assert isinstance(found, Report) and (found.accession, found.findings) == (accession, "Clear.")
