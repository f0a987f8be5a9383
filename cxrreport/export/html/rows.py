"""A study as a row of the worklist."""

from __future__ import annotations

from dataclasses import dataclass

from cxrreport.export.study import StudyView
from cxrreport.export.words import FindingView
from cxrreport.findings import State, most_particular, percent
from cxrreport.records import View

NOT_DRAFTED = "not drafted"


@dataclass(frozen=True, slots=True)
class Row:
    """What the worklist tells of a study; the page reads the fields by these names, in this order.

    Attributes
    ----------
    draft, uid : what a verdict names.
    person : sex and age. date : YYYY-MM-DD, with the time where it is known; "" = unknown.
    changes : finding and what became of it, what cannot wait first.
    present, implied : finding and probability in words; what another one implies need not be shown.
    unsure : what cannot be decided. not_assessed : sentences of what the draft does not tell; "" = nothing.
    status : the verdict that the archive holds, with `reviewer` and time (`judged`, ISO 8601); else that of the draft, or
        "not drafted" where there is nothing to judge.
    text : the draft's findings and impression.
    no_page, no_pictures : code of what kept the study's page from being written, or the films out of it; "" = nothing.
    """

    stem: str
    draft: int
    uid: str
    priority: str
    reason: str
    patient: str
    person: str
    accession: str
    date: str
    view: str
    changes: tuple[tuple[str, str], ...]
    present: tuple[tuple[str, str], ...]
    implied: tuple[tuple[str, str], ...]
    unsure: tuple[str, ...]
    not_assessed: str
    prior: bool
    flags: tuple[str, ...]
    institution: str
    status: str
    reviewer: str
    judged: str
    text: str
    no_page: str
    no_pictures: str


def row_of(view: StudyView, no_page: str = "", no_pictures: str = "") -> Row:
    """Return the row of a study that has a draft."""
    draft, study, patient = view.draft, view.held.study, view.held.patient
    present = [finding for finding in view.findings if finding.row.state is State.POSITIVE]
    shown = set(most_particular([finding.row.finding for finding in present]))
    film, review = view.films.current, draft.review
    return Row(
        stem=view.stem,
        draft=draft.draft_id,
        uid=study.uid,
        priority=draft.priority or "",
        reason=draft.priority_reason or "",
        patient=patient.number,
        person=" ".join(filter(None, (patient.sex, study.age))),
        accession=study.accession,
        date=study.moment,
        view=_told(film.view) if film and film.view else "",
        changes=tuple((finding.name, finding.change) for finding in view.findings if finding.is_changed),
        present=tuple(_likely(finding) for finding in present if finding.row.finding in shown),
        implied=tuple(_likely(finding) for finding in present if finding.row.finding not in shown),
        unsure=tuple(finding.name for finding in view.findings if finding.row.state is State.UNCERTAIN),
        not_assessed=view.not_assessed,
        prior=view.held.prior is not None,
        flags=tuple(flag for flag, _ in view.flags),
        institution=study.institution,
        status=NOT_DRAFTED if draft.abstained else review.status if review else draft.status,
        reviewer=review.reviewer if review else "",
        judged=review.at.isoformat() if review else "",
        text=draft.text,
        no_page=no_page,
        no_pictures=no_pictures,
    )


def _told(view: View) -> str:
    return view.value if view is View.FRONTAL else view.upper()


def _likely(finding: FindingView) -> tuple[str, str]:
    return finding.name, percent(finding.row.probability)
