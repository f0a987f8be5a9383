"""`cxrreport trust` on the small archive, from end to end."""

from __future__ import annotations

import getpass
import re
from pathlib import Path

import pytest
from builders.tool import Tool
from sqlalchemy import text

from cxrreport.errors import ConfigurationError
from cxrreport.findings import FINDINGS
from cxrreport.trust import policy
from cxrreport.trust.policy import GATED


def _report(folder: Path, accession: str, words: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{accession}.txt").write_text(f"FINDINGS: {words}\n\nIMPRESSION: {words}\n")
    return folder


def _write(tool: Tool, statement: str) -> None:
    with tool.connection() as connection:
        connection.execute(text(statement))
        connection.commit()


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


def test_a_gate_that_is_given_back_is_as_the_rule_has_it(drafted: Tool) -> None:
    setting = ("trust", "gates", "--set", "pneumothorax", "state")
    assert drafted.json(*setting, "open", "--reason", "x")[0]["open"]
    (back,) = drafted.json(*setting, "rule", "--reason", "back")
    assert (back["open"], back["failed"], back["held"]) == (False, False, False)
    drafted.json("trust")
    assert not any(gate["open"] for gate in drafted.json("trust", "gates"))
    assert (
        drafted.rows("SELECT actor FROM audit WHERE action = 'gate' AND subject = 'pneumothorax, state'")
        == [getpass.getuser()] * 2
    )


def test_an_open_hand_does_not_undo_that_drafts_have_failed(drafted: Tool) -> None:
    setting = ("trust", "gates", "--set", "edema", "state")
    drafted.json(*setting, "closed", "--reason", "x")
    _write(drafted, "UPDATE gate SET failed = 1, held = 0 WHERE held")
    assert drafted.json(*setting, "open", "--reason", "x")[0]["open"]
    assert drafted.json("status")["gates"]["failed"] == 0
    (back,) = drafted.json(*setting, "rule", "--reason", "back")
    assert (back["open"], back["failed"]) == (False, True)
    assert drafted.json("status")["gates"]["failed"] == 1


def test_what_other_weights_have_opened_is_told_to_nobody_before_anyone_has_looked(
    drafted: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted.json("trust", "gates", "--set", "edema", "state", "open", "--reason", "x")
    _write(drafted, "UPDATE gate SET held = 0")
    monkeypatch.setenv("CXRREPORT_WITHHOLD", "unproved")
    assert drafted.json("status")["gates"]["open"] == 1
    _write(drafted, "UPDATE gate SET calibration_sha256 = 'another'")
    assert drafted.json("status")["gates"]["open"] == 0
    (gate,) = (one for one in drafted.json("trust", "gates") if (one["finding"], one["subject"]) == ("edema", "state"))
    assert not gate["open"] and gate["reason"] == "it was opened for other weights or another calibration"
    drafted.json("generate", shared_export, "--redo", "all")
    newest = "FROM draft WHERE run_id = (SELECT max(id) FROM run)"
    assert drafted.rows(f"SELECT id {newest}") and not drafted.rows(f"SELECT id {newest} AND NOT shadow")


def test_who_is_unknown_to_the_system_may_look_and_has_to_say_who_sets(
    drafted: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert drafted("trust", "drift") == 0
    for setting in (("gates", "--set", "edema", "state", "open"), ("drift", "--acknowledge", "1")):
        assert drafted("trust", *setting, "--reason", "x") == 2 and "--by" in drafted.err


@pytest.mark.parametrize(
    "text", ["days = 800000", "least = true", "weeks = 53", "watch = 11", "years = 0.001", "agree = 2.5"]
)
def test_a_rule_that_means_nothing_is_refused(text: str, tmp_path: Path) -> None:
    name = text.partition(" ")[0]
    shipped = Path(policy.__file__).with_name("trust.toml").read_text()
    changed = re.sub(rf"(?m)^{name} = [0-9.]+", text, shipped, count=1)
    (tmp_path / "trust.toml").write_text(changed)
    assert changed != shipped
    with pytest.raises(ConfigurationError, match="wrong or missing"):
        policy.load_policy(tmp_path / "trust.toml")


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
