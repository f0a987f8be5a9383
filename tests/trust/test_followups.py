"""Real follow-ups: what is kept of a reading gives the same table again."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.calibration import made_up_calibration
from builders.films import collection

from cxrreport.datasets.pairs.nih import read_follow_ups
from cxrreport.drafting.table import changes_of
from cxrreport.evaluation.followups import BEST_PAIR
from cxrreport.findings import Change, State
from cxrreport.log import unwatched
from cxrreport.model.comparer import PairReading
from cxrreport.model.progression import FOLLOWED
from cxrreport.records import View
from cxrreport.trust import followups as module
from cxrreport.trust.followups import APART, READ, TABLE, compare_follow_ups, measure_follow_ups
from cxrreport.trust.pairs import Beside

VAL = "6"
FILMS = [
    ("a", VAL, "40", "F", "AP", "Effusion"), ("b", VAL, "41", "F", "PA", "No Finding"), ("c", VAL, "42", "F", "PA", "Effusion"),
]  # fmt: skip
CALIBRATION = made_up_calibration()
EFFUSION = FOLLOWED.index("pleural effusion")


class Drafter:
    """As much of one as a reading needs that is made up."""

    class weights:
        calibration = CALIBRATION


def made_up_reading(change: Change, now: float, before: float) -> Beside:
    """Effusion has these scores, and a change of which the pair is sure; nothing else is likely or changes."""
    scores = [[score if i == EFFUSION else 0.01 for i in range(14)] for score in (now, before)]
    changes = [change if i == EFFUSION else Change.ABSENT for i in range(len(FOLLOWED))]
    rows = [module._rows(tuple(one), CALIBRATION, View.PA) for one in scores]
    sure = (0.99,) * len(FOLLOWED)
    new, resolved = ([0.99 * (one is kind) for one in changes] for kind in (Change.NEW, Change.RESOLVED))
    return Beside(rows[0], rows[1], PairReading.plain(changes, sure, new, resolved))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return collection(tmp_path / "films", FILMS, [(VAL, "a", "b"), (VAL, "b", "c")])


def test_what_is_kept_gives_the_same_tables_in_the_views_of_the_films(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = list(read_follow_ups(directory, "val"))
    assert [(p.prior_view, p.view) for p in pairs] == [(View.AP, View.PA), (View.PA, View.PA)]
    made = [made_up_reading(Change.RESOLVED, 0.02, 0.97), made_up_reading(Change.NEW, 0.97, 0.02)]
    monkeypatch.setattr(module, "read_pairs", lambda *_: iter(made))
    first = compare_follow_ups(Drafter(), pairs, tmp_path / "pairs.csv", unwatched)  # type: ignore[arg-type]
    monkeypatch.setattr(module, "read_pairs", lambda *_: pytest.fail("a pair was read again"))
    again = compare_follow_ups(Drafter(), pairs, tmp_path / "pairs.csv", unwatched)  # type: ignore[arg-type]
    tables = [[one.table(CALIBRATION.tie) for one in read] for read in (first, again)]
    assert tables[0] == tables[1] and tables[0][1] == made[1].table(CALIBRATION.tie)
    assert tables[0][0][EFFUSION].prior_probability != made[0].before[EFFUSION].probability  # the prior is AP
    assert [changes_of(table)[EFFUSION] for table in tables[0]] == [Change.RESOLVED, Change.NEW]


def test_changes_of_reading_and_tables_are_scored_beside_one_another(directory: Path) -> None:
    pairs = list(read_follow_ups(directory, "val"))
    right = [made_up_reading(Change.RESOLVED, 0.02, 0.97), made_up_reading(Change.NEW, 0.97, 0.02)]
    assert right[1].now[EFFUSION].state is State.POSITIVE
    found = measure_follow_ups(pairs, right, CALIBRATION, 0)
    assert (found["pairs"], found["patients"]) == (2, 1)
    for name in (READ, TABLE, APART, BEST_PAIR):
        assert [found["rows"][name][kind]["f1"] for kind in ("new", "resolved")] == [1, 1], name
    unseen = [made_up_reading(Change.ABSENT, 0.02, 0.97), made_up_reading(Change.NEW, 0.5, 0.02)]
    rows = measure_follow_ups(pairs, unseen, CALIBRATION, 0)["rows"]
    assert rows[READ]["resolved"]["f1"] == 0 and rows[APART]["resolved"]["f1"] == 1
