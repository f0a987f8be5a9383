"""`cxrreport deliveries`: an administrator sees what was sent and what waits, without SQL."""

from __future__ import annotations

import pytest
from builders.receivers import hl7_receiver
from builders.tool import Tool


@pytest.fixture
def url(drafted: Tool, monkeypatch: pytest.MonkeyPatch) -> str:
    """A receiver that has refused the second of two messages."""
    monkeypatch.setenv("CXRREPORT_SEND_RETRY_S", "0")
    with hl7_receiver("AA", "AE") as (port, _):
        target = f"mllp://127.0.0.1:{port}"
        assert drafted("export", "--send", target, "--study", "A102") == 0
        assert drafted("export", "--send", target, "--study", "A103") == 3
    return target


def test_what_was_sent_is_listed_with_its_answer_the_newest_first(drafted: Tool, url: str) -> None:
    told = drafted.json("deliveries")
    found = [(one["accession"], one["target"], one["answer"], one["delivered"]) for one in told["deliveries"]]
    assert found == [("A103", url, "AE", False), ("A102", url, "AA", True)] and told["total"] == 2
    assert drafted.json("deliveries", "--limit", "1")["deliveries"] == told["deliveries"][:1]


def test_one_study_and_what_waits_are_asked_for(drafted: Tool, url: str) -> None:
    def accessions(*words: str) -> list[str]:
        return [one["accession"] for one in drafted.json("deliveries", *words)["deliveries"]]

    assert accessions("--waiting") == ["A103"] and accessions("--study", "A102") == ["A102"]
    assert accessions("--waiting", "--study", "A102") == []
    assert drafted("deliveries", "--study", "nobody") == 2 and "[study.unknown]" in drafted.err


def test_what_nobody_will_ever_send_does_not_wait(drafted: Tool, url: str) -> None:
    assert drafted.json("deliveries", "--waiting")["total"] == 1
    assert drafted("review", "A103", "--status", "rejected", "--by", "R1") == 0
    assert drafted.json("deliveries", "--waiting")["total"] == 0 and drafted.json("deliveries")["total"] == 2


def test_the_table_names_what_the_document_holds(drafted: Tool, url: str) -> None:
    assert drafted("deliveries") == 0
    assert "Deliveries, 2 of 2" in drafted.out and url in drafted.out and "AE" in drafted.out
