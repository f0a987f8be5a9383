"""The worklist as a reader uses it: clicked through in a real browser, without a network."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from builders.browser import Watched, watched
from builders.worklist import make_row, write_worklist
from pypdf import PdfReader

from cxrreport import DISCLAIMER
from cxrreport.export.html.rows import Row

ROWS = [  # in the order of an export
    make_row(4, priority="critical", date="2024-05-01 10:00", changes=(("pneumothorax", "new"),), institution="North"),
    make_row(2, priority="urgent", date="2024-04-01", changes=(("edema", "improved"),), present=(("edema", "80 %"),)),
    make_row(
        10, priority="notable", date="2024-03-01", changes=(), flags=("film_turned",), text="A calcified granuloma."
    ),
    make_row(1, priority="routine", date="", changes=(), present=(), unsure=(), flags=(), view="AP", status="reviewed"),
]
READER = "Dr. T"
TAG = "<img src=x onerror=document.title='taken'>"

Opened = Callable[..., AbstractContextManager[Watched]]


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Opened:
    """Return a function that opens a worklist of rows."""

    def open_list(rows: list[Row] = ROWS, verdicts: bool = True, **options: Any) -> AbstractContextManager[Watched]:
        page = write_worklist(tmp_path, rows, {"study.no_frontal": 3}, verdicts)
        for row in rows[:10]:
            (tmp_path / "studies").mkdir(exist_ok=True)
            (tmp_path / f"studies/{row.stem}.html").write_text(f"<a href='../index.html#{row.stem}'>back</a>")
        return watched(browser, page, **options)

    return open_list


@pytest.fixture
def listed(opened: Opened) -> Iterator[Any]:
    """The page of `ROWS`, whose reader is known; it must ask for nothing and complain of nothing."""
    with opened() as seen:
        seen.page.evaluate(f"localStorage.setItem('cxrreport-reader', '{READER}')")
        yield seen.page
        assert not seen.complaints and all(url.startswith(("file:", "blob:")) for url in seen.requests)


def stems(page: Any) -> list[int]:
    return [
        int(stem) for stem in page.locator("tbody tr").evaluate_all("lines => lines.map((line) => line.dataset.stem)")
    ]


def chosen(page: Any) -> str | None:
    found: str | None = page.evaluate("document.querySelector('tr.at')?.dataset.stem")
    return found


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


# -- verdicts ---------------------------------------------------------------------------------------------------------


def place_of(page: Any) -> Path:
    return Path(page.url.removeprefix("file://").partition("#")[0]).parent


def saved(page: Any) -> dict[str, Any]:
    with page.expect_download() as download:
        page.keyboard.press("s")
    found: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
    return found


def test_verdicts_are_kept_and_saved_as_they_were_given(listed: Any) -> None:
    listed.keyboard.press("j")
    listed.keyboard.press("a")
    listed.keyboard.press("j")
    listed.keyboard.press("e")
    listed.fill("#verdict [name=text]", "")
    listed.click("text=Keep")
    assert listed.is_visible("#verdict")  # who edits says what is right instead
    listed.fill("#verdict [name=text]", "Edema, “mild” <now>.\nElse normal.")
    listed.fill("#verdict [name=reviewer]", "Dr. Ä")
    listed.click("text=Keep")
    listed.keyboard.press("j")
    listed.keyboard.press("r")
    listed.fill("#verdict [name=comment]", "Other patient?")
    listed.click("text=Keep")
    listed.reload()
    listed.select_option("select[name=status]", "rejected")
    assert stems(listed) == [10]
    found = saved(listed)
    assert found["cxrreport_verdicts"] == 1 and found["reviewer"] == "Dr. Ä"
    told = [[one[name] for name in ("draft", "study_uid", "status", "text", "comment")] for one in found["verdicts"]]
    assert told == [
        [4, "1.2.4", "accepted", None, None],
        [2, "1.2.2", "edited", "Edema, “mild” <now>.\nElse normal.", None],
        [10, "1.2.10", "rejected", None, "Other patient?"],
    ]
    assert [one["reviewer"] for one in found["verdicts"]] == [READER, "Dr. Ä", "Dr. Ä"]
    assert all(one["at"].endswith("Z") and one["at"][:2] == "20" for one in found["verdicts"])


@pytest.mark.parametrize("kept", ["localStorage", "sessionStorage"])
def test_a_browser_that_keeps_nothing_says_so_and_saves_all_the_same(listed: Any, kept: str) -> None:
    refuse = f"Object.defineProperty(window, '{kept}', {{ get() {{ throw new Error('refused'); }} }})"
    listed.add_init_script(refuse)
    listed.reload()
    listed.keyboard.press("j")
    listed.keyboard.press("a")
    if kept == "localStorage":  # nor who reads
        listed.click("#verdict [value=keep]")
        assert listed.is_visible("#verdict")
        listed.fill("#verdict [name=reviewer]", "Dr. Ä")
        listed.click("#verdict [value=keep]")
    assert ("save them before you leave" in listed.inner_text("#said")) == (kept == "localStorage")
    assert [one["draft"] for one in saved(listed)["verdicts"]] == [4]


def test_a_verdict_can_be_taken_back_and_all_be_forgotten(listed: Any) -> None:
    for key in "jaja":
        listed.keyboard.press(key)
    write_worklist(place_of(listed), ROWS[1:])  # another call: the first draft is in no list any more
    listed.reload()
    listed.click("tr[data-stem='10'] .of-date")
    for key in "au":
        listed.keyboard.press(key)
    assert listed.locator("td .accepted").count() == 1
    listed.keyboard.press("e")
    listed.click("text=Cancel")
    assert listed.locator("td .edited").count() == 0
    listed.on("dialog", lambda asked: asked.accept())
    listed.click("#forget")
    assert listed.locator("td .accepted").count() == 0 and listed.inner_text("tbody tr >> nth=0").endswith(
        "preliminary"
    )
    listed.keyboard.press("s")
    assert listed.inner_text("#said") == "There are no verdicts to save."
    assert listed.evaluate("Object.keys(localStorage)") == []


def test_a_verdict_that_the_archive_holds_by_now_is_the_archives(opened: Opened) -> None:
    with opened([make_row(1), make_row(2)]) as seen:
        seen.page.evaluate(f"localStorage.setItem('cxrreport-reader', '{READER}')")
        for key in "jaja":
            seen.page.keyboard.press(key)
        given = {one["draft"]: one["at"] for one in saved(seen.page)["verdicts"]}
        imported = make_row(1, status="accepted", reviewer="Dr. A", judged=given[1].replace("Z", "+00:00"))
        older = make_row(2, status="rejected", reviewer="Dr. B", judged="2020-01-01T00:00:00+00:00")
        write_worklist(place_of(seen.page), [imported, older])
        seen.page.reload()
        assert seen.page.locator(".of-status").all_inner_texts() == ["accepted\nDr. A", "accepted\nnot imported"]
        seen.page.on("dialog", lambda asked: asked.accept())
        seen.page.click("#forget")
        kept = seen.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('cxrreport-verdict/'))")
        assert not kept, "what is imported is forgotten, too"


def test_who_judges_what_nobody_has_judged_is_led_to_the_next(listed: Any) -> None:
    listed.select_option("select[name=status]", "preliminary")
    listed.locator("body").press("j")
    listed.keyboard.press("j")
    listed.keyboard.press("a")
    assert stems(listed) == [4, 10] and chosen(listed) == "10"
    listed.keyboard.press("a")
    assert stems(listed) == [4] and chosen(listed) == "4"


def test_nobody_judges_studies_under_other_names(opened: Opened) -> None:
    with opened(verdicts=False) as seen:
        seen.page.keyboard.press("j")
        seen.page.keyboard.press("a")
        assert not seen.page.locator(".judging:visible").count() and not seen.page.locator("td .accepted").count()
