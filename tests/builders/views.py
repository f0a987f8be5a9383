"""A study as it leaves the house, made by hand: with a prior, its report, findings, spans, regions and references."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from builders.dicom import write_dicom
from cxrreport.codes import Flag, describe
from cxrreport.drafts import DraftStatus, Finding, Provenance, Region, Span
from cxrreport.export.report_diff import compare_with_prior
from cxrreport.export.study import Films, StudyView
from cxrreport.export.words import view_findings
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.records import NOBODY, Image, View
from cxrreport.store.views import DraftFacts, DraftView, PatientFacts, PriorReport, RetrievedReport, StudyFacts

PATIENT = PatientFacts(3, "HOSP", "P1", date(1950, 1, 2), "F")
STUDY = StudyFacts(7, "1.2.3.4", "A1", datetime(2024, 3, 5, 10, 15), True, "CHEST PA", "St. Elsewhere", 74.0, "Cough.")
PRIOR = StudyFacts(5, "1.2.3.3", "A0", datetime(2023, 12, 1, 8, 30), True, "CHEST PA", "St. Elsewhere", 73.9)
NAMELESS = replace(PATIENT, mrn=f"{NOBODY}{STUDY.uid}")  # as the archive calls a patient whose number names nobody
PRIOR_REPORT = PriorReport("report", datetime(2023, 12, 1, 9), "No pleural effusion. Normal heart.", "Normal chest.")
TEXT = "There is a new right pleural effusion. The heart is enlarged."
_TOLD = {  # finding -> state, probability, prior state, its probability, change, its probability
    "pleural effusion": (State.POSITIVE, 0.91, State.NEGATIVE, 0.08, Change.NEW, 0.84),
    "cardiomegaly": (State.POSITIVE, 0.77, State.POSITIVE, 0.7, Change.UNCHANGED, 0.66),
    "pneumonia": (State.UNCERTAIN, 0.45, State.BLANK, 0.2, None, None),
}
_ABSENT = (State.NEGATIVE, 0.04, State.NEGATIVE, 0.05, Change.ABSENT, 0.9)
FINDING_ROWS = tuple(Finding(name, *_TOLD.get(name, _ABSENT)) for name in FINDINGS)
REGIONS = (
    Region("change", 10, 90, 40, 50, 0.8, "pleural effusion"),
    Region("evidence", 40, 70, 60, 50, 0.6, "cardiomegaly"),
)
SPANS = (
    Span("findings", 0, 38, "change", "pleural effusion", 0.8),
    Span("findings", 39, 61, "evidence", "cardiomegaly", 0.7),
)
REFERENCES = (
    RetrievedReport(1, 11, 0.8, 0.5, "B1", datetime(2022, 1, 1), "Right pleural effusion.", "Effusion.", "Dyspnoea."),
    RetrievedReport(2, 12, 0.7, 0.3, "B2", datetime(2022, 2, 2), "Enlarged heart.", "Cardiomegaly."),
    RetrievedReport(3, 13, 0.6, 0.2, "B3", None, "The right pleural effusion.", "Effusion."),
)
PROVENANCE = Provenance("a" * 64, 3, "index-1", "b" * 64, {"beams": 3}, "c" * 64)
DRAFT = DraftFacts(
    draft_id=9,
    status=DraftStatus.PRELIMINARY,
    run_id=2,
    created_at=datetime(2024, 3, 6, 1, 2, 3, tzinfo=UTC),
    prior_reason="",
    findings=TEXT,
    impression="New right pleural effusion. Cardiomegaly.",
    comparison="Compared with 2023-12-01.",
    priority="urgent",
    priority_reason="pleural effusion, new",
    confidence=0.8,
    flags=(Flag.PRIOR_UNREGISTERED,),
    provenance=PROVENANCE,
    finding_rows=FINDING_ROWS,
    spans=SPANS,
    regions=REGIONS,
    references=REFERENCES,
)


def study_view(draft: dict[str, Any] | None = None, films: Films | None = None, **changes: Any) -> StudyView:
    """A study with a draft and a prior; `draft` changes fields of the draft, `changes` those of what is held."""
    facts = replace(DRAFT, **(draft or {})).told()
    held = replace(DraftView(PATIENT, STUDY, PRIOR, PRIOR_REPORT, facts, None), **changes)
    return StudyView(
        stem=str(held.study.study_id),
        held=held,
        findings=view_findings(facts.finding_rows),
        flags=tuple((flag, describe(Flag, flag)) for flag in facts.flags),
        no_prior="",
        sentences=compare_with_prior(held),
        references=((REFERENCES[0], REFERENCES[2]), (REFERENCES[1],)) if facts.references else (),
        films=films or Films(),
    )


def write_films(folder: Path, prior: bool = True, **tags: Any) -> Films:
    """Write the films of `study_view`; `tags` change those of both."""
    before = write_film(folder / "prior.dcm", PRIOR, **tags) if prior else None
    return Films(write_film(folder / "current.dcm", STUDY, **tags), before)


def write_film(path: Path, study: StudyFacts, **tags: Any) -> Image:
    """Write one film of a study."""
    own = {"StudyInstanceUID": study.uid, "SeriesInstanceUID": f"{study.uid}.1", "SOPInstanceUID": f"{study.uid}.1.1"}
    write_dicom(path, **(own | {"AccessionNumber": study.accession} | tags))
    return Image(study.study_id, f"{study.uid}.1.1", str(path), path.stat().st_size, View.PA, 1.0, 160, 136)
