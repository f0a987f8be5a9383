"""The columns of the tables: name, type, meaning, and where each comes from. Writers, schema and documentation follow.

Within one `VERSION` columns are added and never renamed, removed or given another meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from cxrreport import DISCLAIMER, __version__
from cxrreport.codes import Abstained
from cxrreport.drafts import PRIORITIES, DraftStatus
from cxrreport.export.study import StudyView
from cxrreport.findings import Change, State
from cxrreport.store.views import StudyFacts

VERSION = 1

_STATES, _CHANGES = tuple(map(str, State)), tuple(map(str, Change))


class Kind(Enum):
    """Type of a column, as JSON Schema says it: type, and format or None."""

    TEXT = "string", None
    INTEGER = "integer", None
    NUMBER = "number", None
    BOOLEAN = "boolean", None
    DATE = "string", "date"
    LOCAL_TIME = "string", "local date-time"  # without a zone, as the modality wrote it
    UTC_TIME = "string", "date-time"
    TEXTS = "array", None


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    meaning : for the documentation; with the unit or range.
    of : its value, of a `StudyView` or of the part of one that the table has a row of.
    nullable : it may be none, which is null in JSON and Parquet, and an empty cell in CSV.
    values : all that it can be; () where they are not counted.
    """

    name: str
    kind: Kind
    meaning: str
    of: Callable[[Any], Any]
    nullable: bool = False
    values: tuple[str, ...] = ()


def _of_study(name: str) -> Callable[[StudyView], Any]:
    return lambda view: getattr(view.held.study, name)


def _of_prior(name: str) -> Callable[[StudyView], Any]:
    return lambda view: _or_none(view.held.prior, name)


def _or_none(study: StudyFacts | None, name: str) -> Any:
    return getattr(study, name) if study else None


def _of_patient(name: str) -> Callable[[StudyView], Any]:
    return lambda view: getattr(view.held.patient, name)


def _of_draft(name: str) -> Callable[[StudyView], Any]:
    return lambda view: getattr(view.draft, name)


def _made_with(name: str) -> Callable[[StudyView], Any]:
    return lambda view: getattr(view.draft.provenance, name)


def _own(name: str) -> Callable[[Any], Any]:
    """Value of the part itself."""
    return lambda part: getattr(part, name)


def _drafted_at(view: StudyView) -> datetime:
    return view.draft.created_at.astimezone(UTC)


_TEXT, _NUMBER, _INTEGER = Kind.TEXT, Kind.NUMBER, Kind.INTEGER

