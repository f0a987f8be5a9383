"""What the research form needs beside judged drafts, on both databases."""

from __future__ import annotations

from builders.trust import judge_study
from sqlalchemy import Engine

from cxrreport.findings import FINDINGS, State
from cxrreport.store.engine import session
from cxrreport.store.research import made


def test_whose_a_draft_is_and_how_it_was_made(engine: Engine) -> None:
    drafts = [judge_study(engine, number, edema=State.POSITIVE) for number in (1, 2)]
    with session(engine, read_only=True) as s:
        found, none = made(s, drafts[1:]), made(s, [])
    assert list(found) == drafts[1:] and none == {}
    one = found[drafts[1]]
    assert (one.mrn, one.uid, one.index_version, one.by_report, one.distance) == ("P2", "2", "x", False, None)
    assert [row.finding for row in one.findings] == list(FINDINGS) and one.findings[0].raw_score == 0.25
