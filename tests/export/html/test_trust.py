"""The page of a trust report: what it shows, in a real browser too, and that nothing in it is markup."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from builders.browser import watched
from builders.trust import agreed, judged

from cxrreport.drafts import ReviewStatus
from cxrreport.export.html.trust import render_report
from cxrreport.findings import State
from cxrreport.mistakes import Disagreement
from cxrreport.trust.disagreements import spans
from cxrreport.trust.document import document
from cxrreport.trust.gathered import Gathered
from cxrreport.trust.report import GROUPS

HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
DRAFT, SIGNED = f"Left pleural effusion. {HOSTILE}", f"Right pleural effusion.\n\nImpression: no edema. {HOSTILE}"


@pytest.fixture(scope="module")
def page() -> bytes:
    """Sixty studies of two months and two devices; every tenth is told of another side."""
    gathered = Gathered(GROUPS["device"])
    for number in range(1, 61):
        one = agreed("pleural effusion", State.POSITIVE, State.POSITIVE)
        wrong = number % 10 == 0
        rows = [replace(one, verdict="wrong", dimension="side")] if wrong else [one]
        gathered.add(
            judged(
                *rows, draft_id=number, study_id=number, patient_id=number, errors=int(wrong), edits=0.4,
                at=datetime(2024, 1 + number % 2, 3), device=HOSTILE if number % 3 else "ACME", comment=HOSTILE,
                review=ReviewStatus.REJECTED if number == 7 else None, probabilities={"pleural effusion": number / 61},
            )
        )  # fmt: skip
    found = {"weights_sha256": "ab" * 32, "since": None, "until": None, **document(gathered, "device")}
    keys = {("pleural effusion", "")}
    worst = [Disagreement(row, DRAFT, SIGNED, spans(DRAFT, keys), spans(SIGNED, keys)) for row in found["worst"]]
    return render_report(found, worst, {60: "worst/60.html"})


@pytest.fixture
def place(page: bytes, tmp_path: Path) -> Path:
    file = tmp_path / "trust.html"
    file.write_bytes(page)
    return file


def test_nothing_of_tags_and_texts_is_markup(page: bytes) -> None:
    text = page.decode()
    assert "<script>alert" not in text and "<img" not in text and text.count("&lt;script&gt;alert(1)") >= 4
    assert "onclick" not in text and text.count("<script>") == 1


def test_the_page_shows_the_numbers_the_curves_and_the_texts(browser: Any, place: Path) -> None:
    with watched(browser, place) as seen:
        cells = seen.page.locator("main section").first.locator("tbody tr").all_inner_texts()
        assert [row.split("\t")[1] for row in cells] == ["40", "20"]
        assert seen.page.locator("svg.curve circle").count() == 10
        assert seen.page.locator("svg.course").first.locator("circle").count() == 2
        assert seen.page.locator("article").count() == 6
        assert set(seen.page.locator("mark").all_inner_texts()) == {"Left pleural effusion", "Right pleural effusion"}
        assert seen.page.locator("article a").get_attribute("href") == "worst/60.html"
    assert seen.complaints == [] and seen.requests == [place.as_uri()]


@pytest.mark.parametrize("options", [{"width": 400}, {"color_scheme": "dark"}, {"java_script_enabled": False}])
def test_the_page_fits_any_reader(browser: Any, place: Path, options: dict[str, Any]) -> None:
    with watched(browser, place, **options) as seen:
        across = seen.page.locator("body").bounding_box()["width"]
        assert across <= seen.page.viewport_size["width"]
        assert all(one["width"] <= across for one in (s.bounding_box() for s in seen.page.locator("section").all()))
        assert seen.page.locator("h1").is_visible()
    assert seen.complaints == []


def test_all_groups_are_on_paper(browser: Any, place: Path) -> None:
    with watched(browser, place) as seen:
        folded = seen.page.locator("details").last.locator("table").first
        assert not folded.is_visible()
        seen.page.emulate_media(media="print")
        assert folded.is_visible() and not seen.page.locator(".theme").is_visible()
