"""The tables. Names are a contract: scripts of hospitals query them (docs: one row of the table per class)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cxrreport.codes import Abstained, PriorReason
from cxrreport.drafts import PRIORITIES, WITHHELD, DraftStatus
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.records import Origin, ReportStatus, View
from cxrreport.store import outcomes as outcomes  # its tables belong to this schema
from cxrreport.store.columns import ID, Base, Big, Clock, Json, Key, Tag, Utc, choice, code, link, share, words
from cxrreport.store.conditions import FLAGS, PRELIMINARY, REFUSED, REPORT_BLOCK, UNDATED, UNSEEN, UNSEEN_1

REVISION = "0001"  # head of migrations/versions; a test holds both together


class PatientRow(Base):
    """One patient of one issuer. Two issuers may use one medical record number for two people."""

    __tablename__ = "patient"
    __table_args__ = (UniqueConstraint("issuer", "mrn"), Index("ix_patient_mrn", "mrn"))

    id: Mapped[Key]
    issuer: Mapped[str]
    mrn: Mapped[str]
    birth_date: Mapped[date | None]
    sex: Mapped[str]


class StudyRow(Base):
    """One study; `birth_date`, `sex` and `name_sha256`, keyed, as its own headers say, to find two people under one number."""

    __tablename__ = "study"

    id: Mapped[Key]
    uid: Mapped[str] = mapped_column(unique=True)
    patient_id: Mapped[int] = link("patient")
    studied_at: Mapped[Clock | None] = mapped_column(index=True)
    time_known: Mapped[bool]
    birth_date: Mapped[date | None]
    sex: Mapped[str]
    name_sha256: Mapped[Tag]
    accession: Mapped[str] = mapped_column(index=True)
    description: Mapped[str]
    institution: Mapped[str]
    indication: Mapped[str | None]
    age_years: Mapped[float | None]


class ImageRow(Base):
    """One DICOM image; `reason` is a code and says why it is not usable."""

    __tablename__ = "image"
    __table_args__ = (
        Index("ix_image_unseen", "id", sqlite_where=UNSEEN_1, postgresql_where=UNSEEN),
        Index("ix_image_reason", "reason", "usable", sqlite_where=REFUSED, postgresql_where=REFUSED),
        Index("ix_image_study_id", "study_id", "usable"),
        Index("ix_image_view", "view", "usable"),
        words("view_source", ("tags", "pixels")),
        code("reason"),
    )

    id: Mapped[Key]
    sop_uid: Mapped[str] = mapped_column(unique=True)
    study_id: Mapped[int] = link("study", index=False)
    path: Mapped[str] = mapped_column(index=True)
    size: Mapped[Big]
    mtime_ns: Mapped[Big]
    pixel_sha256: Mapped[str | None]
    view: Mapped[View | None] = mapped_column(choice(View, "view"))
    view_source: Mapped[str | None]
    view_probability: Mapped[float | None]
    height: Mapped[int]
    width: Mapped[int]
    transfer_syntax: Mapped[str]
    usable: Mapped[bool]
    reason: Mapped[str | None]
    manufacturer: Mapped[Tag]
    model: Mapped[Tag]
    station: Mapped[Tag]
    exposure_index: Mapped[float | None]
    deviation_index: Mapped[float | None]
    presentation_intent: Mapped[Tag]
    image_type: Mapped[Tag]
    origin: Mapped[Origin] = mapped_column(choice(Origin, "origin"))


class FileRow(Base):
    """One path ever seen, so that an unchanged file is never opened again.

    `outcome` is "image", "duplicate", "broken_copy", "conflict", "not_dicom" or the code of a failure. A conflict has
    the digest of the pixels of both: `pixel_sha256` here and of the image. `previewed`: only dry runs have read it so far.
    """

    __tablename__ = "file"
    __table_args__ = (code("outcome"),)

    id: Mapped[Key]
    path: Mapped[str] = mapped_column(unique=True)
    size: Mapped[Big]
    mtime_ns: Mapped[Big]
    outcome: Mapped[str]
    image_id: Mapped[int | None] = link("image")
    pixel_sha256: Mapped[str | None]
    previewed: Mapped[bool]


class ReportRow(Base):
    """One report of the archive. Its own identifiers stay, so that a later scan can link it.

    A withdrawn report stays without its text, so that an older copy of it is not taken for a new report.
    """

    __tablename__ = "report"
    __table_args__ = (
        Index("ix_report_undated", "id", sqlite_where=UNDATED, postgresql_where=UNDATED),
        Index("ix_report_block", text(f"({REPORT_BLOCK})"), "id", "text_digest"),
        code("label_source"),
    )

    id: Mapped[Key]
    source: Mapped[str]
    external_id: Mapped[str]
    accession: Mapped[str] = mapped_column(index=True)
    study_uid: Mapped[str] = mapped_column(index=True)
    issuer: Mapped[str]
    mrn: Mapped[str] = mapped_column(index=True)
    study_id: Mapped[int | None] = link("study")
    patient_id: Mapped[int | None] = link("patient")
    reported_at: Mapped[Clock | None]
    amended_at: Mapped[Clock | None]  # of the latest addition that is no part of the report as it was signed
    status: Mapped[ReportStatus] = mapped_column(choice(ReportStatus, "status"))
    findings: Mapped[str]
    impression: Mapped[str]
    comparison: Mapped[str]
    indication: Mapped[str | None]
    addendum: Mapped[str | None]
    labels: Mapped[Json]
    label_source: Mapped[str]  # "" = not told
    identity_sha256: Mapped[str] = mapped_column(unique=True)
    text_sha256: Mapped[str] = mapped_column(unique=True)
    text_digest: Mapped[int | None] = mapped_column(BigInteger)  # its first 40 bits; none without a text to retrieve


class RunRow(Base):
    """One call of `generate` or `index`; without `ended_at` it is at work or was killed, with it but no `exit_code` dead."""

    __tablename__ = "run"

    id: Mapped[Key]
    started_at: Mapped[Utc]
    ended_at: Mapped[Utc | None]
    argv: Mapped[list[str]]
    host: Mapped[str]
    versions: Mapped[Json]
    counts: Mapped[Json]
    exit_code: Mapped[int | None]


class DraftRow(Base):
    """One drafted report. A study has at most one preliminary draft; one made in shadow is shown to no reader.

    Of one that is `abstained` from, readers are told why, and nothing else.
    """

    __tablename__ = "draft"
    __table_args__ = (
        UniqueConstraint(
            "study_id", "weights_sha256", "preprocess_version", "index_version", "inputs_sha256", name="uq_draft_key"
        ),
        Index("ix_draft_status", "status", "shadow", "priority", "study_id", "abstained"),
        Index("ix_draft_study_id", "study_id", "status", "shadow"),
        Index("uq_draft_preliminary", "study_id", unique=True, sqlite_where=PRELIMINARY, postgresql_where=PRELIMINARY),
        words("prior_reason", ("", *PriorReason)),
        CheckConstraint(FLAGS, name="flags"),
        words("priority", PRIORITIES),
        share("confidence"),
        CheckConstraint("distance >= 0", name="distance"),
        words("abstained", ("", *Abstained)),
    )

    id: Mapped[Key]
    study_id: Mapped[int] = link("study", index=False)
    prior_study_id: Mapped[int | None] = link("study")
    prior_reason: Mapped[str]
    run_id: Mapped[int] = link("run")
    status: Mapped[DraftStatus] = mapped_column(choice(DraftStatus, "status"))
    findings: Mapped[str]
    impression: Mapped[str]
    comparison: Mapped[str]
    weights_sha256: Mapped[str]
    preprocess_version: Mapped[int]
    index_version: Mapped[str]
    decoding: Mapped[Json]
    flags: Mapped[list[str]]
    inputs_sha256: Mapped[str]
    created_at: Mapped[Utc]
    priority: Mapped[str | None]
    priority_reason: Mapped[str | None]
    confidence: Mapped[float | None]
    calibration_sha256: Mapped[str | None]
    shadow: Mapped[bool]
    distance: Mapped[float | None]
    abstained: Mapped[str]


class FindingRow(Base):
    """One finding of a draft; `raw_score` is what the network said before any calibration.

    `withheld` is what no reader is told, for the tool has not proved itself in it here: the state, or the change alone.
    """

    __tablename__ = "finding"
    __table_args__ = (
        UniqueConstraint("draft_id", "finding"),
        words("finding", FINDINGS),
        words("withheld", ("", *WITHHELD)),
        *map(share, ("probability", "raw_score", "prior_probability", "change_probability")),
    )

    id: Mapped[Key]
    draft_id: Mapped[int] = link("draft", index=False)
    finding: Mapped[str]
    state: Mapped[State] = mapped_column(choice(State, "state"))
    probability: Mapped[float]
    raw_score: Mapped[float]
    prior_state: Mapped[State | None] = mapped_column(choice(State, "prior_state"))
    prior_probability: Mapped[float | None]
    change: Mapped[Change | None] = mapped_column(choice(Change, "change"))
    change_probability: Mapped[float | None]
    withheld: Mapped[str]


class RegionRow(Base):
    """One box of a draft, in pixels of the current image."""

    __tablename__ = "region"
    __table_args__ = (words("kind", ("change", "evidence")), words("finding", FINDINGS))

    id: Mapped[Key]
    draft_id: Mapped[int] = link("draft")
    finding: Mapped[str | None]
    kind: Mapped[str]
    x: Mapped[int]
    y: Mapped[int]
    w: Mapped[int]
    h: Mapped[int]
    score: Mapped[float]


class SpanRow(Base):
    """One highlighted range of characters of a draft."""

    __tablename__ = "span"
    __table_args__ = (
        words("kind", ("change", "evidence", "flag")),
        words("section", ("findings", "impression", "comparison")),
        CheckConstraint("0 <= start_char AND start_char < end_char", name="range"),
        words("finding", FINDINGS),
        share("confidence"),
    )

    id: Mapped[Key]
    draft_id: Mapped[int] = link("draft")
    section: Mapped[str]
    start_char: Mapped[int]
    end_char: Mapped[int]
    kind: Mapped[str]
    finding: Mapped[str | None]
    confidence: Mapped[float | None]


class ReferenceRow(Base):
    """One retrieved report of a draft; rank 1 is best."""

    __tablename__ = "reference"
    __table_args__ = (UniqueConstraint("draft_id", "rank"), share("weight"))

    id: Mapped[Key]
    draft_id: Mapped[int] = link("draft", index=False)
    rank: Mapped[int]
    report_id: Mapped[int] = link("report")
    score: Mapped[float]
    weight: Mapped[float]


class FailureRow(Base):
    """What could not be used: one row for each path or study, counted up with each attempt."""

    __tablename__ = "failure"
    __table_args__ = (
        CheckConstraint("path IS NOT NULL OR study_id IS NOT NULL", name="subject"),
        # A hash index: a path may be longer than what a PostgreSQL tree holds.
        Index("ix_failure_path", "path", postgresql_using="hash"),
        code("code"),
    )

    id: Mapped[Key]
    run_id: Mapped[int] = link("run")
    path: Mapped[str | None]
    study_id: Mapped[int | None] = mapped_column(ID, ForeignKey("study.id"), unique=True)
    code: Mapped[str] = mapped_column(index=True)
    message: Mapped[str]
    attempts: Mapped[int]
    quarantined: Mapped[bool]


class AttemptRow(Base):
    """The attempts at a study since its last draft; `claimed_at` is set while a run works on it."""

    __tablename__ = "attempt"

    id: Mapped[Key]
    study_id: Mapped[int] = mapped_column(ID, ForeignKey("study.id"), unique=True)
    run_id: Mapped[int] = link("run")
    count: Mapped[int]
    claimed_at: Mapped[Utc | None]


class AuditRow(Base):
    """Append-only: triggers of the migration refuse UPDATE and DELETE."""

    __tablename__ = "audit"

    id: Mapped[Key]
    at: Mapped[Utc]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[Json]
