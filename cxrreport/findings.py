"""The 14 findings of a radiograph and what is none of them: their names, states, changes, and which implies which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum, StrEnum

# Label order of the network (docs/model.md, Labels and text); "no finding" knows only blank and positive.
FINDINGS: tuple[str, ...] = (
    "enlarged cardiomediastinum",
    "cardiomegaly",
    "lung opacity",
    "lung lesion",
    "edema",
    "consolidation",
    "pneumonia",
    "atelectasis",
    "pneumothorax",
    "pleural effusion",
    "pleural other",
    "fracture",
    "support devices",
    "no finding",
)

NO_FINDING = FINDINGS.index("no finding")
PATHOLOGY = [i for i, finding in enumerate(FINDINGS) if finding not in ("no finding", "support devices")]

OTHER = "other abnormality"  # what is none of the 14 and no normal chest either; told with a name ("hiatal hernia")
LABELS: tuple[str, ...] = (*FINDINGS, OTHER)  # what the rules tell of a report; the network knows the findings alone


class State(StrEnum):
    """What a report says of one finding; the order is the network's class index."""

    BLANK = "blank"
    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNCERTAIN = "uncertain"


THERE = (State.POSITIVE, State.UNCERTAIN)  # a finding is there, or may be


class Change(StrEnum):
    """What happened to one finding since the prior."""

    NEW = "new"
    WORSENED = "worsened"
    UNCHANGED = "unchanged"
    IMPROVED = "improved"
    RESOLVED = "resolved"
    ABSENT = "absent"


CHANGED = frozenset({Change.NEW, Change.WORSENED, Change.IMPROVED, Change.RESOLVED})  # something is not as it was
STEADY = frozenset({"support devices", "fracture"})  # they come and go, but have no degree: none is worse or better


# A finding (key) implies others in the hierarchy of CheXpert (Irvin et al., 2019): who asserts pneumonia asserts
# consolidation and lung opacity.
PARENTS: dict[str, tuple[str, ...]] = {
    "cardiomegaly": ("enlarged cardiomediastinum",),
    "edema": ("lung opacity",),
    "consolidation": ("lung opacity",),
    "pneumonia": ("consolidation", "lung opacity"),
    "atelectasis": ("lung opacity",),
    "lung lesion": ("lung opacity",),
}


# What a summary sums up: "no acute cardiopulmonary abnormality", "the lungs are clear", "normal chest".
ACUTE = frozenset(
    {"lung opacity", "edema", "consolidation", "pneumonia", "atelectasis", "pneumothorax", "pleural effusion"}
)
PULMONARY = frozenset({"lung opacity", "lung lesion", "edema", "consolidation", "pneumonia", "atelectasis"})
PATHOLOGIES = frozenset(FINDINGS) - {"support devices", "no finding"}

NAMES = {"pleural other": "pleural abnormality"}  # what a sentence calls a finding that is not called by its own name


def percent(probability: float | None) -> str:
    """A probability as a reader takes it in ("81 %"); "" where there is none."""
    return "" if probability is None else f"{100 * probability:.0f} %"


def implied_by(findings: Iterable[str]) -> set[str]:
    """What is there where these are."""
    return {parent for finding in findings for parent in PARENTS.get(finding, ())}


def most_particular(findings: Sequence[str]) -> list[str]:
    """Findings without those that another one of them implies: they need not be said again."""
    implied = implied_by(findings)
    return [finding for finding in findings if finding not in implied]


class Tier(IntEnum):
    """How soon somebody has to act on a finding: within minutes, hours, days, or not at all; less is sooner.

    The first three are the categories of the ACR's work group on actionable reporting (Larson et al., JACR 2014).
    """

    CRITICAL = 0
    URGENT = 1
    NOTABLE = 2
    ROUTINE = 3


_TIERS: dict[str, Tier] = {  # of a finding whose severity is not told, of another abnormality by its name; else routine
    **dict.fromkeys(("pneumothorax", "free air", "pneumomediastinum", "mediastinal shift"), Tier.CRITICAL),
    **dict.fromkeys(("edema", "pneumonia", "consolidation", "pleural effusion"), Tier.URGENT),
    **dict.fromkeys(("collapsed lung", "subcutaneous emphysema", "aortic aneurysm", "tuberculosis"), Tier.URGENT),
    **dict.fromkeys(("enlarged cardiomediastinum", "lung lesion", "lung opacity", "fracture"), Tier.NOTABLE),
    "cardiomegaly": Tier.NOTABLE,
    **dict.fromkeys(("lymphadenopathy", "hilar enlargement", "bone lesion", "vertebral compression"), Tier.NOTABLE),
    **dict.fromkeys(("tracheal deviation", "pericardial effusion", "dislocation", "foreign body"), Tier.NOTABLE),
}


def findings_of(one: Tier) -> list[str]:
    """Findings and names of other abnormalities that are of a tier where nobody tells how severe they are."""
    return [name for name, usual in _TIERS.items() if usual is one]


def tier(finding: str, severity: int | None = None, name: str = "") -> Tier:
    """Tier of a finding that is there or may be; severity 0 minimal … 3 severe, None where nobody tells.

    What is minimal or mild waits one step longer; what is severe comes one step sooner, "minutes" aside. name : of another
    abnormality.
    """
    usual = _TIERS.get(name if finding == OTHER else finding, Tier.ROUTINE)
    if severity is None or usual is Tier.ROUTINE:
        return usual
    if severity <= 1:
        return Tier(usual + 1)
    return Tier(usual - 1) if severity == 3 and usual > Tier.URGENT else usual


# In which order they are told in an impression: what cannot wait comes first.
URGENCY: tuple[str, ...] = tuple(sorted((finding for finding in FINDINGS if finding != "no finding"), key=tier))
