"""One study as it leaves the house: what the archive holds of it, compared with its prior's report and put into words.

Terminal, HTML, DICOM, FHIR, HL7 and tables are writers over `StudyView`; none of them asks the database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from cxrreport import DISCLAIMER, __version__
from cxrreport.codes import CODES, Flag, PriorReason, describe
from cxrreport.export.duplicates import group_alike
from cxrreport.export.report_diff import SentenceChange, compare_with_prior
from cxrreport.export.words import FindingView, view_findings
from cxrreport.findings import NAMES, URGENCY
from cxrreport.imaging.pairing import inputs_sha256, pair
from cxrreport.records import Image
from cxrreport.settings import Settings
from cxrreport.store import catalogue
from cxrreport.store.deliveries import Delivery, deliveries_of
from cxrreport.store.engine import open_archive, session
from cxrreport.store.listing import Wanted, list_studies
from cxrreport.store.schema import StudyRow
from cxrreport.store.trajectory import Moment, trajectory
from cxrreport.store.views import DraftFacts, DraftView, RetrievedReport, draft_view, study_view

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

_PAGE = 50  # studies of which the views are held at once


@dataclass(frozen=True, slots=True)
class Films:
    """The frontal images that a draft was made from; both are None where the archive holds others by now.

    withheld : their pixels are not to leave the house.
    """

    current: Image | None = None
    prior: Image | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class StudyView:
    """One study for a terminal or a file.

    Attributes
    ----------
    stem : what its files are called, without an extension; made of no tag.
    held : what the archive holds.
    findings : in words, what cannot wait first; () without a draft.
    flags : code and sentence of each.
    no_prior : why the draft has no prior; "" where it has one.
    sentences : those of the draft against what was said of the prior.
    references : retrieved reports; those that say the same together, in the order of their first.
    trajectory : what is told of the findings in all studies of the patient, by date.
    deliveries : where the draft was sent; None where nobody asked.
    hides_source : nothing that names anybody is to be read from the films; see `export/source.py`.
    """

    stem: str
    held: DraftView
    findings: tuple[FindingView, ...]
    flags: tuple[tuple[str, str], ...]
    no_prior: str
    sentences: tuple[SentenceChange, ...]
    references: tuple[tuple[RetrievedReport, ...], ...]
    films: Films
    trajectory: tuple[Moment, ...] = ()
    hides_source: bool = False
    deliveries: tuple[Delivery, ...] | None = None

    @property
    def draft(self) -> DraftFacts:
        """The draft of a study that has one, as every study of an export has."""
        assert self.held.draft is not None
        return self.held.draft

    @property
    def no_draft(self) -> tuple[str, str] | None:
        """Code and sentence of why there is no draft to see; None where there is one."""
        held = self.held
        if held.draft:
            return (held.draft.abstained, held.draft.not_drafted) if held.draft.abstained else None
        if held.failure and not held.in_shadow:
            again = f" {CODES['study.quarantined'].sentence}" if held.failure.quarantined else ""
            return held.failure.code, held.failure.message + again
        code = "draft.unproved" if held.unproved else "draft.shadow" if held.in_shadow else "draft.none"
        return code, CODES[code].sentence

    @property
    def not_assessed(self) -> str:
        """Sentences of what the draft keeps back, for the tool has not proved itself in it here; "" where that is nothing."""
        draft = self.held.draft
        said = {"Not assessed": draft.not_assessed, "Changes not assessed": _changes_kept(draft)} if draft else {}
        return " ".join(f"{what}: {', '.join(_names(kept))}." for what, kept in said.items() if _names(kept))

    def document(self) -> dict[str, Any]:
        """Everything for JSON; `same_as` of a reference is the rank of the first that says the same, None of that itself."""
        document = {"disclaimer": DISCLAIMER, **asdict(self.held)}
        document["no_draft"] = dict(zip(("code", "sentence"), self.no_draft, strict=True)) if self.no_draft else None
        if self.held.draft:
            document["draft"]["not_assessed"] = self.held.draft.not_assessed
            document["draft"]["changes_not_assessed"] = _changes_kept(self.held.draft)
            del document["draft"]["withheld"]  # no reader is told what is kept back
            first = {one.rank: alike[0].rank for alike in self.references for one in alike[1:]}
            for row in document["draft"]["references"]:
                row["same_as"] = first.get(row["rank"])
            document["draft"]["sentences"] = [asdict(sentence) for sentence in self.sentences]
            if self.deliveries is not None:
                document["draft"]["deliveries"] = [asdict(one) for one in self.deliveries]
        return document

    def to_heed(self) -> tuple[str, ...]:
        """Sentences that stand before a draft wherever it is only text: the label first, flags last."""
        draft = self.held.draft
        said = [DISCLAIMER]
        if draft and draft.priority:
            why = f" ({draft.priority_reason})" if draft.priority_reason else ""
            said.append(f"Priority: {draft.priority}{why}.")
        if self.not_assessed:
            said.append(self.not_assessed)
        if self.no_prior:
            said.append(f"No comparison: {self.no_prior}.")
        return (*said, *(f"Note: {sentence}." for _, sentence in self.flags))

    def version(self) -> str:
        """Digest of all that a writer can tell of the study: two views of one version give the same files."""
        films = [image and image.sop_uid for image in (self.films.current, self.films.prior)]
        told = json.dumps(
            [__version__, self.stem, self.document(), films, self.films.withheld, self.trajectory, self.hides_source],
            default=str,
            sort_keys=True,
        )
        return hashlib.sha256(told.encode()).hexdigest()


def _changes_kept(draft: DraftFacts) -> tuple[str, ...]:
    """Findings that are told, but not what became of them since the prior."""
    return tuple(row.finding for row in draft.withheld if row.withheld == "change" and row.prior_state is not None)


def _names(findings: Sequence[str]) -> list[str]:
    """What readers call them, by urgency; "no finding", which sums up the others, is none."""
    return [NAMES.get(finding, finding) for finding in URGENCY if finding in findings]


def view_study(settings: Settings, key: str) -> StudyView:
    """Look up the study that a UID, an accession number or a database id names.

    Raises
    ------
    UsageError : no study has this key, or several have.
    """
    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        view = _view(s, draft_view(s, key))
        draft = view.held.draft
        return replace(view, deliveries=deliveries_of(s, draft.draft_id)) if draft else view


def view_studies(
    engine: Engine, wanted: Wanted, order: Callable[[str, str | None], Any] | None = None
) -> Iterator[StudyView]:
    """Yield the studies whose drafts are wanted now, in the order of `list_drafts`; a page of them is in memory at a time.

    Each is yielded with the draft that it has when its turn comes; one that is erased or rejected by then is passed over.
    order : another order, by UID and priority.
    """
    with session(engine, read_only=True) as s:
        listed = list_studies(s, wanted)
    if order:
        listed.sort(key=lambda line: order(*line[1:]))
    ids = [study_id for study_id, *_ in listed]
    del listed
    for start in range(0, len(ids), _PAGE):
        with session(engine, read_only=True) as s:
            rows = (s.get(StudyRow, key) for key in ids[start : start + _PAGE])
            views = [_view(s, study_view(s, row)) for row in rows if row]
        yield from (view for view in views if view.held.draft and view.held.draft.status in wanted.statuses)


def _view(session: Session, held: DraftView) -> StudyView:
    draft = held.draft
    references = draft.references if draft else ()
    groups = group_alike([f"{one.findings}\n\n{one.impression}" for one in references])
    return StudyView(
        stem=str(held.study.study_id),
        held=held,
        findings=view_findings(draft.finding_rows) if draft else (),
        flags=tuple((flag, describe(Flag, flag)) for flag in draft.flags) if draft else (),
        no_prior=describe(PriorReason, draft.prior_reason) or draft.prior_reason if draft else "",
        sentences=compare_with_prior(held),
        references=tuple(tuple(references[i] for i in group) for group in groups),
        films=_films(session, held, draft) if draft else Films(),
        trajectory=trajectory(session, held.patient.patient_id) if draft else (),
    )


def _films(session: Session, held: DraftView, draft: DraftFacts) -> Films:
    """The images of the pair that the archive would draft from today, if it is the pair that the draft was made from."""
    of_patient = catalogue.patient_studies(session, [held.patient.patient_id])[held.patient.patient_id]
    study = next((one for one in of_patient if one.id == held.study.study_id), None)
    made = pair(study, of_patient) if study else None
    if made is None or draft.provenance.inputs_sha256 != inputs_sha256(
        made, {image.id: image.pixel_sha256 for image in made.images if image}
    ):
        return Films()
    return Films(made.frontal, made.prior_frontal if held.prior else None)
