"""What a table of changes says of real follow-ups, beside what their labels tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.pairs.nih import FollowUp, open_follow_up
from cxrreport.drafting.changes import compare
from cxrreport.drafting.table import Rows, changes_of, film_rows
from cxrreport.evaluation.followups import KINDS, FollowedUp, followup_rows, joint_states
from cxrreport.findings import FINDINGS, Change
from cxrreport.log import Progress
from cxrreport.model.calibration import Calibration
from cxrreport.model.comparer import PairReading
from cxrreport.model.drafter import Drafter, StudyStates
from cxrreport.model.progression import CHANGES, FOLLOWED
from cxrreport.records import View
from cxrreport.trust.pairs import Beside, read_pairs
from cxrreport.trust.score_file import recall, remember

READ, TABLE, APART = "the pair, as the network reads it", "table of the draft", "table of two films judged alone"
_FILMS = 2 * len(FINDINGS)
_WIDTH = _FILMS + 4 * len(
    FOLLOWED
)  # scores of both films; change and its share of each finding, shares of new and resolved
_JOINT = {None: 0, Change.ABSENT: 0, Change.NEW: 1, Change.RESOLVED: 2}  # anything else is in both films
_PAIRS = 64  # read before what is known of them is kept


def compare_follow_ups(
    drafter: Drafter, pairs: Sequence[FollowUp], place: Path | None, progress: Progress
) -> list[Beside]:  # fmt: skip
    """Follow-ups as `generate` reads them in an archive without reports; those kept at `place` are not read again."""
    calibration, known = drafter.weights.calibration, recall(place, _WIDTH)
    missing = [pair for pair in pairs if pair.key not in known]
    for start in range(0, len(missing), _PAIRS):
        chunk = missing[start : start + _PAIRS]
        read = read_pairs(drafter, map(open_follow_up, chunk), calibration)
        known |= {pair.key: _numbers(beside) for pair, beside in zip(chunk, read, strict=True)}
        remember(place, known)
        progress("compare", len(chunk))
    return [_beside(known[pair.key], pair, calibration) for pair in pairs]


def measure_follow_ups(
    pairs: Sequence[FollowUp], read: Sequence[Beside], calibration: Calibration, seed: int
) -> dict[str, Any]:
    """F1 of new and resolved, of the pair's reading, of the table and of both films judged alone."""
    said: dict[str, list[tuple[Change | None, ...]]] = {
        READ: [one.reading.changes for one in read],
        TABLE: [changes_of(one.table(calibration.tie)) for one in read],
        APART: [changes_of(compare(one.now, one.before)) for one in read],
    }
    truth = followed_up(pairs, read)
    joint = {row: np.array([[_JOINT.get(c, 3) for c in changes] for changes in rows]) for row, rows in said.items()}
    return {
        "pairs": len(pairs),
        "patients": len(set(truth.patients.tolist())),
        "rows": followup_rows(truth, joint, shares_of(read), seed),
    }


def followed_up(pairs: Sequence[FollowUp], read: Sequence[Beside]) -> FollowedUp:
    """What the labels of pairs tell, with the probabilities of either film alone."""
    columns = len(FOLLOWED)
    return FollowedUp(
        joint_states(*(np.stack([getattr(p, name)[:columns] for p in pairs]) for name in ("now", "before"))),
        np.stack([p.known[:columns] for p in pairs]), _probabilities(one.now for one in read),
        _probabilities(one.before for one in read), np.array([p.patient for p in pairs]),
    )  # fmt: skip


def shares_of(read: Sequence[Beside]) -> dict[str, npt.NDArray[np.float64]]:
    """How likely the network reads each kind of change in each pair (n, 13)."""
    return {kind: np.array([getattr(one.reading, kind) for one in read]) for kind in KINDS}


def _probabilities(tables: Iterable[Rows]) -> npt.NDArray[np.float64]:
    return np.array([[row.probability for row in table[: len(FOLLOWED)]] for table in tables])


def _numbers(one: Beside) -> tuple[float, ...]:
    scores = [float(row.raw_score or 0) for table in (one.now, one.before) for row in table]
    changes = [float(CHANGES.index(change)) for change in one.reading.changes]
    read = one.reading
    return (*scores, *changes, *read.probabilities, *read.new, *read.resolved)


def _beside(numbers: tuple[float, ...], pair: FollowUp, calibration: Calibration | None) -> Beside:
    now, before = numbers[: len(FINDINGS)], numbers[len(FINDINGS) : _FILMS]
    changes, *shares = np.split(np.array(numbers[_FILMS:]), 4)
    reading = PairReading.plain([CHANGES[int(index)] for index in changes], *(share.tolist() for share in shares))
    return Beside(_rows(now, calibration, pair.view), _rows(before, calibration, pair.prior_view), reading)


def _rows(scores: tuple[float, ...], calibration: Calibration | None, view: View) -> Rows:
    return film_rows(StudyStates((), scores, (), True, scores), calibration, view)
