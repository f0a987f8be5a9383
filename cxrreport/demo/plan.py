"""Some months of a simulated hospital, planned before a film is drawn: who comes when, with what, and what goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from cxrreport.demo.casebook import make_identity
from cxrreport.demo.dicomfile import Identity, make_uid
from cxrreport.phantoms.patient import ZONES, Lesion
from cxrreport.phantoms.report_text import STEP
from cxrreport.phantoms.samples import PLACES, ZONED

UNSEEN = "fracture"  # reports tell it from another examination; no film shows it
SHARES = {"pleural effusion": 0.32, "cardiomegaly": 0.32, "edema": 0.25, "pneumothorax": 0.25, UNSEEN: 0.25}
WEEK = timedelta(days=7)
_BEFORE = timedelta(days=430)  # from the older films to the first day: longer than any rule of the gates looks back
_MONTH_DAYS = 30.4375
_RETURNS, _STAYS, _UNSIGNED, _SPOILT = 0.45, 0.7, 0.06, 0.04


@dataclass(frozen=True, slots=True)
class Visit:
    """One study. seed : of the body. exposure : of the film. prior : lesions of the visit before; None at the first.

    signed_at : when its report is; None where it never is. changed : the new machine made the film. spoilt : it is no good.
    """

    accession: str
    uid: str
    identity: Identity
    seed: int
    exposure: int
    at: datetime
    lesions: tuple[Lesion, ...]
    prior: tuple[Lesion, ...] | None
    signed_at: datetime | None
    changed: bool
    spoilt: bool

    @property
    def drawn(self) -> tuple[Lesion, ...]:
        """What the film shows."""
        return tuple(one for one in self.lesions if one.finding != UNSEEN)


@dataclass(frozen=True)
class Plan:
    """`months` months up to the day `ends`, `weekly` studies each week; the same arguments plan the same visits.

    older : studies of a year before, each of its own patient, from which the hospital learns what the scores mean here.

    Raises
    ------
    ValueError : fewer than two months, or no study.
    """

    ends: datetime
    months: int = 6
    weekly: int = 32
    seed: int = 7
    older: int = 230

    def __post_init__(self) -> None:
        """Refuse what has no second half."""
        if self.months < 2 or self.weekly < 1:
            raise ValueError("a simulated hospital needs two months and a study a week")

    @property
    def weeks(self) -> list[datetime]:
        """End of each week."""
        count = round(self.months * _MONTH_DAYS / 7)
        return [self.ends - WEEK * left for left in reversed(range(count))]

    @property
    def changes_at(self) -> datetime:
        """When the machine changes: with the week in which the second half of the months begins, month 4 of 6."""
        weeks = self.weeks
        return weeks[len(weeks) // 2] - WEEK

    @property
    def begins(self) -> datetime:
        """The first day."""
        return self.weeks[0] - WEEK

    @cached_property
    def older_visits(self) -> tuple[Visit, ...]:
        """The studies of the year before, an hour apart."""
        rng = np.random.default_rng([self.seed, 72])
        first = self.begins - _BEFORE
        return tuple(self._visit(rng, 1 + i, first + timedelta(hours=i), None) for i in range(self.older))

    @cached_property
    def visits(self) -> tuple[Visit, ...]:
        """All studies, by time."""
        rng = np.random.default_rng([self.seed, 71])
        made: list[Visit] = []
        for end in self.weeks:
            shares = rng.uniform(0, 1, self.weekly)
            times = [
                end - WEEK + WEEK * ((number + share) / self.weekly) for number, share in enumerate(shares.tolist())
            ]
            made += self._week(rng, times, made)
        return tuple(made)

    def _week(self, rng: np.random.Generator, times: Sequence[datetime], before: Sequence[Visit]) -> list[Visit]:
        """Studies of one week: of new patients, and of some whose last film is of an earlier week."""
        last = {visit.seed: visit for visit in before}
        made: list[Visit] = []
        for at in times:
            known = list(last.values())
            old = known[-1 - int(rng.integers(min(len(known), 4 * self.weekly)))] if known else None
            if old and rng.random() < _RETURNS:
                del last[old.seed]
            else:
                old = None
            made.append(self._visit(rng, self.older + len(before) + len(made) + 1, at.replace(microsecond=0), old))
        return made

    def _visit(self, rng: np.random.Generator, number: int, at: datetime, old: Visit | None) -> Visit:
        signed = at + timedelta(days=float(np.clip(rng.lognormal(1.1, 0.7), 0.5, 21)))
        return Visit(
            accession=f"S{number:05d}",
            uid=make_uid(self.seed, "months", number),
            identity=old.identity if old else _identity(number),
            seed=old.seed if old else self.seed * 100_000 + number,
            exposure=number,
            at=at,
            lesions=_later(old.lesions, rng) if old else _first(rng),
            prior=old.lesions if old else None,
            signed_at=None if rng.random() < _UNSIGNED else signed,
            changed=at >= self.changes_at,
            spoilt=bool(rng.random() < _SPOILT),
        )


def _identity(number: int) -> Identity:
    """A patient of the course; nobody's name."""
    made = make_identity(number)
    return Identity(f"M{number:05d}", f"DEMO^COURSE {number:05d}", made.birth_date, made.sex)


def _first(rng: np.random.Generator) -> tuple[Lesion, ...]:
    return tuple(_lesion(rng, finding) for finding, share in SHARES.items() if rng.random() < share)


def _later(lesions: Sequence[Lesion], rng: np.random.Generator) -> tuple[Lesion, ...]:
    """What became of the lesions: most stay, better, worse or as they were, and some come."""
    kept = {one.finding: _moved(one, rng) for one in lesions if rng.random() < _STAYS}
    had = {one.finding for one in lesions}
    come = (f for f, share in SHARES.items() if f not in had and rng.random() < share / 2)
    return (*kept.values(), *(_lesion(rng, finding) for finding in come))


def _moved(lesion: Lesion, rng: np.random.Generator) -> Lesion:
    step = float(rng.choice((-2.5, 0.0, 2.5))) * STEP
    return Lesion(lesion.finding, lesion.side, min(1.0, max(0.35, lesion.severity + step)), lesion.zone)


def _lesion(rng: np.random.Generator, finding: str) -> Lesion:
    """One that nobody overlooks."""
    side = PLACES[finding][int(rng.integers(len(PLACES[finding])))]
    zone = ZONES[int(rng.integers(3))] if finding in ZONED else "lower"
    return Lesion(finding, side, float(rng.uniform(0.5, 1.0)), zone)
