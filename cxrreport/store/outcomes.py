"""The tables of what becomes of drafts, parts of the schema: verdicts of readers, deliveries, what was signed, gates."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cxrreport.drafts import PRIORITIES, WITHHELD
from cxrreport.drafts import Verdict as Said
from cxrreport.findings import FINDINGS, LABELS, Change, State
from cxrreport.mistakes import Dimension, Verdict
from cxrreport.store.columns import ID, Base, Key, Utc, choice, link, share, words


class ReviewRow(Base):
    """A reader's verdict on a draft; the newest holds. `text` is what the reader wrote instead, `comment` why."""

    __tablename__ = "review"

    id: Mapped[Key]
    draft_id: Mapped[int] = link("draft")
    status: Mapped[Said] = mapped_column(choice(Said, "status"))
    text: Mapped[str | None]
    comment: Mapped[str | None]
    reviewer: Mapped[str]
    at: Mapped[Utc]


class DeliveryRow(Base):
    """One object of a draft on its way to one target: counted up with each attempt, and delivered once."""

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("draft_id", "target", "object"),)

    id: Mapped[Key]
    draft_id: Mapped[int] = link("draft", index=False)
    target: Mapped[str]
    object: Mapped[str]
    sent_at: Mapped[Utc]
    answer: Mapped[str]
    attempts: Mapped[int]
    delivered: Mapped[bool]


class JudgementRow(Base):
    """A draft beside what was signed of its study: the report with `report_id`, else what the reader wrote instead.

    `errors` are those that would change what is done; `edits` is the share of words that are not as in the signed text.
    `key_sha256` names what was compared: another one, and the draft is judged anew.
    """

    __tablename__ = "judgement"
    __table_args__ = (share("edits"),)

    id: Mapped[Key]
    draft_id: Mapped[int] = mapped_column(ID, ForeignKey("draft.id"), unique=True)
    report_id: Mapped[int | None] = link("report")
    errors: Mapped[int]
    edits: Mapped[float]
    key_sha256: Mapped[str]
    computed_at: Mapped[Utc]


class AgreementRow(Base):
    """One finding of a judged draft that draft or report tell to be there, or to have changed.

    `drafted` and `signed` are its states, in the table of the draft and in the report. A finding without a row is there in
    neither. `name` is that of another abnormality.
    """

    __tablename__ = "agreement"
    __table_args__ = (
        UniqueConstraint("draft_id", "finding", "name"),
        words("finding", LABELS),
        words("verdict", tuple(Verdict)),
        words("dimension", tuple(Dimension)),
        words("tier", PRIORITIES),
    )

    id: Mapped[Key]
    draft_id: Mapped[int] = link("draft", index=False)
    report_id: Mapped[int | None] = link("report")
    finding: Mapped[str]
    name: Mapped[str]
    verdict: Mapped[str]
    dimension: Mapped[str]
    tier: Mapped[str]
    drafted: Mapped[State] = mapped_column(choice(State, "drafted"))
    signed: Mapped[State] = mapped_column(choice(State, "signed"))
    drafted_change: Mapped[Change | None] = mapped_column(choice(Change, "drafted_change"))
    signed_change: Mapped[Change | None] = mapped_column(choice(Change, "signed_change"))
    computed_at: Mapped[Utc]


class GateRow(Base):
    """Whether drafts that readers see may tell a finding, or that it has changed; `held` by somebody, else by the rule.

    `failed`: closed since drafts did not agree well enough with what was signed, and not proved since. The digests are of what
    made the drafts that it rests on.
    """

    __tablename__ = "gate"
    __table_args__ = (UniqueConstraint("finding", "subject"), words("finding", FINDINGS), words("subject", WITHHELD))

    id: Mapped[Key]
    finding: Mapped[str]
    subject: Mapped[str]
    open: Mapped[bool]
    failed: Mapped[bool]
    held: Mapped[bool]
    reason: Mapped[str]
    weights_sha256: Mapped[str]
    calibration_sha256: Mapped[str | None]
    since: Mapped[Utc]
