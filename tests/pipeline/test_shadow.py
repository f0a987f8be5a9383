"""Setting `shadow`: drafts are made and scored, and nobody sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.tool import Tool


def seen(tool: Tool) -> int:
    return int(tool.json("drafts")["total"])


def test_what_is_drafted_in_shadow_is_hidden_until_it_is_drafted_again(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = seen(drafted)
    monkeypatch.setenv("CXRREPORT_SHADOW", "true")
    assert drafted.json("generate", "--study", "A102", "--redo")["drafted"] == 1
    assert "In shadow" in drafted.err
    assert drafted.rows("SELECT count(*) FROM draft WHERE shadow") == [1] and seen(drafted) == shown - 1
    told = drafted.json("status")
    assert told["shadow"] == 1 and told["undrafted"] == 0 and sum(told["priorities"].values()) == shown - 1
    assert drafted("status") == 0 and "drafts in shadow" in drafted.out
    assert drafted.json("show", "A103")["prior_report"]["source"] == "report"  # the prior's signed one is no draft
    assert drafted.json("export", tmp_path, "--format", "jsonl")["drafts"] == shown - 1
    monkeypatch.delenv("CXRREPORT_SHADOW")
    assert drafted.json("generate", "--study", "A102")["drafted"] == 0  # it has its draft
    assert drafted.json("show", "A102", code=3)["draft"] is None
    assert drafted.json("generate", "--study", "A102", "--redo")["drafted"] == 1 and seen(drafted) == shown


def test_the_draft_of_a_prior_that_nobody_sees_is_compared_with_nothing(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE report SET study_id = NULL")
    assert drafted.json("show", "A103")["prior_report"]["source"] == "draft"
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE draft SET shadow = true WHERE study_id = 2")
    found = drafted.json("show", "A103")
    assert found["prior"]["accession"] == "A102" and found["prior_report"] is None
