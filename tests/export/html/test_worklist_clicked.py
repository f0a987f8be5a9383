"""The worklist as a reader uses it: clicked through in a real browser, without a network."""

from __future__ import annotations

import io
from typing import Any

import pytest
from builders.worklist import ROWS, Opened, chosen, make_row, stems
from pypdf import PdfReader

from cxrreport import DISCLAIMER

TAG = "<img src=x onerror=document.title='taken'>"


# -- order and filters ------------------------------------------------------------------------------------------------


def test_the_most_urgent_comes_first(listed: Any) -> None:
    assert stems(listed) == [4, 2, 10, 1] and listed.inner_text("#count") == "4 drafts"


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("Patient", [1, 2, 4, 10]),  # P10 after P4
        ("Date", [1, 10, 2, 4]),
        ("Changed", [4, 2, 10, 1]),
        ("Flags", [1, 4, 2, 10]),
        ("Institution", [4, 2, 10, 1]),
        ("Status", [4, 2, 10, 1]),
    ],
)
def test_a_heading_sorts_and_the_same_again_turns_the_order(listed: Any, column: str, order: list[int]) -> None:
    heading = listed.get_by_role("columnheader", name=column).get_by_role("button")
    heading.click()
    assert stems(listed) == order
    heading.click()
    assert stems(listed)[0] != order[0] or column == "Institution"
    assert listed.locator("th[aria-sort=descending]").inner_text().strip().startswith(column)


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("priority", "urgent", [2]),
        ("change", "new", [4]),
        ("change", "any", [4, 2]),
        ("change", "none", [10, 1]),
        ("finding", "pneumothorax", [4]),
        ("finding", "pneumonia", [4, 2, 10]),  # cannot be decided
        ("flag", "film_turned", [10]),
        ("institution", "North", [4]),
        ("status", "reviewed", [1]),
    ],
)
def test_a_choice_leaves_the_rows_that_are_so(listed: Any, name: str, value: str, left: list[int]) -> None:
    listed.select_option(f"select[name={name}]", value)
    assert stems(listed) == left and listed.inner_text("#count") == f"{len(left)} of 4 drafts"
    listed.get_by_role("button", name="Clear").click()
    assert len(stems(listed)) == 4


def test_days_words_and_a_finding_with_its_change(listed: Any) -> None:
    listed.fill("[name=since]", "2024-03-02")
    assert stems(listed) == [4, 2]
    listed.fill("[name=until]", "2024-04-30")
    assert stems(listed) == [2]
    listed.click("#clear")
    listed.fill("[name=text]", "granuloma P10")
    assert stems(listed) == [10]
    listed.fill("[name=text]", "no such words")
    assert stems(listed) == [] and listed.is_visible("#none")
    listed.click("#clear")
    listed.select_option("[name=finding]", "edema")
    listed.select_option("[name=change]", "new")
    assert stems(listed) == []  # it is there, but what is new is another one


# -- keys, and the way to a study and back ----------------------------------------------------------------------------


def test_keys_choose_a_row_and_open_its_study_and_the_way_back_leads_to_it(listed: Any) -> None:
    listed.select_option("select[name=change]", "any")
    listed.locator("body").press("j")
    listed.keyboard.press("ArrowDown")
    assert chosen(listed) == "2"
    listed.keyboard.press("k")
    listed.keyboard.press("j")
    listed.keyboard.press("Enter")
    listed.wait_for_url("**/studies/2.html")
    listed.get_by_text("back").click()
    listed.wait_for_url("**/index.html*")
    assert chosen(listed) == "2" and stems(listed) == [4, 2]
    listed.keyboard.press("Enter")
    listed.wait_for_url("**/studies/2.html")
    listed.go_back()
    listed.wait_for_url("**/index.html*")
    assert chosen(listed) == "2" and stems(listed) == [4, 2]


def test_keys_search_tell_themselves_and_change_the_light(listed: Any) -> None:
    listed.keyboard.press("/")
    listed.keyboard.type("aj")  # letters, and no keys
    assert listed.input_value("[name=text]") == "aj" and chosen(listed) is None
    listed.keyboard.press("Escape")
    assert listed.input_value("[name=text]") == "" and len(stems(listed)) == 4
    listed.keyboard.press("?")
    keys = listed.get_by_role("dialog", name="Keys")
    keys.wait_for(state="visible")
    listed.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    darker = f"sum => {GROUND}.match(/[0-9]+/g).reduce((a, b) => a + Number(b), 0) < sum"
    light = sum(ground(listed))
    listed.keyboard.press("t")
    listed.wait_for_function(darker, arg=light)
    listed.reload()
    listed.wait_for_function(darker, arg=light)


