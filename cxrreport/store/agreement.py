"""Drafts beside what was signed of their studies: what there is to compare, and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, exists, func, insert, or_, select
from sqlalchemy.orm import Session

from cxrreport.drafts import Finding, text_of
from cxrreport.findings import Change, State
from cxrreport.mistakes import Mistake
from cxrreport.store.amendments import SIGNED
from cxrreport.store.drafts import JUDGEMENTS
from cxrreport.store.heard import States
from cxrreport.store.outcomes import AgreementRow, JudgementRow, ReviewRow
from cxrreport.store.reports import holding
from cxrreport.store.reviews import newest_reviews
from cxrreport.store.schema import DraftRow, FindingRow, ReportRow
from cxrreport.store.standing import stands


@dataclass(frozen=True, slots=True)
class Pending:
    """A draft that is to be judged, and the reports that hold of its study and of its prior; `key` names all of them."""

    draft_id: int
    report_id: int | None
    prior_report_id: int | None
    key: str


@dataclass(frozen=True, slots=True)
class SignedText:
    """What was signed: whole text, and the labels of the report; {} where nobody has labelled it."""

    text: str
    labels: States


@dataclass(frozen=True, slots=True)
class Beside:
    """A draft, all its findings, and what was signed of its study and of its prior.

    signed : the report, else what the reader wrote instead of the draft.
    """

    text: str
    rows: tuple[Finding, ...]
    has_prior: bool
    signed: SignedText
    prior: SignedText | None


@dataclass(frozen=True, slots=True)
class Compared:
    """What a draft and the signed report say of one finding; the verdict is "correct" where they do not differ."""

    mistake: Mistake
    drafted: State = State.BLANK
    signed: State = State.BLANK
    drafted_change: Change | None = None
    signed_change: Change | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one draft. errors : that would change what is done. edits : share of words that are not as signed."""

    errors: int
    edits: float
    findings: Sequence[Compared] = field(default_factory=tuple)


def last_draft(session: Session) -> int:
    """Return the greatest id of a draft; 0 where there is none."""
    return session.scalar(select(func.max(DraftRow.id))) or 0


def pending(session: Session, rules: str, after_id: int, until_id: int, limit: int) -> tuple[int | None, list[Pending]]:
    """Return the last id that was looked at, None at the end, and those of the drafts that are to be judged.

    Each draft that stands, one in shadow too, whose study has a signed report or a verdict with a text, or had one when it was
    judged: what was withdrawn since is no truth any more. rules : version of the rules that judge. Only ids and digests are
    read.
    """
    told = exists().where(ReportRow.study_id == DraftRow.study_id, ReportRow.status.in_(SIGNED))
    written = exists().where(ReviewRow.draft_id == DraftRow.id, ReviewRow.text != "")
    judged = exists().where(JudgementRow.draft_id == DraftRow.id)
    wanted = (DraftRow.id > after_id, DraftRow.id <= until_id, stands(shadow=True), or_(told, written, judged))
    query = select(DraftRow.id, DraftRow.study_id, DraftRow.prior_study_id).where(*wanted)
    page = session.execute(query.order_by(DraftRow.id).limit(limit)).all()
    if not page:
        return None, []
    reports = _holding(session, {key for row in page for key in row[1:] if key is not None})
    reviews, known = _reviews(session, [row.id for row in page]), _known(session, [row.id for row in page])
    found = []
    for draft_id, study_id, prior_id in page:
        own, prior = reports.get(study_id, _NONE), reports.get(prior_id or 0, _NONE)
        key = _key(rules, own[1], prior[1], reviews.get(draft_id))
        if key != known.get(draft_id):
            found.append(Pending(draft_id, own[0], prior[0], key))
    return page[-1].id, found


_NONE: tuple[int | None, str] = (None, "")


def _holding(session: Session, study_ids: Collection[int]) -> dict[int, tuple[int | None, str]]:
    """Id and digest of the signed report with a text that holds of each study."""
    found = holding(session, study_ids, ReportRow.text_sha256, ReportRow.label_source)
    return {study: (row.id, f"{row.id} {row.text_sha256} {row.label_source}") for study, row in found.items()}


