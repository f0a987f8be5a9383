"""A study on paper: what a reader finds on it, the same bytes each time, and what happens without a browser."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from builders.programs import need
from builders.tool import Tool
from builders.views import study_view, write_films
from pypdf import PdfReader

from cxrreport import DISCLAIMER
from cxrreport.errors import InputError
from cxrreport.export.folder import Folder
from cxrreport.export.pdf import open_writer, print_page
from cxrreport.export.subject import Subject


def printed(view: Subject, place: Path) -> bytes:
    with Folder(place) as folder, open_writer(folder, "pdf") as writer:
        writer.add(view)
    return (place / "pdf" / f"{view.view.stem}.pdf").read_bytes()


def test_a_print_tells_what_the_page_does_and_is_always_the_same(tmp_path: Path) -> None:
    need("chromium")
    subject = Subject(study_view({"flags": ()}, write_films(tmp_path)), 10_000_000)
    first, second = (printed(subject, tmp_path / name) for name in ("a", "b"))
    assert first == second
    pdf = PdfReader(io.BytesIO(first))
    text = " ".join("".join(page.extract_text() for page in pdf.pages).split())
    for words in (
        DISCLAIMER,
        "There is a new right pleural effusion",
        "A1",
        "No pleural effusion. Normal heart.",
        "91 %",
    ):
        assert words in text
    assert len(pdf.pages[0].images) == 3 and "Worklist" not in text
    sheets = [" ".join(page.extract_text().split()) for page in pdf.pages]
    assert len(sheets) > 1 and all(DISCLAIMER in sheet and "P1 A1 2024-03-05" in sheet for sheet in sheets)
    assert pdf.metadata and "2024-03-06 01:02:03" in str(pdf.metadata.creation_date)  # that of the draft


def test_a_browser_that_fails_costs_the_study_its_print() -> None:
    with pytest.raises(InputError) as failed:
        print_page("/bin/false", b"<p>page</p>")
    assert failed.value.code == "browser.failed"


def test_without_a_browser_the_export_ends_before_any_work(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert drafted("export", "--format", "html", "--format", "pdf", tmp_path / "out") == 69
    assert "[browser.missing]" in drafted.err and not (tmp_path / "out" / "studies").exists()
