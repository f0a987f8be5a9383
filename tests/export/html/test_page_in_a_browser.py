"""The page of a study as a reader uses it: wiping, pointing, keys, dark, print, without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.browser import Watched, watched
from builders.views import PRIOR_REPORT, STUDY, study_view, write_films

from cxrreport.export.html.page import render
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject

EFFUSION = '[data-f~="pleural-effusion"]'
HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def write_page(folder: Path, view: StudyView) -> Path:
    page = folder / "page.html"
    page.write_bytes(render(Subject(view, 10_000_000), "../index.html"))
    return page


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    return write_page(folder, study_view({"flags": ()}, write_films(folder)))


@pytest.fixture
def opened(browser: Any, place: Path) -> Iterator[Watched]:
    """The page; in the end nothing has gone wrong in it, and it has asked nobody for anything."""
    with watched(browser, place) as seen:
        yield seen
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith("data:")] == [place.as_uri()]


def lit(page: Any) -> set[str]:
    """Tags of what is lit up."""
    return set(page.eval_on_selector_all(".lit", "all => all.map((one) => one.tagName.toLowerCase())"))


def shown(page: Any) -> list[str]:
    """Films that can be seen."""
    script = "all => all.filter((one) => getComputedStyle(one).visibility === 'visible').map((one) => one.classList[1])"
    return list(page.eval_on_selector_all("img.film", script))


@pytest.mark.parametrize("part", ["mark", "tr", ".box"])
def test_words_rows_and_boxes_of_a_finding_light_up_together(opened: Watched, part: str) -> None:
    page = opened.page
    pointed = page.locator(f"{part}{EFFUSION}").first
    pointed.hover()
    assert lit(page) == {"mark", "tr", "g"}
    page.mouse.move(0, 0)
    assert lit(page) == set()
    pointed.focus()
    assert lit(page) == {"mark", "tr", "g"}


def test_the_border_between_the_films_moves_by_pointer_and_key(opened: Watched) -> None:
    page = opened.page
    slider, stage = page.get_by_role("slider"), page.locator(".stage")
    covers = "one => getComputedStyle(one).clipPath"

    def clipped() -> str:
        return str(page.locator("img.prior").evaluate(covers))

    assert slider.input_value() == "50" and "50%" in clipped()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "55" and "55%" in clipped()
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.9)
    page.mouse.down()
    assert abs(int(slider.input_value()) - 25) <= 1
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.9)
    page.mouse.up()
    assert abs(int(slider.input_value()) - 80) <= 1
    slider.fill("10")
    assert "10%" in clipped()


def test_keys_and_buttons_choose_what_is_shown(opened: Watched) -> None:
    page = opened.page
    seen = {}
    for key in "12345":
        page.keyboard.press(key)
        seen[key] = shown(page)
    assert seen == {
        "1": ["current"],
        "2": ["prior"],
        "3": ["current", "prior"],
        "4": ["current", "prior"],
        "5": ["difference"],
    }
    page.get_by_role("button", name="Side by side").click()
    current, prior = (page.locator(f"img.{kind}").bounding_box() for kind in ("current", "prior"))
    assert prior["x"] >= current["x"] + current["width"] and prior["y"] == current["y"]
    page.keyboard.press("b")
    box = page.locator(".box").first
    assert box.evaluate("one => getComputedStyle(one).opacity") == "0"
    box.focus()
    assert box.evaluate("one => getComputedStyle(one).opacity") == "1"


def test_a_prior_that_does_not_fit_stands_beside_and_bears_no_boxes(browser: Any, tmp_path: Path) -> None:
    place = write_page(tmp_path, study_view({"flags": ("prior_unregistered",)}, write_films(tmp_path)))
    with watched(browser, place) as window:
        page = window.page
        assert page.locator(".stage").get_attribute("data-mode") == "side"
        page.keyboard.press("3")
        page.keyboard.press("5")
        assert shown(page) == ["current", "prior"] and page.get_by_role("slider").count() == 0
        page.keyboard.press("2")
        assert shown(page) == ["prior"] and not page.locator(".box").first.is_visible()


def test_a_study_alone_has_one_film_and_no_columns_of_a_prior(browser: Any, tmp_path: Path) -> None:
    place = write_page(tmp_path, study_view(films=write_films(tmp_path, prior=False), prior=None, prior_report=None))
    with watched(browser, place) as window:
        page = window.page
        assert shown(page) == ["current"] and page.locator("[data-mode]:is(button)").count() == 0
        assert page.locator(".findings").first.locator("thead th").all_inner_texts() == ["Finding", "Now"]
    assert window.complaints == []


def test_dark_and_light_follow_the_system_until_somebody_chooses(browser: Any, place: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for scheme in ("light", "dark"):
        with watched(browser, place, color_scheme=scheme) as window:
            before = window.page.evaluate(background)
            window.page.get_by_role("button", name="Change between dark and light").click()
            seen[scheme] = [before, window.page.evaluate(background)]
            window.page.reload()
            assert window.page.evaluate(background) == seen[scheme][1]
    assert seen["light"] == seen["dark"][::-1] and seen["light"][0] != seen["light"][1]


@pytest.mark.parametrize("width", [1280, 1920])
def test_a_page_fits_its_window_and_shows_the_film_without_scrolling(browser: Any, place: Path, width: int) -> None:
    with watched(browser, place, width) as window:
        assert window.page.evaluate("document.documentElement.scrollWidth") <= width
        film = window.page.locator("img.current").bounding_box()
        assert film["width"] > 0.3 * width and film["y"] + film["height"] < width * 9 / 16


def test_a_print_has_the_films_side_by_side_the_label_and_no_buttons(opened: Watched) -> None:
    page = opened.page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    left = [page.locator(f"img.{kind}").bounding_box()["x"] for kind in ("current", "prior", "difference")]
    assert left == sorted(left) and len(set(left)) == 3
    assert page.locator(".disclaimer").first.is_visible() and not page.locator(".controls").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator(".stage").get_attribute("data-mode") == "wipe"


def test_without_scripts_everything_can_be_read(browser: Any, place: Path) -> None:
    with watched(browser, place, java_script_enabled=False) as window:
        page = window.page
        assert shown(page) == ["current", "prior", "difference"] and not page.locator(".controls").is_visible()
        assert page.get_by_text("There is a new right pleural effusion").first.is_visible()
        page.locator("summary").first.click()
        assert page.locator("details[open]").count() == 1


def test_what_others_wrote_never_acts(browser: Any, tmp_path: Path) -> None:
    study = replace(STUDY, description=HOSTILE, indication=HOSTILE, institution=HOSTILE, accession=HOSTILE)
    draft = {"findings": HOSTILE, "impression": HOSTILE, "spans": (), "priority_reason": HOSTILE}
    report = replace(PRIOR_REPORT, findings=HOSTILE, impression=HOSTILE)
    place = write_page(tmp_path, study_view(draft, write_films(tmp_path), study=study, prior_report=report))
    with watched(browser, place) as window:
        window.page.on("dialog", lambda _: pytest.fail("a script ran"))
        window.page.wait_for_timeout(100)
        assert window.page.title().startswith(HOSTILE) and window.page.get_by_text(HOSTILE).count() >= 4
    assert window.complaints == [] and [url for url in window.requests if not url.startswith("data:")] == [
        place.as_uri()
    ]


def test_on_a_narrow_screen_no_word_of_the_table_lies_over_its_neighbour(browser: Any, place: Path) -> None:
    over = "all => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"
    with watched(browser, place, width=500) as seen:
        seen.page.eval_on_selector_all("details", "all => all.forEach((one) => { one.open = true; })")
        assert "cardiomediastinum" in "".join(seen.page.locator(".findings").all_inner_texts())
        assert seen.page.eval_on_selector_all(".findings :is(th, td)", over) == []
