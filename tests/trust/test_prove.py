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
    assert drafted.json("trust") == {"judged": 0, "opened": [], "closed": []}
    key = "SELECT key_sha256 FROM judgement ORDER BY draft_id"
    before = drafted.rows(key)
    found = drafted.json("index", _report(tmp_path / "r", "A202", "Large left pleural effusion."))
    assert found["judged"] >= 1 and found["gates"] == {"opened": [], "closed": []}
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


def test_gated_drafts_keep_back_what_is_not_proved(
    drafted: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXRREPORT_GATED", "true")
    drafted.json("trust", "gates", "--set", "edema", "state", "open", "--reason", "x")
    drafted.json("generate", shared_export, "--redo", "all")
    rows = drafted.rows(
        "SELECT DISTINCT finding || ':' || withheld FROM finding JOIN draft ON draft.id = draft_id"
        " WHERE status = 'preliminary'"
    )
    assert set(rows) == {f"{f}:{'change' if f == 'edema' else 'state'}" for f in FINDINGS}
    shown = drafted.json("show", "A201")
    assert {row["finding"] for row in shown["draft"]["finding_rows"]} <= {"edema"}
