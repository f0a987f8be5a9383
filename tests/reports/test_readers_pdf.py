"""PDFs: what is printed on the pages, scans, copies of what is there as text, and what is broken."""

import io
from datetime import datetime

import pytest
from builders.pdf import pdf
from pypdf import PdfWriter

from cxrreport.records import Report
from cxrreport.reports import readers
from cxrreport.reports.parsing import pdf as parsing
from cxrreport.reports.parsing.decode import Skipped

HEAD = "St. Elsewhere\nPatient: DOE, JANE\n"
PAGES = (
    f"{HEAD}MRN: 4711\nDATE: 2021-03-04\nEXAM: XR CHEST\nINDICATION: Cough.\nCOMPARISON: None.\nFINDINGS:\nThe lungs are\n"
    "clear (no effusion).\nPage 1 of 2",
    f"{HEAD}No pneumothorax.\nIMPRESSION\nNormal.\nElectronically signed by Dr. Roe\nPage 2 of 2",
)


def test_the_pages_are_one_report_without_letterhead_and_edges(only):
    found = only("A1.pdf", pdf(*PAGES))
    assert found == Report(
        "A1.pdf", "A1", accession="A1", reported_at=datetime(2021, 3, 4), findings=found.findings, impression="Normal.",
        comparison="None.", indication="Cough.",
    )  # fmt: skip
    assert " ".join(found.findings.split()) == "The lungs are clear (no effusion). No pneumothorax."


def test_a_single_page_and_its_name(only):
    found = only("1.2.840.1.pdf", pdf("Dr. Roe\nIMPRESSION: Small effusion."), "pdf")
    assert (found.study_uid, found.findings, found.impression) == ("1.2.840.1", "", "Small effusion.")


@pytest.mark.parametrize(
    ("pages", "code"),
    [
        (("", ""), "report.scanned"),
        (("Your bill of 2021: 30 EUR",), "report.not_report"),
        (tuple(f"Manual, {n}" for n in range(41)), "report.not_report"),
        (("EXAM: CT HEAD\nFINDINGS: Clear.",), "report.not_chest"),
        (("EXAM: XR KNEE\nFINDINGS: Clear.",), "report.not_chest"),
    ],
)
@pytest.mark.parametrize("form", ["auto", "text"])
def test_other_pages_are_counted(tmp_path, read, pages, code, form):
    read("a.pdf", pdf(*pages))
    assert list(readers.read_path(tmp_path, {}, form)) == [Skipped(code)]


def test_a_copy_of_the_text_beside_it_is_left_out(tmp_path, read):
    read("A1.pdf", pdf(*PAGES))
    read("A1.txt", "FINDINGS: Clear.")
    copy, found = readers.read_path(tmp_path, {})
    assert copy == Skipped("report.copy") and found.findings == "Clear."
    read("A1.txt", "")
    found, empty = readers.read_path(tmp_path, {})
    assert (found.accession, found.impression, empty.code) == ("A1", "Normal.", "report.empty")


def test_broken_long_and_large_ones_are_failures(only, monkeypatch):
    whole = pdf(*PAGES)
    assert only("a.pdf", whole[: whole.index(b"xref")]).message == "A PDF ends too early."
    assert only("a.pdf", whole[:300] + b"%%EOF").message == "A PDF is broken, or locked by a password."
    assert only("a.pdf", whole + bytes(5000)).impression == "Normal."  # a block of the disk
    assert (
        only("a.pdf", pdf(*(f"FINDINGS: Clear, {n}." for n in range(41)))).message
        == "A PDF has more pages than any report."
    )
    monkeypatch.setattr(parsing, "MAX_BYTES", 99)
    assert only("a.pdf", whole).code == "report.too_large"


def test_nothing_is_quoted_where_a_password_locks_it(only, capsys, caplog):
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Title": "DOE"})
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    found = only("a.pdf", out.getvalue())
    assert (
        found.message == "A PDF is broken, or locked by a password."
        and "DOE" not in caplog.text + capsys.readouterr().err
    )
