"""`review`: one verdict, a file of them, and what becomes of the draft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from builders.tool import Tool

from cxrreport.files import lock


def page(file: Path, *verdicts: dict[str, Any]) -> Path:
    """What a worklist writes."""
    file.write_text(json.dumps({"cxrreport_verdicts": 1, "reviewer": "Dr. Ö", "verdicts": verdicts}))
    return file


def verdict(draft: int, uid: str, status: str = "accepted") -> dict[str, Any]:
    return {"draft": draft, "study_uid": uid, "status": status, "text": "", "comment": "", "at": "2026-01-02T03:04:05Z"}


def test_a_verdict_is_shown_beside_the_draft_that_stays(drafted: Tool, tmp_path: Path) -> None:
    before = drafted.json("show", "A103")["draft"]
    text = tmp_path / "text"
    text.write_text("No effusion.\x1b[2J\n")
    given = ("--status", "edited", "--text", text, "--comment", "A fold.", "--by", "Dr. X")
    assert drafted("review", "A103", *given) == 0 and "is edited" in drafted.out
    after = drafted.json("show", "A103")["draft"]
    review = after["review"]
    assert (review["status"], review["reviewer"], review["comment"]) == ("edited", "Dr. X", "A fold.")
    changed = {"status", "review"}
    assert {k: v for k, v in after.items() if k not in changed} == {k: v for k, v in before.items() if k not in changed}
    drafted("show", "A103")
    assert "Review      edited by Dr. X" in drafted.out and "No effusion." in drafted.out and "\x1b" not in drafted.out
    assert drafted.rows("SELECT actor, subject FROM audit WHERE action = 'review'") == [("Dr. X", "draft 3")]


def test_what_is_reviewed_is_not_drafted_again_and_what_is_rejected_leaves_the_lists(drafted: Tool) -> None:
    total = drafted.json("drafts")["total"]
    assert drafted("review", "A102", "--status", "accepted") == 0
    assert drafted("review", "A103", "--status", "rejected") == 0
    assert drafted.json("generate", "--study", "A103")["drafted"] == 0
    assert drafted.json("drafts")["total"] == total - 1
    (rejected,) = drafted.json("drafts", "--status", "rejected")["drafts"]
    assert rejected["accession"] == "A103" and drafted.json("show", "A103")["draft"]["status"] == "rejected"
    assert drafted("review", "A103", "--status", "accepted") == 0  # taken back
    assert drafted.json("show", "A103")["draft"]["status"] == "reviewed" and drafted.json("drafts")["total"] == total


def test_verdicts_of_a_worklist_are_imported_once(drafted: Tool, tmp_path: Path) -> None:
    good, other = verdict(1, "1.2.9.101", "rejected"), verdict(2, "1.2.9.103")
    file = page(tmp_path / "verdicts.json", good, other, verdict(99, "1.2.9.102"), {"status": "signed"})
    found = drafted.json("review", "--import", file, code=3)
    assert (found["added"], found["known"]) == (1, 0) and found["refused"] == {
        "review.unknown": 2,
        "review.malformed": 1,
    }
    assert [one["entry"] for one in found["problems"]] == [2, 3, 4]
    assert drafted("review", "--import", file) == 3 and "known            1" in drafted.out
    assert "Entry 2:" in drafted.out and "1.2.9" not in drafted.out
    assert drafted.rows("SELECT draft_id, status, reviewer FROM review") == [(1, "rejected", "Dr. Ö")]
    assert len(drafted.rows("SELECT id FROM audit WHERE action = 'review'")) == 1


def test_a_table_of_a_hospital_is_imported_once(drafted: Tool, tmp_path: Path) -> None:
    file = tmp_path / "verdicts.csv"
    file.write_text("study;status;comment\nA101;accepted;\nA999;accepted;\n1.2.9.102;rejected;too dark\n")
    assert drafted.json("review", "--import", file, code=3)["refused"] == {"review.malformed": 3}, "nobody has judged"
    found = drafted.json("review", "--import", file, "--by", "nightly", code=3)
    assert found["added"] == 2 and found["problems"][0]["entry"] == 3 and found["refused"] == {"study.unknown": 1}
    assert drafted.json("review", "--import", file, "--by", "nightly", code=3)["known"] == 2
    assert drafted.rows("SELECT status, reviewer FROM review ORDER BY draft_id") == [
        ("accepted", "nightly"), ("rejected", "nightly"),
    ]  # fmt: skip


def test_what_makes_no_verdict_is_refused(drafted: Tool, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("Other.")
    for arguments in (
        ("review", "A103"),
        ("review", "--status", "accepted"),
        ("review", "A103", "--import", text),
        ("review", "A103", "--status", "edited", "--text", tmp_path / "none"),
        ("review", "A999", "--status", "accepted"),
        ("review", "--import", text),
    ):
        assert drafted(*arguments) == 2, drafted.out
    assert drafted("review", "A103", "--status", "accepted", "--text", text) == 3 and "review.malformed" in drafted.err
    with lock(drafted.home / "lock", "home"):
        assert drafted("review", "A103", "--status", "accepted") == 75
    assert drafted.rows("SELECT id FROM review") == []
