"""From study to study in the order of the worklist, and a reader's verdict on a page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders.browser import watched
from builders.views import STUDY, study_view
from builders.worklist import read_data

from cxrreport.drafts import Review, ReviewStatus
from cxrreport.errors import InputError
from cxrreport.export import html
from cxrreport.export.folder import Folder
from cxrreport.export.subject import Subject

STEMS = (4, 2, 10)


def write_export(place: Path, review: Review | None = None, **changes: Any) -> Path:
    """Write a worklist and pages of three studies, without their films; returns the directory."""
    with Folder(place) as folder, html.open_writer(folder, "html") as writer:
        for stem in STEMS:
            study = replace(STUDY, study_id=stem, uid=f"1.2.{stem}", accession=f"A{stem}")
            view = study_view({"draft_id": stem, "review": review}, study=study)
            writer.add(Subject(replace(view, **changes), 10_000_000))
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_export(tmp_path_factory.mktemp("out"))


def test_next_and_previous_follow_the_worklist_as_it_was_left(browser: Any, place: Path) -> None:
    with watched(browser, place / "index.html") as seen:
        page = seen.page
        page.get_by_role("columnheader", name="Accession").get_by_role("button").click()  # A2, A4, A10
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/studies/2.html")
        assert page.inner_text(".place") == "1 of 3" and not page.locator("[rel=prev]").is_visible()
        page.keyboard.press("j")
        page.wait_for_url("**/studies/4.html")
        page.get_by_text("Next").click()
        page.wait_for_url("**/studies/10.html")
        assert not page.locator("[rel=next]").is_visible()
        page.keyboard.press("k")
        page.wait_for_url("**/studies/4.html")
        page.keyboard.press("w")
        page.wait_for_url("**/index.html*")
        assert page.evaluate("document.querySelector('tr.at').dataset.stem") == "4"
        assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Accession") and not seen.complaints


def test_a_page_that_is_opened_alone_offers_no_way_and_takes_a_verdict(browser: Any, place: Path) -> None:
    with watched(browser, place / "studies/2.html") as seen:
        page = seen.page
        assert not page.locator(".reading nav").is_visible()
        page.keyboard.press("e")
        assert "new right pleural effusion" in page.input_value("#verdict [name=text]")
        page.fill("#verdict [name=text]", "Small effusion.")
        page.fill("#verdict [name=reviewer]", "Dr. X")
        page.get_by_text("Keep", exact=True).click()
        assert page.inner_text(".given") == "edited"
        with page.expect_download() as download:
            page.keyboard.press("s")
        told = json.loads(Path(download.value.path()).read_text())["verdicts"]
        assert [(one["draft"], one["study_uid"], one["text"]) for one in told] == [(2, "1.2.2", "Small effusion.")]
        page.keyboard.press("w")
        page.wait_for_url("**/index.html*")
        assert page.inner_text("tr[data-stem='2'] .edited") == "edited" and not seen.complaints


def test_a_newer_verdict_of_the_archive_takes_the_place_of_the_one_given_here(browser: Any, tmp_path: Path) -> None:
    with watched(browser, write_export(tmp_path) / "studies/2.html") as seen:
        seen.page.keyboard.press("a")
        seen.page.fill("#verdict [name=reviewer]", "Dr. X")
        seen.page.click("#verdict [value=keep]")
        assert seen.page.inner_text(".given") == "accepted"
        write_export(tmp_path, Review(ReviewStatus.REJECTED, "Dr. Y", datetime(2099, 1, 1, tzinfo=UTC)))
        seen.page.reload()
        assert seen.page.inner_text(".given") == "" and "rejected by Dr. Y" in seen.page.inner_text(".facts")


def test_where_studies_bear_other_names_nobody_can_judge_them(browser: Any, tmp_path: Path) -> None:
    place = write_export(tmp_path, hides_source=True)
    page = (place / "studies/2.html").read_text("utf-8")
    assert "Accept" not in page and 'id="verdict"' not in page
    with watched(browser, place / "studies/2.html") as seen:
        seen.page.keyboard.press("a")
        assert not seen.complaints
    with watched(browser, place / "index.html") as seen:
        assert not seen.page.locator(".judging:visible").count() and not seen.complaints


def test_a_row_tells_of_films_that_are_lost(tmp_path: Path) -> None:
    with Folder(tmp_path) as folder, html.open_writer(folder, "html") as writer:
        writer.add(Subject(study_view(), 10_000_000, drawn=InputError("Gone.", "film.changed")))
    data = read_data(tmp_path / "index.html")
    row = dict(zip(data["columns"], data["rows"][0]))
    assert (row["no_page"], row["no_pictures"]) == ("", "film.changed") and "film.changed" in data["codes"]
