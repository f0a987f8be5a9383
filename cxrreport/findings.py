"""The 14 findings of a radiograph and what is none of them: their names, states, changes, and which implies which."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

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


class Change(StrEnum):
    """What happened to one finding since the prior."""

    NEW = "new"
    WORSENED = "worsened"
    UNCHANGED = "unchanged"
    IMPROVED = "improved"
    RESOLVED = "resolved"
    ABSENT = "absent"


CHANGED = frozenset({Change.NEW, Change.WORSENED, Change.IMPROVED, Change.RESOLVED})  # something is not as it was


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


NAMES = {"pleural other": "pleural abnormality"}  # what a sentence calls a finding that is not called by its own name


def most_particular(findings: Sequence[str]) -> list[str]:
    """Findings without those that another one of them implies: they need not be said again."""
    implied = {parent for finding in findings for parent in PARENTS.get(finding, ())}
    return [finding for finding in findings if finding not in implied]
