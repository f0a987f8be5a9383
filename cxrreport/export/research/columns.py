"""The columns of the research form; writers and documentation follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from cxrreport.codes import Abstained
from cxrreport.drafts import PRIORITIES, ReviewStatus
from cxrreport.export.pseudonym import WITHHELD, Pseudonyms
from cxrreport.export.research.groups import Traits
from cxrreport.export.tables.columns import Column, Kind, Row
from cxrreport.findings import FINDINGS, NO_FINDING, Change, State, tier
from cxrreport.mistakes import Dimension, Verdict
from cxrreport.store.judged import Agreed, Judged
from cxrreport.store.research import Drafted, Made
from cxrreport.store.views import PatientFacts

_STATES, _CHANGES = tuple(map(str, State)), tuple(map(str, Change))
_TEXT, _NUMBER, _INTEGER, _YES = Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a finding of a draft (None of another abnormality), and what was compared (None where neither tells it)."""

    judged: Judged
    made: Made
    patient: str
    study_id: int
    draft_id: int
    studied_on: date
    device: str
    traits: Traits
    weights_sha256: str
    drafted: Drafted | None
    agreed: Agreed | None

    @property
    def finding(self) -> str:
        """The finding of either."""
        return self.drafted.finding if self.drafted else self.agreed.finding if self.agreed else ""

    @property
    def state(self) -> str:
        """What the draft says of it."""
        return str(self.agreed.drafted if self.agreed else self.drafted.state if self.drafted else State.BLANK)

    @property
    def changes(self) -> tuple[str | None, str | None]:
        """What became of it by the draft and by what was signed."""
        drafted = self.drafted.change if self.drafted else self.agreed.drafted_change if self.agreed else None
        signed = self.agreed.signed_change if self.agreed else None
        return _or_none(drafted), _or_none(signed)

    @property
    def tier(self) -> str:
        """How soon somebody has to act on it."""
        return self.agreed.tier if self.agreed else tier(self.finding).name.lower()


def lines(one: Judged, made: Made, weights: str, traits: Traits, names: Pseudonyms) -> Iterator[Line]:
    """The rows of a draft: the 13 findings, then other abnormalities that either tells."""
    person = PatientFacts(one.patient_id, made.issuer, made.mrn, None, one.sex)
    own = (names.patient(person), names.study(one.study_id), names.draft(made.uid, one.draft_id))
    day, device = (one.at - names.shift(person)).date(), names.device(traits.device)
    facts = (one, made, *own, day, device, traits, weights)
    agreed = {row.finding: row for row in one.findings if not row.name}
    told = [row for row in made.findings if row.finding != FINDINGS[NO_FINDING]]
    yield from (Line(*facts, row, agreed.get(row.finding)) for row in told)
    yield from (Line(*facts, None, row) for row in one.findings if row.name)


def _judged(name: str) -> Callable[[Line], Any]:
    return lambda line: getattr(line.judged, name)


def _made(name: str) -> Callable[[Line], Any]:
    return lambda line: getattr(line.made, name)


def _trait(name: str) -> Callable[[Line], Any]:
    return lambda line: getattr(line.traits, name)


def _own(name: str) -> Callable[[Line], Any]:
    return lambda line: getattr(line, name)


def _drafted(name: str) -> Callable[[Line], Any]:
    return lambda line: getattr(line.drafted, name) if line.drafted else None


def _agreed(name: str, otherwise: Any) -> Callable[[Line], Any]:
    return lambda line: getattr(line.agreed, name) if line.agreed else otherwise


