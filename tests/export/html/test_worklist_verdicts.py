"""Verdicts that a reader gives in the worklist: kept, saved, taken back and forgotten, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders.worklist import READER, ROWS, Opened, chosen, make_row, stems, write_worklist


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
