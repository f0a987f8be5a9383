"""`cxrreport trust` on the small archive, from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.tool import Tool

from cxrreport.findings import FINDINGS
from cxrreport.trust.policy import GATED


def _report(folder: Path, accession: str, words: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{accession}.txt").write_text(f"FINDINGS: {words}\n\nIMPRESSION: {words}\n")
    return folder


def test_drafts_are_judged_once_and_again_when_a_report_changes(drafted: Tool, tmp_path: Path) -> None:
    assert drafted.json("trust")["judged"] == 3
    assert drafted.json("trust") == {"judged": 0, "opened": [], "closed": [], "withdrawn": 0, "alarms": []}
    key = "SELECT key_sha256 FROM judgement ORDER BY draft_id"
    before = drafted.rows(key)
    found = drafted.json("index", _report(tmp_path / "r", "A202", "Large left pleural effusion."))
    assert found["judged"] >= 1 and found["gates"] == {"opened": [], "closed": [], "withdrawn": 0}
    after = drafted.rows(key)
    assert len(after) == 4 and len({*after} - {*before}) == found["judged"]
    assert "positive" in drafted.rows("SELECT DISTINCT signed FROM agreement WHERE finding = 'pleural effusion'")


def test_gates_are_listed_held_and_given_back(drafted: Tool) -> None:
    assert len(drafted.json("trust", "gates")) == 2 * len(GATED)
    held = ("trust", "gates", "--set", "edema", "state", "open", "--reason", "read by hand", "--by", "chief")
    assert drafted.json(*held)[0]["held"] is True
    (one,) = [gate for gate in drafted.json("trust", "gates") if gate["open"]]
    assert (one["finding"], one["subject"], one["reason"]) == ("edema", "state", "read by hand")
    assert drafted.json("trust", "gates", "--set", "edema", "state", "rule", "--reason", "enough")[0]["held"] is False
    assert drafted.json("trust", "gates", "--set", "cough", "state", "open", "--reason", "x", code=2)
    assert drafted("trust", "gates", "--set", "edema", "state", "open") == 2 and "--reason" in drafted.err


def test_where_nothing_is_proved_drafts_are_whole_and_nobody_sees_them(
    drafted: Tool, shared_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRREPORT_WITHHOLD", "unproved")
    found = drafted.json("generate", shared_export)
    waiting = "FROM draft WHERE status = 'preliminary' AND shadow"
    assert found["withdrawn"] == found["drafted"] == len(drafted.rows(f"SELECT id {waiting} AND findings <> ''")) > 0
    (study, *_) = drafted.rows(f"SELECT study_id {waiting}")
    marked = "SELECT DISTINCT draft_id FROM finding WHERE withheld <> ''"
    assert not {*drafted.rows(marked)} & {*drafted.rows(f"SELECT id {waiting}")}
    assert drafted("show", study) == 3 and "proved themselves in no finding" in drafted.out
    assert drafted.json("show", study, code=3)["no_draft"]["code"] == "draft.unproved"
    assert drafted.json("status")["gates"] == {
        "open": 0, "failed": 0, "unproved": 26, "held": 0, "withhold": "unproved",
    }  # fmt: skip


def test_a_gate_that_closes_takes_unread_drafts_along_until_they_are_made_again(
    drafted: Tool, shared_export: Path
) -> None:
    unread = (
        "SELECT id FROM draft WHERE status = 'preliminary'"
        " AND study_id NOT IN (SELECT study_id FROM report WHERE study_id IS NOT NULL AND status IN ('final', 'corrected'))"
    )
    before = drafted.rows(unread)
    (told,) = drafted.json("trust", "gates", "--set", "edema", "state", "closed", "--reason", "x")
    assert told["withdrawn"] == len(before) > 0 and drafted.rows(unread) == []
    assert drafted.json("generate", shared_export)["drafted"] == len(before)
    assert sorted(drafted.rows(unread)) == sorted(before)  # the same drafts, without it
    kept = "SELECT draft_id || finding FROM finding WHERE withheld = 'state'"
    assert set(drafted.rows(kept)) == {f"{draft}{finding}" for draft in before for finding in ("edema", "no finding")}
    assert drafted.json("status")["gates"]["held"] == 1
    assert drafted.json("generate", shared_export)["drafted"] == 0


def test_gated_drafts_keep_back_what_is_not_proved(
    drafted: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRREPORT_WITHHOLD", "unproved")
    drafted.json("trust", "gates", "--set", "edema", "state", "open", "--reason", "x")
    drafted.json("generate", shared_export, "--redo", "all")
    rows = drafted.rows(
        "SELECT DISTINCT finding || ':' || withheld FROM finding JOIN draft ON draft.id = draft_id"
        " WHERE status = 'preliminary'"
    )
    assert set(rows) == {f"{f}:{'change' if f == 'edema' else 'state'}" for f in FINDINGS}
    shown = drafted.json("show", "A201")
    assert {row["finding"] for row in shown["draft"]["finding_rows"]} <= {"edema"}