# fmt: off
RESEARCH = (
    Column("patient", _TEXT, "Pseudonym of the patient, as in exports under the same key.", _own("patient")),
    Column("study_id", _INTEGER, "Pseudonym of the study, as there.", _own("study_id")),
    Column("draft_id", _INTEGER, "Pseudonym of the draft, as there.", _own("draft_id")),
    Column("studied_on", Kind.DATE, "Day of the study, shifted by a number of days that is the same for all of a patient.",
           _own("studied_on")),
    Column("sex", _TEXT, "M, F, O; empty where it is not known, or shared by too few.", _trait("sex")),
    Column("age", _TEXT, "Age in bands of ten years; empty as sex.", _trait("age")),
    Column("view", _TEXT, "View of the frontal film.", _trait("view")),
    Column("device", _TEXT, "Pseudonym of the device; \"other\" where few patients have it, empty as sex.", _own("device")),
    Column("weights_sha256", _TEXT, "Digest of the weights that made the draft.", _own("weights_sha256")),
    Column("calibration_sha256", _TEXT, "Digest of the calibration; none where raw scores stand for probabilities.",
           _made("calibration_sha256"), True),
    Column("preprocess_version", _INTEGER, "Version of the preprocessing of films.", _made("preprocess_version")),
    Column("index_version", _TEXT, "Withheld, for it is named by its date; empty without retrieval.",
           lambda line: WITHHELD if line.made.index_version else "", values=("", WITHHELD)),
    Column("shadow", _YES, "The draft was made in shadow: no reader was shown it.", _judged("shadow")),
    Column("abstained", _TEXT, "Why readers were shown no text, by code (codes.md); empty where they were.",
           _judged("abstained"), values=("", *map(str, Abstained))),
    Column("distance", _NUMBER, "How far the films lie from those that the weights learnt from; 1 is the bound of ordinary"
           " ones.", _made("distance"), True),
    Column("has_prior", _YES, "The draft compares the study with a prior.", _judged("has_prior")),
    Column("by_report", _YES, "Judged beside a signed report; else beside what the reader wrote.",
           _made("by_report")),
    Column("review", _TEXT, "The reader's verdict on the draft.", lambda line: _or_none(line.judged.review), True,
           tuple(map(str, ReviewStatus))),
    Column("errors", _INTEGER, "Errors of the whole draft that would change what is done.", _judged("errors")),
    Column("edits", _NUMBER, "Words of the whole draft to change, as a share of the longer text, 0..1.", _judged("edits")),
    Column("finding", _TEXT, "The finding, by the name of its label.", _own("finding")),
    Column("name", _TEXT, "Name of another abnormality; else empty.", _agreed("name", "")),
    Column("drafted", _TEXT, "What the draft says, withheld or not: its table and what that implies, of others its text.",
           _own("state"), values=_STATES),
    Column("probability", _NUMBER, 'Calibrated probability of "positive", 0..1.', _drafted("probability"), True),
    Column("raw_score", _NUMBER, "What the network said before calibration, 0..1.", _drafted("raw_score"), True),
    Column("withheld", _TEXT, "What readers are not told of it.", lambda line: line.drafted.withheld if line.drafted else "",
           values=("", "state", "change")),
    Column("signed", _TEXT, "What was signed; blank where it is not there, denied or not spoken of, in neither.",
           _agreed("signed", State.BLANK), values=_STATES),
    Column("verdict", _TEXT, "What the comparison says.", _agreed("verdict", str(Verdict.CORRECT)),
           values=tuple(map(str, Verdict))),
    Column("dimension", _TEXT, "In what the two differ; empty where they do not.", _agreed("dimension", ""),
           values=tuple(map(str, Dimension))),
    Column("tier", _TEXT, "How soon somebody has to act on it.", _own("tier"), values=PRIORITIES),
    Column("drafted_change", _TEXT, "Change by the draft.", lambda line: line.changes[0], True, _CHANGES),
    Column("signed_change", _TEXT, "Change by what was signed.", lambda line: line.changes[1], True, _CHANGES),
)
# fmt: on


def _or_none(value: Any) -> str | None:
    return str(value) if value else None


def row_of(line: Line) -> Row:
    """The row of a line."""
    return {column.name: column.of(line) for column in RESEARCH}
