"""The patients of the demonstration hospital: their visits, what is wrong on each, and what trips up a pairing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cxrreport.codes import PriorReason
from cxrreport.demo.dicomfile import Identity
from cxrreport.phantoms.patient import Lesion

FIRST_DAY = datetime(2023, 3, 6, 8, 15)


@dataclass(frozen=True, slots=True)
class Visit:
    """One study of a course: when it was taken after the first, and what it shows."""

    hours: float
    lesions: tuple[Lesion, ...] = ()
    views: tuple[str, ...] = ("PA", "LL")
    prior: int | None = None  # index of the visit that must be chosen as the prior
    no_prior: str = ""  # why there is none, as `Pair.reason` says it; blank where nothing can be drafted
    other_birth: bool = False  # the same number with another patient's birth date


@dataclass(frozen=True, slots=True)
class Case:
    """A patient with his visits."""

    number: int
    identity: Identity
    seed: int
    start: datetime
    visits: tuple[Visit, ...]


def lesion(text: str, severity: float) -> Lesion:
    """A lesion written "finding/side/zone"."""
    finding, side, *zone = text.split("/")
    return Lesion(finding, side, severity, zone[0] if zone else "lower")


def timeline(
    hours: tuple[float, ...], *tracks: tuple[str, tuple[float | None, ...]], **extra: tuple[str, ...]
) -> tuple[Visit, ...]:
    """Visits whose prior is the visit before; a track gives a lesion's severity on each visit, None where absent."""
    views = extra.get("views", ("PA", "LL"))
    visits = []
    for index, hour in enumerate(hours):
        shown = tuple(lesion(name, s) for name, track in tracks if (s := track[index]) is not None)
        prior, reason = (index - 1, "") if index else (None, PriorReason.NONE)
        visits.append(Visit(hour, shown, views, prior, reason))
    return tuple(visits)


DAY = 24.0
CHEST_TUBE = ("AP",)

TIMELINES: tuple[tuple[Visit, ...], ...] = (
    timeline((0, 9 * DAY, 16 * DAY), ("pleural effusion/right", (None, 0.3, 0.65))),
    timeline(
        (0, 4 * DAY, 11 * DAY),
        ("consolidation/right/lower", (0.25, 0.7, 0.4)),
        ("cardiomegaly/midline", (0.5, 0.5, 0.5)),
    ),
    timeline((0, DAY, 3 * DAY, 20 * DAY), ("pneumothorax/left/upper", (0.75, 0.45, 0.2, None)), views=CHEST_TUBE),
    timeline(
        (0, 2 * DAY, 6 * DAY),
        ("cardiomegaly/midline", (0.7, 0.7, 0.7)),
        ("edema/both", (0.4, 0.85, None)),
        ("support devices/left", (0.5, 0.5, 0.5)),
    ),
    timeline((0, 5.5, 31), ("pneumothorax/right/upper", (None, 0.5, 0.25)), views=CHEST_TUBE),  # a same-day repeat
    (  # two studies with one time: neither is the other's prior, nor may one of them be chosen later
        Visit(0, (lesion("lung opacity/left/mid", 0.4),), no_prior=PriorReason.TIE),
        Visit(0, (lesion("lung opacity/left/mid", 0.5),), no_prior=PriorReason.TIE),
        Visit(6 * DAY, (lesion("lung opacity/left/mid", 0.8),), no_prior=PriorReason.TIE),
    ),
    (  # one number, two people
        Visit(0, (lesion("fracture/left/mid", 0.7),), no_prior=PriorReason.NONE),
        Visit(40 * DAY, (lesion("lung lesion/right/upper", 0.4),), no_prior=PriorReason.IDENTITY, other_birth=True),
    ),
    (  # the middle study has no frontal image to draft from or to compare with
        Visit(0, (), no_prior=PriorReason.NONE),
        Visit(30 * DAY, (), ("LL",)),
        Visit(60 * DAY, (lesion("pneumonia/left/lower", 0.6),), prior=0),
    ),
    timeline((0, 120 * DAY), ("lung lesion/left/mid", (0.25, 0.6)), ("pleural other/right/mid", (0.6, 0.6))),
    timeline((0, 2 * DAY), ("atelectasis/left/lower", (0.7, None)), ("pneumonia/right/mid", (None, 0.7))),
    timeline(
        (0, DAY, 5 * DAY),
        ("support devices/midline", (0.3, 0.3, 0.3)),
        ("support devices/both", (0.6, 0.6, None)),
        ("pleural effusion/both", (0.3, 0.45, 0.2)),
        ("enlarged cardiomediastinum/midline", (0.6, 0.6, 0.3)),
        views=CHEST_TUBE,
    ),
    timeline((0, 365 * DAY)),
)


def make_identity(number: int) -> Identity:
    """A synthetic patient; nobody's name."""
    birth = datetime(1938 + (number * 7) % 55, 1 + number % 12, 1 + (number * 5) % 27)
    return Identity(f"D{number:04d}", f"DEMO^PATIENT {number:02d}", f"{birth:%Y%m%d}", "FM"[number % 2])


def make_cases(seed: int, patients: int) -> list[Case]:
    """The first `patients` courses, over again with other bodies where more are asked for."""
    return [
        Case(
            number=number,
            identity=make_identity(number),
            seed=seed * 1000 + number,
            start=FIRST_DAY + timedelta(days=11 * number, minutes=37 * number),
            visits=TIMELINES[(number - 1) % len(TIMELINES)],
        )
        for number in range(1, patients + 1)
    ]
