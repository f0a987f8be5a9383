"""Scores of judged drafts beside what was signed, on both databases."""

from __future__ import annotations

import pytest
from builders.trust import WEIGHTS, judge_study
from sqlalchemy import Engine

from cxrreport.drafts import Provenance
from cxrreport.findings import FINDINGS, State
from cxrreport.store.engine import session
from cxrreport.store.scores import JudgedScores, count_judged, judged_scores
from cxrreport.store.training import patient_bucket


def found(engine: Engine, after_id: int = 0, limit: int = 10) -> list[JudgedScores]:
    with session(engine, read_only=True) as s:
        return judged_scores(s, WEIGHTS, 1, after_id, limit)


def test_drafts_come_page_by_page_with_scores_and_states(engine: Engine) -> None:
    first = judge_study(engine, 1, edema=State.POSITIVE)
    judge_study(engine, 2, Provenance("v" * 64, 1, "x", "i"))
    last = judge_study(engine, 3)
    assert [one.draft_id for one in found(engine)] == [first, last]
    assert found(engine, limit=1) == found(engine)[:1] and found(engine, first) == found(engine)[1:]
    one = found(engine)[0]
    assert one.bucket == patient_bucket("", "P1") and one.scores["cardiomegaly"] == pytest.approx(0.26)
    with session(engine, read_only=True) as s:
        assert (count_judged(s, WEIGHTS, 1), count_judged(s, WEIGHTS, 2)) == (2, 0)


@pytest.mark.parametrize(
    ("signed", "nothing"),
    [
        ({}, True),
        ({"support devices": State.POSITIVE}, True),  # a device is no pathology
        ({"edema": State.NEGATIVE}, True),
        ({"edema": State.UNCERTAIN}, False),
        ({"fracture": State.POSITIVE}, False),
    ],
)
def test_no_finding_is_there_where_no_pathology_is_or_may_be(signed: dict[str, State], nothing: bool) -> None:
    one = JudgedScores(1, 1, 1, 0, {}, signed)
    assert (one.state(FINDINGS[-1]) is State.POSITIVE) is nothing and one.state("pneumothorax") is State.BLANK