# fmt: off
KEYS = (
    Column("study_id", _INTEGER, "The study in the archive of cxrreport.", _of_study("study_id")),
    Column("study_uid", _TEXT, "StudyInstanceUID.", _of_study("uid")),
    Column("draft_id", _INTEGER, "The draft in the archive; a new draft has another.", _of_draft("draft_id")),
)
STUDY = (
    Column("schema_version", _INTEGER, f"Version of these columns: {VERSION}.", lambda _: VERSION),
    Column("disclaimer", _TEXT, "What the text is, and what it is not for.", lambda _: DISCLAIMER),
    *KEYS,
    Column("accession", _TEXT, "Accession number; empty where the header has none.", _of_study("accession")),
    Column("patient_number", _TEXT, "The hospital's number; empty where the header names nobody.", _of_patient("number")),
    Column("patient_issuer", _TEXT, "Who gave the number; empty where the header does not say.", _of_patient("issuer")),
    Column("birth_date", Kind.DATE, "Birth date of the patient.", _of_patient("birth_date"), True),
    Column("sex", _TEXT, "Sex as the header says it: M, F, O, or empty.", _of_patient("sex")),
    Column("age_years", _NUMBER, "Age at the study, in years.", _of_study("age_years"), True),
    Column("studied_at", Kind.LOCAL_TIME, "Date and time of the study, as the modality had it.", _of_study("studied_at"), True),
    Column("time_known", Kind.BOOLEAN, "The time of day is known; else it is midnight.", _of_study("time_known")),
    Column("description", _TEXT, "StudyDescription.", _of_study("description")),
    Column("institution", _TEXT, "InstitutionName.", _of_study("institution")),
    Column("indication", _TEXT, "Why the study was asked for.", _of_study("indication"), True),
    Column("prior_uid", _TEXT, "StudyInstanceUID of the prior.", _of_prior("uid"), True),
    Column("prior_accession", _TEXT, "Accession number of the prior.", _of_prior("accession"), True),
    Column("prior_studied_at", Kind.LOCAL_TIME, "Date and time of the prior.", _of_prior("studied_at"), True),
    Column("no_prior", _TEXT, "Why there is no prior, by code (codes.md); empty with one.", _of_draft("prior_reason")),
    Column("run_id", _INTEGER, "The run that made the draft.", _of_draft("run_id")),
    Column("drafted_at", Kind.UTC_TIME, "When the draft was made; under pseudonyms the day of its study.", _drafted_at),
    Column("status", _TEXT, "Life of the draft; never final.", _of_draft("status"), values=tuple(map(str, DraftStatus))),
    Column("priority", _TEXT, "How soon somebody should look; it rules nothing out.", _of_draft("priority"), True, PRIORITIES),
    Column("priority_reason", _TEXT, "Why it has this priority.", _of_draft("priority_reason"), True),
    Column("confidence", _NUMBER, "How far the text is borne out, 0..1.", _of_draft("confidence"), True),
    Column("flags", Kind.TEXTS, "What a reader must know, by code (codes.md); spaces part them in CSV.", _of_draft("flags")),
    Column("not_assessed", _TEXT, "What the draft keeps back, as drafts have not proved themselves in it here: a sentence,"
           " or empty.", lambda view: view.not_assessed),
    Column("abstained", _TEXT, "Why there is no text, by code (codes.md); empty where there is one.", _of_draft("abstained"),
           values=("", *map(str, Abstained))),
    Column("distance", _NUMBER, "How far the films lie from those that the weights learnt from; 1 is the bound of ordinary"
           " ones.", _of_draft("distance"), True),
    Column("findings_text", _TEXT, "Findings of the draft, or \"Not drafted: ...\".", _of_draft("findings")),
    Column("impression_text", _TEXT, "Impression of the draft.", _of_draft("impression")),
    Column("comparison_text", _TEXT, "Comparison with the prior; empty without one.", _of_draft("comparison")),
    Column("weights_sha256", _TEXT, "Digest of the weights that made the draft.", _made_with("weights_sha256")),
    Column("calibration_sha256", _TEXT, "Digest of the calibration; none where raw scores stand for probabilities.",
           _made_with("calibration_sha256"), True),
    Column("preprocess_version", _INTEGER, "Version of the preprocessing of films.", _made_with("preprocess_version")),
    Column("index_version", _TEXT, "Version of the retrieval index; empty without retrieval.", _made_with("index_version")),
    Column("tool_version", _TEXT, "Version of cxrreport that wrote the table.", lambda _: __version__),
)
FINDING = (
    Column("finding", _TEXT, "The finding, by the name of its label.", lambda view: view.row.finding),
    Column("name", _TEXT, "The finding, as a reader calls it.", _own("name")),
    Column("state", _TEXT, "What the draft says of it.", lambda view: view.row.state, values=_STATES),
    Column("probability", _NUMBER, 'Calibrated probability of "positive", 0..1.', lambda view: view.row.probability),
    Column("prior_state", _TEXT, "What the prior's draft and its signed report have of it, together.",
           lambda view: view.row.prior_state, True, _STATES),
    Column("prior_probability", _NUMBER, "The probability that the films tell of the prior, 0..1; its state may be another.",
           lambda view: view.row.prior_probability, True),
    Column("change", _TEXT, "What became of it since the prior.", lambda view: view.row.change, True, _CHANGES),
    Column("change_probability", _NUMBER, "Probability of this change, 0..1.", lambda view: view.row.change_probability, True),
    Column("raw_score", _NUMBER, "What the network said before calibration, 0..1.", lambda view: view.row.raw_score, True),
    Column("tier", _TEXT, "How soon somebody has to act on it if it is there.", lambda view: view.tier.name.lower(),
           values=PRIORITIES),
)
SENTENCE = (
    Column("kind", _TEXT, "The sentence against the prior's report; \"dropped\" are sentences of that report,"
           " \"withheld\" those of a finding whose change is.", _own("kind"),
           values=("added", "severity", "kept", "dropped", "withheld")),
    Column("text", _TEXT, "The sentence.", _own("text")),
    Column("start", _INTEGER, "First character in `findings_text`.", _own("start"), True),
    Column("end", _INTEGER, "Character behind the last.", _own("end"), True),
    Column("finding", _TEXT, "Of kind \"severity\": the finding.", _own("finding"), True),
    Column("before", _TEXT, "Its word of severity then.", _own("before"), True),
    Column("after", _TEXT, "Its word of severity now.", _own("after"), True),
)
SPAN = (
    Column("section", _TEXT, "Section of the draft.", _own("section")),
    Column("start", _INTEGER, "First character in the text of the section.", _own("start_char")),
    Column("end", _INTEGER, "Character behind the last.", _own("end_char")),
    Column("kind", _TEXT, "What the words are marked for.", _own("kind")),
    Column("finding", _TEXT, "The finding that they tell of.", _own("finding"), True),
    Column("confidence", _NUMBER, "How far the words are borne out, 0..1.", _own("confidence"), True),
)
REGION = (
    Column("kind", _TEXT, "What the box is marked for.", _own("kind")),
    Column("finding", _TEXT, "The finding that it belongs to.", _own("finding"), True),
    Column("x", _INTEGER, "First column, in pixels of the current image as it is stored.", _own("x")),
    Column("y", _INTEGER, "First row.", _own("y")),
    Column("w", _INTEGER, "Width in pixels.", _own("w")),
    Column("h", _INTEGER, "Height in pixels.", _own("h")),
    Column("score", _NUMBER, "How strong the network's response is there, 0..1.", _own("score")),
)
REFERENCE = (
    Column("rank", _INTEGER, "1 is the most similar report.", _own("rank")),
    Column("report_id", _INTEGER, "The report in the archive of cxrreport.", _own("report_id")),
    Column("score", _NUMBER, "Similarity, in the measure of the retriever.", _own("score")),
    Column("weight", _NUMBER, "How far the network used it, 0..1.", _own("weight")),
    Column("accession", _TEXT, "Accession number of the report.", _own("accession")),
    Column("reported_at", Kind.LOCAL_TIME, "Date and time of the report.", _own("reported_at"), True),
    Column("findings_text", _TEXT, "Findings of the report.", _own("findings")),
    Column("impression_text", _TEXT, "Impression of the report.", _own("impression")),
)
# fmt: on
PARTS: Mapping[str, tuple[Column, ...]] = {  # the lists of a document of JSON
    "findings": FINDING,
    "sentences": SENTENCE,
    "spans": SPAN,
    "regions": REGION,
    "references": REFERENCE,
}
FINDING_ROW = (*KEYS, *FINDING, STUDY[1])  # a row of the table of findings: study, draft, finding, disclaimer

Row = dict[str, Any]


def study_row(view: StudyView) -> Row:
    """The study as one row."""
    return {column.name: column.of(view) for column in STUDY}


def finding_rows(view: StudyView) -> list[Row]:
    """A row a finding, what cannot wait first."""
    ends = {column.name: column.of(view) for column in FINDING_ROW if column not in FINDING}
    return [{**ends, **_row(finding, FINDING)} for finding in view.findings]


def part_rows(view: StudyView) -> dict[str, list[Row]]:
    """The lists of a study: name -> rows."""
    draft = view.draft
    parts: dict[str, Iterable[Any]] = {
        "findings": view.findings,
        "sentences": view.sentences,
        "spans": draft.spans,
        "regions": draft.regions,
        "references": draft.references,
    }
    return {name: [_row(part, columns) for part in parts[name]] for name, columns in PARTS.items()}


def _row(part: Any, columns: tuple[Column, ...]) -> Row:
    return {column.name: column.of(part) for column in columns}
