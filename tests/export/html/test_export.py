"""`export --format html`: every page in the worklist, the same again after a kill, and no study left out in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders.browser import watched
from builders.tool import Tool
from builders.worklist import read_data

from cxrreport.errors import InputError
from cxrreport.export import html


def rows(place: Path) -> list[dict[str, Any]]:
    data = read_data(place / "index.html")
    return [dict(zip(data["columns"], row)) for row in data["rows"]]


def without_films(monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    """Let `make` write the pages, and nobody read a film for them."""
    monkeypatch.setattr(html, "render", make)
    monkeypatch.setattr(html.Pages, "draws", lambda *_: False)


def test_a_study_has_a_page_with_its_films(drafted: Tool, tmp_path: Path) -> None:
    assert drafted("export", "--format", "html", "--study", "A101", tmp_path / "out") == 0
    assert [row["accession"] for row in rows(tmp_path / "out")] == ["A101"]
    assert "data:image/webp" in next((tmp_path / "out/studies").iterdir()).read_text("utf-8")


def test_every_draft_has_a_row_and_a_page(drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_films(monkeypatch, lambda *_: b"a page")
    assert drafted("export", "--format", "html", tmp_path / "out") == 0
    listed = drafted.json("drafts")["drafts"]
    found = rows(tmp_path / "out")
    assert [row["draft"] for row in found] == [draft["draft_id"] for draft in listed] and found
    assert {f"{row['stem']}.html" for row in found} == {page.name for page in (tmp_path / "out/studies").iterdir()}
    assert read_data(tmp_path / "out/index.html")["verdicts"] is True


def test_an_export_that_was_cut_short_ends_as_one_that_was_not(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def make(*_: Any) -> bytes:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return b"a page"

    without_films(monkeypatch, make)
    drafted("export", "--format", "html", tmp_path / "cut")
    assert not (tmp_path / "cut/index.html").exists() and len(list((tmp_path / "cut/studies").iterdir())) == 2
    for name in ("cut", "whole"):
        assert drafted("export", "--format", "html", tmp_path / name) == 0
    whole, cut_short = ({p.name: p.read_bytes() for p in (tmp_path / n).rglob("*.html")} for n in ("whole", "cut"))
    assert whole == cut_short


def test_a_study_without_its_page_has_a_row_that_says_why(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> bytes:
        raise InputError("No.", "draft.stale")

    without_films(monkeypatch, fail)
    assert drafted("export", "--format", "html", tmp_path / "out") == 3
    assert {row["no_page"] for row in rows(tmp_path / "out")} == {"draft.stale"}
    assert not (tmp_path / "out/studies").exists()


def test_verdicts_of_the_list_come_back_with_the_next_export(
    browser: Any, drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_films(monkeypatch, lambda *_: b"a page")
    drafted("export", "--format", "html", tmp_path / "out")
    with watched(browser, tmp_path / "out/index.html") as seen:
        seen.page.keyboard.press("j")
        seen.page.keyboard.press("a")
        seen.page.fill("#verdict [name=reviewer]", "Dr. C")
        seen.page.click("#verdict [value=keep]")
        with seen.page.expect_download() as download:
            seen.page.keyboard.press("s")
        download.value.save_as(tmp_path / "verdicts.json")
        assert drafted("review", "--import", tmp_path / "verdicts.json") == 0
        drafted("export", "--format", "html", tmp_path / "out")
        seen.page.reload()
        assert seen.page.inner_text("tbody tr >> nth=0").endswith("accepted\nDr. C")
    assert [row["status"] for row in rows(tmp_path / "out")].count("accepted") == 1