def _reviews(session: Session, draft_ids: Sequence[int]) -> dict[int, int]:
    """Id of the last verdict on each draft that was judged."""
    query = select(ReviewRow.draft_id, func.max(ReviewRow.id)).where(ReviewRow.draft_id.in_(draft_ids))
    return {draft_id: review_id for draft_id, review_id in session.execute(query.group_by(ReviewRow.draft_id))}


def _known(session: Session, draft_ids: Sequence[int]) -> dict[int, str]:
    query = select(JudgementRow.draft_id, JudgementRow.key_sha256).where(JudgementRow.draft_id.in_(draft_ids))
    return {draft_id: key for draft_id, key in session.execute(query)}


def _key(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def beside(session: Session, pending: Sequence[Pending]) -> Iterator[tuple[Pending, Beside | None]]:
    """Yield each draft with what was signed; None where nothing was. However many they are, a table is read once."""
    if not pending:
        return
    ids = [one.draft_id for one in pending]
    drafts = {row.id: row for row in session.scalars(select(DraftRow).where(DraftRow.id.in_(ids)))}
    rows, reviews = _rows(session, ids), newest_reviews(session, ids)
    signed = _signed(session, {key for one in pending for key in (one.report_id, one.prior_report_id) if key})
    for one in pending:
        draft, written = drafts[one.draft_id], reviews[one.draft_id].written if one.draft_id in reviews else ""
        truth = signed.get(one.report_id or 0) or (SignedText(written, {}) if written else None)
        text, has_prior = text_of(draft.findings, draft.impression), draft.prior_study_id is not None
        before = signed.get(one.prior_report_id or 0)
        yield one, Beside(text, rows.get(draft.id, ()), has_prior, truth, before) if truth else None


def judged_beside(session: Session, draft_id: int) -> Beside | None:
    """Return a judged draft and what it was judged beside, its prior's report aside; None where it is judged no longer."""
    row = session.scalar(select(JudgementRow).where(JudgementRow.draft_id == draft_id))
    known = [Pending(draft_id, row.report_id, None, row.key_sha256)] if row else []
    return next((told for _, told in beside(session, known)), None)


def _rows(session: Session, draft_ids: Sequence[int]) -> dict[int, tuple[Finding, ...]]:
    """All findings of each draft as it holds them."""
    found: dict[int, tuple[Finding, ...]] = {}
    for row in session.scalars(select(FindingRow).where(FindingRow.draft_id.in_(draft_ids)).order_by(FindingRow.id)):
        one = Finding(**{name: getattr(row, name) for name in Finding.__slots__})
        found[row.draft_id] = (*found.get(row.draft_id, ()), one)
    return found


def _signed(session: Session, report_ids: Collection[int]) -> dict[int, SignedText]:
    found = {}
    for row in session.scalars(select(ReportRow).where(ReportRow.id.in_(report_ids))):
        text = "\n\n".join(filter(None, (row.findings, row.impression, row.addendum)))
        found[row.id] = SignedText(text, {finding: State(state) for finding, state in row.labels.items()})
    return found


def save_judgement(session: Session, one: Pending, made: Judgement | None) -> None:
    """Store what came of a draft in the place of what was known; None where nothing can be said, until something changes."""
    forget_judgement(session, one.draft_id)
    own: dict[str, Any] = {"draft_id": one.draft_id, "report_id": one.report_id, "computed_at": datetime.now(UTC)}
    numbers = {"errors": made.errors, "edits": made.edits} if made else {"errors": None, "edits": None}
    session.execute(insert(JudgementRow), [{**own, **numbers, "key_sha256": one.key}])
    rows = [own | _values(compared) for compared in made.findings] if made else []
    if rows:
        session.execute(insert(AgreementRow), rows)


def forget_judgement(session: Session, draft_id: int) -> None:
    """Remove what was made of a draft."""
    for table in JUDGEMENTS:
        session.execute(delete(table).where(table.draft_id == draft_id))


def _values(one: Compared) -> dict[str, Any]:
    mistake = one.mistake
    said = {"finding": mistake.finding, "name": mistake.name, "tier": mistake.tier.name.lower()}
    said |= {"verdict": str(mistake.verdict), "dimension": str(mistake.dimension)}
    return said | {n: getattr(one, n) for n in ("drafted", "signed", "drafted_change", "signed_change")}
