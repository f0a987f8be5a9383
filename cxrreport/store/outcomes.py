"""The tables of what becomes of drafts, parts of the schema: verdicts, deliveries, what was signed, gates, alarms."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cxrreport.drafts import LEVELS, PRIORITIES, WITHHELD, ReviewStatus, Watched
from cxrreport.findings import FINDINGS, LABELS, Change, State
from cxrreport.mistakes import Dimension, Verdict
from cxrreport.store.columns import ID, Base, Key, Utc, choice, link, share, words


class ReviewRow(Base):
    """A reader's verdict on a draft; the newest holds. `text` is what the reader wrote instead, `comment` why."""

    __tablename__ = "review"

    id: Mapped[Key]
    draft_id: Mapped[int] = link("draft")
    status: Mapped[ReviewStatus] = mapped_column(choice(ReviewStatus, "status"))
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

    `errors` are those that would change what is done; `edits` is the share of words that are not as in the signed text. Both
    are NULL where nothing can be said: nothing is signed any more, or in another language. `key_sha256` names what was
    compared: another one, and the draft is judged anew.
    """

    __tablename__ = "judgement"
    __table_args__ = (share("edits"),)

    id: Mapped[Key]
    draft_id: Mapped[int] = mapped_column(ID, ForeignKey("draft.id"), unique=True)
    report_id: Mapped[int | None] = link("report")
    errors: Mapped[int | None]
    edits: Mapped[float | None]
    key_sha256: Mapped[str]
    computed_at: Mapped[Utc]


SAID = JudgementRow.errors.is_not(None)  # of a draft that could be judged


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


class ReferencePeriodRow(Base):
    """First and last day of the studies that drafts of these weights and this calibration are held beside; "" = none.

    `device` is "" where it is of all drafts, else a device that is new since then, with a period of its own.
    """

    __tablename__ = "reference_period"
    __table_args__ = (UniqueConstraint("weights_sha256", "calibration_sha256", "device"),)

    id: Mapped[Key]
    weights_sha256: Mapped[str]
    calibration_sha256: Mapped[str]
    device: Mapped[str]
    since: Mapped[date]
    until: Mapped[date]


class AlarmRow(Base):
    """A statistic of drafts that has left its reference period; `until` is none while it stands.

    `device` is a group of studies, `finding` is "" where it is of the draft. `since` and `until` are Mondays of weeks.
    `value` is the weighted mean of the last weeks, `usual` that of the reference period, `score` the distance in standard
    errors, `known_score` the one that somebody has acknowledged.
    """

    __tablename__ = "alarm"
    __table_args__ = (words("statistic", tuple(Watched)), words("level", LEVELS), words("finding", ("", *FINDINGS)))

    id: Mapped[Key]
    weights_sha256: Mapped[str]
    calibration_sha256: Mapped[str]
    device: Mapped[str]
    statistic: Mapped[str]
    finding: Mapped[str]
    level: Mapped[str]
    since: Mapped[date]
    until: Mapped[date | None]
    value: Mapped[float]
    usual: Mapped[float]
    score: Mapped[float]
    acknowledged_by: Mapped[str | None]
    acknowledged_at: Mapped[Utc | None]
    acknowledged_why: Mapped[str | None]
    known_score: Mapped[float | None]