def test_the_address_keeps_what_is_asked_for(listed: Any) -> None:
    listed.fill("[name=text]", "50% & more+")
    listed.get_by_role("columnheader", name="Date").get_by_role("button").click()
    listed.wait_for_url("**text=50*date*")
    listed.reload()
    assert listed.input_value("[name=text]") == "50% & more+"
    assert listed.locator("th[aria-sort=ascending]").inner_text().startswith("Date")


# -- how it looks -----------------------------------------------------------------------------------------------------


GROUND = "getComputedStyle(document.body).backgroundColor"


def ground(page: Any) -> list[int]:
    colour = page.evaluate(GROUND)
    return [int(part) for part in colour.strip("rgb()").split(",")]


def test_it_is_dark_where_the_system_is_and_on_paper_light(opened: Opened) -> None:
    with opened(color_scheme="dark") as seen:
        assert sum(ground(seen.page)) < 150
        seen.page.emulate_media(media="print")
        assert ground(seen.page) == [255, 255, 255]
    with opened(color_scheme="light") as seen:
        assert sum(ground(seen.page)) > 600


@pytest.mark.parametrize("width", [1280, 1920])
def test_it_fits_the_screen(opened: Opened, width: int) -> None:
    long = make_row(5, patient="9" * 64, institution="Hospital " * 8, reason="pleural effusion worsened (99 %) " * 4)
    with opened([long, *ROWS], width=width) as seen:
        assert seen.page.evaluate("document.querySelector('main').scrollWidth") <= width
        assert seen.page.locator("tbody tr").first.is_visible()


def test_on_paper_are_all_rows_that_are_asked_for_and_the_label(opened: Opened) -> None:
    with opened([make_row(stem) for stem in range(1, 251)]) as seen:
        seen.page.fill("[name=text]", "P1")
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(seen.page.pdf())).pages]
        assert "A199" in "".join(pages) and "A250" not in "".join(pages) and len(stems(seen.page)) == 100
    assert DISCLAIMER in pages[0] and "Institution" in pages[1] and "Search" not in pages[0]


def test_what_others_wrote_is_text(opened: Opened) -> None:
    hostile = make_row(1, patient=TAG, reason=TAG, institution=TAG, accession=TAG, flags=(TAG,), changes=((TAG, TAG),))
    with opened([hostile]) as seen:
        assert seen.page.inner_text("#count") == "1 draft"
        assert seen.page.title() == "Worklist of drafts" and not seen.page.locator("img").count()
        assert TAG in seen.page.inner_text("tbody") and not seen.complaints


def test_the_foot_tells_what_has_no_draft_and_a_row_what_has_no_page_or_film(opened: Opened) -> None:
    with opened([make_row(1, no_page="film.away"), make_row(2, no_pictures="film.changed")]) as seen:
        assert "3 × The study has no usable frontal image." in seen.page.inner_text("#missing")
        assert "no page: An image of the study" in seen.page.inner_text("tbody tr >> nth=0")
        assert "no pictures: An image is no longer" in seen.page.inner_text("tbody tr >> nth=1")
        assert seen.page.locator("tbody a").all_inner_texts() == ["A2"]


def test_ten_thousand_rows_hold_a_hundred_on_the_screen(opened: Opened) -> None:
    rows = [make_row(stem, text=f"Draft {stem}.", institution=f"House {stem % 7}") for stem in range(10_000)]
    with opened(rows) as seen:
        page = seen.page
        assert stems(page) == list(range(100))
        page.keyboard.press("n")
        assert stems(page)[0] == 100 and chosen(page) == "100"
        page.get_by_title("last", exact=True).click()
        assert stems(page) == list(range(9900, 10_000))
        page.fill("[name=text]", "draft 77")
        found = sum("77" in str(stem) for stem in range(10_000))
        assert page.inner_text("#count") == f"{found} of 10000 drafts" and len(stems(page)) == 100
