"""What becomes of a patient's lesions between two visits: random progressions that a reader would see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxrreport.datasets.pairs.sample import Truth, truth_of
from cxrreport.findings import PARENTS, STEADY
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.samples import random_lesion

CLEAR_STEP = 0.28  # of severity: more than `report_text.STEP`, which a reader just sees
UNCHANGED_SHARE = 0.12  # of pairs of which nothing changed; a few more come where no change shows
_CHANGES = {"new": 0.27, "worsened": 0.27, "improved": 0.23, "resolved": 0.23}
_VISIBLE = 0.3  # least severity of what is new or resolved
_STAYS = 0.3  # of the lesions beside the first
_MOST = 3
_COUNTS = (0.5, 0.33, 0.17)  # how often one, two, three lesions
_LONGEST_DAYS = 730


@dataclass(frozen=True, slots=True)
class Visits:
    """One lesion on the earlier and on the later visit; None where it is not there."""

    before: Lesion | None
    now: Lesion | None

    @property
    def changed(self) -> bool:
        """Whether the lesion is new, resolved or of another severity."""
        return self.before != self.now

    @property
    def lesion(self) -> Lesion:
        """The lesion where it is there, the later visit first."""
        lesion = self.now or self.before
        assert lesion is not None
        return lesion


def random_visits(rng: np.random.Generator, findings: Sequence[str]) -> list[Visits]:
    """None to three lesions of `findings` with their progressions; in 12 % of cases nothing changes, else at least one does.

    No finding implies another one of the same patient, so that each has a progression of its own.
    """
    steady = rng.random() < UNCHANGED_SHARE
    count = int(rng.integers(0, _MOST + 1)) if steady else 1 + int(rng.choice(_MOST, p=_COUNTS))
    chosen = _compatible([str(name) for name in rng.permutation(np.array(findings))])[:count]
    return [
        visits_of(rng, random_lesion(rng, finding), _change(rng, finding, first=not number, steady=steady))
        for number, finding in enumerate(chosen)
    ]


def _compatible(findings: Sequence[str]) -> list[str]:
    """The findings without those that imply an earlier one or follow from it."""
    kept: list[str] = []
    for finding in findings:
        if not any(finding in PARENTS.get(one, ()) or one in PARENTS.get(finding, ()) for one in kept):
            kept.append(finding)
    return kept


def _change(rng: np.random.Generator, finding: str, *, first: bool, steady: bool) -> str:
    if steady or (not first and rng.random() < _STAYS):
        return "unchanged"
    change = str(rng.choice(list(_CHANGES), p=list(_CHANGES.values())))
    if finding in STEADY:
        return {"worsened": "new", "improved": "resolved"}.get(change, change)
    return change


def visits_of(rng: np.random.Generator, lesion: Lesion, change: str) -> Visits:
    """Both visits of a lesion whose severity worsens or improves by at least `CLEAR_STEP`, or else is as given."""
    if change in ("new", "resolved"):
        visible = replace(lesion, severity=max(lesion.severity, _VISIBLE))
        return Visits(None, visible) if change == "new" else Visits(visible, None)
    if change == "unchanged":
        return Visits(lesion, lesion)
    low = float(rng.uniform(0.15, 1 - CLEAR_STEP))
    mild, severe = replace(lesion, severity=low), replace(lesion, severity=float(rng.uniform(low + CLEAR_STEP, 1)))
    return Visits(mild, severe) if change == "worsened" else Visits(severe, mild)


def truth_of_visits(
    visits: Sequence[Visits], shown: Collection[str] = (), uncertain: Collection[str] = ()
) -> Truth:  # fmt: skip
    """What the images of these lesions show, beside findings that they show anyway, both alike."""
    base = dict.fromkeys(shown, 1.0)
    before = {one.before.finding: one.before.severity for one in visits if one.before}
    now = {one.now.finding: one.now.severity for one in visits if one.now}
    return truth_of(base | before, base | now, uncertain)


def random_days(rng: np.random.Generator) -> int:
    """Days between two images: from the same day to two years, short times more often."""
    return int(np.exp(rng.uniform(0, np.log(_LONGEST_DAYS)))) - int(rng.random() < 0.2)
