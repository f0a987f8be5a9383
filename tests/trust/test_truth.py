"""What a calibration is fitted to: every judged draft of the weights in use, and what was signed of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders.trust import WEIGHTS, judge_study
from sqlalchemy import Engine, update

from cxrreport.drafts import Provenance
from cxrreport.findings import FINDINGS, State
from cxrreport.records import View
from cxrreport.store.engine import session
from cxrreport.store.schema import DraftRow
from cxrreport.trust import truth
from cxrreport.trust.truth import read_scored

EDEMA, FRACTURE, NONE = (FINDINGS.index(name) for name in ("edema", "fracture", "no finding"))


def test_scores_stand_beside_what_was_signed(engine: Engine) -> None:
    judge_study(engine, 1, edema=State.POSITIVE)
    judge_study(engine, 2, fracture=State.UNCERTAIN)
    judge_study(engine, 3)
    found, _ = read_scored(engine, WEIGHTS)
    assert found.scores[0].tolist() == pytest.approx([0.25 + i / 100 for i in range(14)])
    assert found.positive[:, EDEMA].tolist() == [True, False, False] and found.known[:, EDEMA].all()
    assert found.known[:, FRACTURE].tolist() == [True, False, True]
    assert found.positive[:, NONE].tolist() == [False, False, True]  # what may be there is not nothing
    assert list(found.views) == [View.PA] * 3 and len(set(found.patients)) == 3


def test_drafts_in_shadow_count_and_those_of_other_weights_or_films_do_not(engine: Engine) -> None:
    shadowed = judge_study(engine, 1)
    judge_study(engine, 2, Provenance("v" * 64, 1, "x", "i"))
    judge_study(engine, 3, replace(Provenance(WEIGHTS, 1, "x", "i"), preprocess_version=0))
    with session(engine) as s:
        s.execute(update(DraftRow).where(DraftRow.id == shadowed).values(shadow=True))
    assert len(read_scored(engine, WEIGHTS)[0].views) == 1
    assert read_scored(engine, "u" * 64)[0].scores.shape == (0, 14)


def test_of_too_many_a_part_of_the_patients_is_read_the_same_each_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        judge_study(engine, number)
    whole, apart = read_scored(engine, WEIGHTS)
    assert 0 < apart.sum() < 20 and not {*whole.take(apart).patients} & {*whole.take(~apart).patients}
    monkeypatch.setattr(truth, "MOST", 20)
    part, _ = read_scored(engine, WEIGHTS)
    assert 8 < len(part.patients) < 32 and set(part.patients) < set(whole.patients)
    assert list(part.patients) == list(read_scored(engine, WEIGHTS)[0].patients)
