"""A drafted report and its rows: findings, regions, spans, references, what it was made with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from cxrreport.codes import Explained
from cxrreport.findings import Change, State, Tier


class DraftStatus(StrEnum):
    """Life of a draft. There is no "final": only a radiologist signs."""

    PRELIMINARY = "preliminary"
    SUPERSEDED = "superseded"
    REVIEWED = "reviewed"
    REJECTED = "rejected"


class ReviewStatus(StrEnum):
    """What a reader says of a draft: signed as it is, after changes, or not at all."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Review:
    """A reader's verdict on a draft; `text` is what the reader wrote instead, `comment` why."""

    status: ReviewStatus
    reviewer: str
    at: datetime
    text: str | None = None
    comment: str | None = None

    @property
    def written(self) -> str:
        """The text of the reader, which is as good as a signed one; a draft that was accepted teaches nothing."""
        return self.text or "" if self.status is not ReviewStatus.ACCEPTED else ""


class MadeWith(NamedTuple):
    """Digests of what makes a series of drafts; that of the calibration is None where the network's own scores hold."""

    weights_sha256: str
    calibration_sha256: str | None

    @property
    def series(self) -> dict[str, str]:
        """By column of a table that has a row for each series, where none is "": a unique key takes no two NULL for one."""
        return {"weights_sha256": self.weights_sha256, "calibration_sha256": self.calibration_sha256 or ""}


def text_of(findings: str, impression: str) -> str:
    """What a reader judges of a draft, and edits."""
    return "\n\n".join(filter(None, (findings, impression)))


PRIORITIES = tuple(tier.name.lower() for tier in Tier)  # of a draft, the soonest first


WITHHELD = ("state", "change")  # what the gate of a finding keeps from readers
LEVELS = ("watch", "alarm")  # of a statistic that has left its reference period, the lesser first


@dataclass(frozen=True, slots=True)
class Finding:
    """One of the 14 findings of a study and, with a prior, what became of it. Probabilities are of "positive".

    raw_score : what the network said before any calibration, 0..1; by default the probability.
    withheld : "state" where no reader is told of it, "change" where no reader is told what became of it, for the tool has
    not proved itself in that yet; else "".
    """

    finding: str
    state: State
    probability: float
    prior_state: State | None = None
    prior_probability: float | None = None
    change: Change | None = None
    change_probability: float | None = None
    raw_score: float | None = None
    withheld: str = ""

    def told(self) -> Finding | None:
        """What readers are told of it; None where that is nothing."""
        if self.withheld == "change":
            row = replace(self, change=None, change_probability=None, withheld="")
            return replace(row, prior_state=None, prior_probability=None)  # beside the state now they tell the change
        return None if self.withheld else self


def heard(rows: Iterable[Finding], abstained: str) -> dict[str, State]:
    """States that later drafts hear of: none that is withheld, and none of a study that is abstained from."""
    return {row.finding: row.state for row in rows if not abstained and row.withheld != "state"}


@dataclass(frozen=True, slots=True)
class Region:
    """A box in pixels of the current image (column x, row y, width, height)."""

    kind: str
    x: int
    y: int
    w: int
    h: int
    score: float
    finding: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open character range of a section of the draft; kind is change, evidence or flag.

    confidence : 0..1, how far the words there are borne out; None where nothing tells.
    """

    section: str
    start_char: int
    end_char: int
    kind: str
    finding: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A retrieved report: rank 1 is best, `weight` is the network's use of it (0..1).

    `score` is in the retriever's own measure: cosine (text, image), sum of 1 / (60 + rank) (fused), minus the distance
    (hyperbolic).
    """

    rank: int
    report_id: int
    score: float
    weight: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a draft was made with."""

    weights_sha256: str
    preprocess_version: int
    index_version: str  # "" where retrieval was switched off
    inputs_sha256: str
    decoding: dict[str, Any] = field(default_factory=dict)
    calibration_sha256: str | None = None  # None where the network's own scores stand for probabilities


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted report, ready to be stored. Never final.

    priority : one of `PRIORITIES`, and why. shadow : made and scored, but shown to no reader.
    distance : how far the films lie from those that the weights learnt from; 1 is the bound of ordinary ones; None where the
    weights cannot tell. abstained : code of why readers get "Not drafted: ..." instead; "" where they get the draft.
    """

    study_id: int
    prior_study_id: int | None
    prior_reason: str
    findings: str
    impression: str
    comparison: str
    finding_rows: tuple[Finding, ...]
    spans: tuple[Span, ...]
    regions: tuple[Region, ...]
    references: tuple[Reference, ...]
    provenance: Provenance
    flags: tuple[str, ...] = ()
    confidence: float | None = None
    priority: str | None = None
    priority_reason: str | None = None
    shadow: bool = False
    distance: float | None = None
    abstained: str = ""


class Watched(Explained):
    """What is watched for drift, by week and device (`alarm.statistic`); of each finding where it names one."""

    DISTANCE = "distance", "the distance of films to those that the weights learnt from"
    ABSTAINED = "abstained", "the share of drafts that are abstained from"
    ERRORS = "errors", "the number of actionable errors a draft"
    EDITS = "edits", "the share of words that are not as signed"
    CALLED = "called", "the share of drafts with {finding}"
    PROBABILITY = "probability", "the mean probability of {finding}"
    OBSERVED = "observed", "the number of signed reports with {finding} for each that was likely"

    def of(self, finding: str) -> str:
        """What it is, of one finding."""
        return self.sentence.format(finding=finding)
