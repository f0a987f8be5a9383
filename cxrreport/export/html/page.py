"""The page of one study: films to compare, draft, findings, and what else a reader wants before signing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxrreport.drafts import Region
from cxrreport.errors import InputError
from cxrreport.export.films import Pictures
from cxrreport.export.html.course import course
from cxrreport.export.html.document import key_of
from cxrreport.export.html.document import render as render_document
from cxrreport.export.html.pictures import embed, films
from cxrreport.export.html.text import pieces
from cxrreport.export.panels import colour_of
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.export.words import OF_THE_PRIOR, FindingView
from cxrreport.findings import NAMES, State, implied_by
from cxrreport.store.views import DraftView

_STYLES = ("common.css", "study.css", "reading.css")
_SCRIPTS = ("common.js", "study.js", "verdicts.js", "reading.js")
_SECTIONS = ("findings", "impression", "comparison")
_URGENT = (State.POSITIVE, State.UNCERTAIN, State.NEGATIVE, State.BLANK)  # what is there comes first


@dataclass(frozen=True, slots=True)
class Box:
    """A region in pixels of the current film. `quiet` ones are seen when their finding is pointed at."""

    region: Region
    key: str
    name: str
    colour: str
    quiet: bool


def render(subject: Subject, worklist: str = "", printed: bool = False) -> bytes:
    """Return the page of a study that has a draft; without its pictures, and with the reason, where they cannot be had.

    worklist : address of the worklist, "" where there is none. printed : for paper, so that nothing is folded or moves.
    """
    view, draft = subject.view, subject.view.draft
    pictures, lost = _pictures(subject)
    plain, implied = _findings(view.findings)
    page = render_document(
        "study.html",
        _STYLES,
        () if printed else _SCRIPTS,
        _foot(view.held),
        view=view,
        held=view.held,
        draft=draft,
        worklist=worklist,
        films=films(pictures) if pictures else [],
        boxes=_boxes(view, pictures) if pictures else [],
        lost=lost,
        labels=_labels(view.held, pictures),
        overlaid=bool(pictures and pictures.difference is not None),
        printed=printed,
        sections={name: pieces(getattr(draft, name), name, draft.spans) for name in _SECTIONS},
        findings=plain,
        implied=implied,
        of_prior=OF_THE_PRIOR,
        course=course(view.trajectory, view.held.study.study_id),
    )
    return embed(page, pictures) if pictures else page


def _pictures(subject: Subject) -> tuple[Pictures | None, InputError | None]:
    try:
        return subject.pictures, None
    except InputError as error:
        return None, error


def _foot(held: DraftView) -> str:
    """Whose study a sheet tells of, should it be parted from the first."""
    return " ".join(filter(None, (held.patient.number, held.study.accession, held.study.day)))


def _labels(held: DraftView, pictures: Pictures | None) -> dict[str, str]:
    """What stands under each film."""
    before = held.prior.day if held.prior else ""
    laid = "laid over" if pictures and pictures.difference is not None else "as it is"
    return {
        "current": f"Current {held.study.day}".rstrip(),
        "prior": f"{f'Prior {before}'.rstrip()}, {laid}",
        "difference": "Difference",
    }


def _findings(findings: Sequence[FindingView]) -> tuple[list[FindingView], list[FindingView]]:
    """What is there or has changed first; apart from them what is there and one of them implies."""
    present = {one.row.finding for one in findings if one.row.state is State.POSITIVE}
    folded = present & implied_by(present)
    ordered = sorted(findings, key=lambda one: (not one.is_changed, _URGENT.index(one.row.state)))
    return (
        [one for one in ordered if one.row.finding not in folded],
        [one for one in ordered if one.row.finding in folded],
    )


def _boxes(view: StudyView, pictures: Pictures) -> list[Box]:
    """The best of a finding bears its name. Beside changes, evidence is quiet; so is what another finding implies."""
    main = "change" if view.held.prior and any(one.kind == "change" for one in pictures.regions) else "evidence"
    shown = {one.finding for one in pictures.regions if one.kind == main and one.finding}
    implied = implied_by(shown)
    boxes, named = [], set[str | None]()
    for region in sorted(pictures.regions, key=lambda one: (one.kind != main, -one.score)):
        finding = region.finding or ""
        name = "" if finding in named else NAMES.get(finding, finding)
        quiet = region.kind != main or finding in implied
        boxes.append(Box(region, key_of(finding), name, colour_of(finding), quiet))
        named.add(finding)
    return boxes
