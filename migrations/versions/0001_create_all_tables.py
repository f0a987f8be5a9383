"""Create all tables.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
FINDINGS = (
    "finding IN ('enlarged cardiomediastinum', 'cardiomegaly', 'lung opacity', 'lung lesion', 'edema', 'consolidation',"
    " 'pneumonia', 'atelectasis', 'pneumothorax', 'pleural effusion', 'pleural other', 'fracture', 'support devices',"
    " 'no finding')"
)
STATES = "('blank', 'positive', 'negative', 'uncertain')"
CHANGES = "('new', 'worsened', 'unchanged', 'improved', 'resolved', 'absent')"
PRIOR_REASONS = (
    "prior_reason IN ('', 'prior.none', 'prior.no_frontal', 'prior.tie', 'prior.date_missing', 'prior.identity', "
    "'prior.unreadable', 'prior.rotated', 'prior.inverted', 'prior.mirrored', 'prior.other_view')"
)


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_table(
        "patient",
        sa.Column("id", ID, primary_key=True),
        sa.Column("issuer", sa.String, nullable=False),
        sa.Column("mrn", sa.String, nullable=False),
        sa.Column("birth_date", sa.Date),
        sa.Column("sex", sa.String, nullable=False),
        sa.UniqueConstraint("issuer", "mrn"),
    )
    op.create_index("ix_patient_mrn", "patient", ["mrn"])
    op.create_table(
        "run",
        sa.Column("id", ID, primary_key=True),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("ended_at", UTC),
        sa.Column("argv", sa.JSON, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("exit_code", sa.Integer),
    )
    op.create_table(
        "study",
        sa.Column("id", ID, primary_key=True),
        sa.Column("uid", sa.String, nullable=False, unique=True),
        sa.Column("patient_id", ID, sa.ForeignKey("patient.id"), nullable=False, index=True),
        sa.Column("studied_at", sa.DateTime, index=True),
        sa.Column("time_known", sa.Boolean, nullable=False),
        sa.Column("birth_date", sa.Date),
        sa.Column("sex", sa.String, nullable=False),
        sa.Column("name_sha256", sa.String, nullable=False),
        sa.Column("accession", sa.String, nullable=False, index=True),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("institution", sa.String, nullable=False),
        sa.Column("indication", sa.String),
        sa.Column("age_years", sa.Double),
    )
    op.create_table(
        "attempt",
        sa.Column("id", ID, primary_key=True),
        sa.Column("study_id", ID, sa.ForeignKey("study.id"), nullable=False, unique=True),
        sa.Column("run_id", ID, sa.ForeignKey("run.id"), nullable=False, index=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("claimed_at", UTC),
    )
    op.create_table(
        "draft",
        sa.Column("id", ID, primary_key=True),
        sa.Column("study_id", ID, sa.ForeignKey("study.id"), nullable=False),
        sa.Column("prior_study_id", ID, sa.ForeignKey("study.id"), index=True),
        sa.Column("prior_reason", sa.String, nullable=False),
        sa.Column("run_id", ID, sa.ForeignKey("run.id"), nullable=False, index=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("findings", sa.String, nullable=False),
        sa.Column("impression", sa.String, nullable=False),
        sa.Column("comparison", sa.String, nullable=False),
        sa.Column("weights_sha256", sa.String, nullable=False),
        sa.Column("preprocess_version", sa.Integer, nullable=False),
        sa.Column("index_version", sa.String, nullable=False),
        sa.Column("decoding", sa.JSON, nullable=False),
        sa.Column("flags", sa.JSON, nullable=False),
        sa.Column("inputs_sha256", sa.String, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("priority", sa.String),
        sa.Column("priority_reason", sa.String),
        sa.Column("confidence", sa.Double),
        sa.Column("calibration_sha256", sa.String),
        sa.Column("shadow", sa.Boolean, nullable=False),
        sa.Column("distance", sa.Double),
        sa.Column("abstained", sa.String, nullable=False),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        sa.CheckConstraint("CAST(flags AS VARCHAR) = '[]' OR CAST(flags AS VARCHAR) LIKE '[\"%\"]'", name="flags"),
        sa.CheckConstraint(PRIOR_REASONS, name="prior_reason"),
        sa.CheckConstraint("distance >= 0", name="distance"),
        sa.CheckConstraint(
            "abstained IN ('', 'abstain.unusual', 'abstain.quality', 'abstain.doubt')", name="abstained"
        ),
        sa.CheckConstraint("priority IN ('critical', 'urgent', 'notable', 'routine')", name="priority"),
        sa.CheckConstraint("status IN ('preliminary', 'superseded', 'reviewed', 'rejected')", name="status"),
        sa.UniqueConstraint(
            "study_id", "weights_sha256", "preprocess_version", "index_version", "inputs_sha256", name="uq_draft_key"
        ),
    )
    op.create_index("ix_draft_status", "draft", ["status", "shadow", "priority", "study_id", "abstained"])
    op.create_index("ix_draft_study_id", "draft", ["study_id", "status", "shadow"])
    op.create_index(
        "uq_draft_preliminary",
        "draft",
        ["study_id"],
        unique=True,
        sqlite_where=sa.text("status = 'preliminary'"),
        postgresql_where=sa.text("status = 'preliminary'"),
    )
    op.create_table(
        "failure",
        sa.Column("id", ID, primary_key=True),
        sa.Column("run_id", ID, sa.ForeignKey("run.id"), nullable=False, index=True),
        sa.Column("path", sa.String),
        sa.Column("study_id", ID, sa.ForeignKey("study.id"), unique=True),
        sa.Column("code", sa.String, nullable=False, index=True),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("quarantined", sa.Boolean, nullable=False),
        sa.CheckConstraint("code = lower(code) AND code NOT LIKE '% %' AND length(code) < 64", name="code"),
        sa.CheckConstraint("path IS NOT NULL OR study_id IS NOT NULL", name="subject"),
    )
    op.create_index("ix_failure_path", "failure", ["path"], postgresql_using="hash")
    op.create_table(
        "image",
        sa.Column("id", ID, primary_key=True),
        sa.Column("sop_uid", sa.String, nullable=False, unique=True),
        sa.Column("study_id", ID, sa.ForeignKey("study.id"), nullable=False),
        sa.Column("path", sa.String, nullable=False, index=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("pixel_sha256", sa.String),
        sa.Column("view", sa.String(16)),
        sa.Column("view_source", sa.String),
        sa.Column("view_probability", sa.Double),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("transfer_syntax", sa.String, nullable=False),
        sa.Column("usable", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("manufacturer", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("station", sa.String, nullable=False),
        sa.Column("exposure_index", sa.Double),
        sa.Column("deviation_index", sa.Double),
        sa.Column("presentation_intent", sa.String, nullable=False),
        sa.Column("image_type", sa.String, nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.CheckConstraint("reason = lower(reason) AND reason NOT LIKE '% %' AND length(reason) < 64", name="reason"),
        sa.CheckConstraint("view IN ('pa', 'ap', 'frontal', 'lateral', 'other')", name="view"),
        sa.CheckConstraint("view_source IN ('tags', 'pixels')", name="view_source"),
        sa.CheckConstraint("origin IN ('original', 'derived', 'captured', 'subtracted')", name="origin"),
    )
    op.create_index(
        "ix_image_unseen",
        "image",
        ["id"],
        sqlite_where=sa.text("view IS NULL AND usable = 1"),
        postgresql_where=sa.text("view IS NULL AND usable"),
    )
    op.create_index(
        "ix_image_reason",
        "image",
        ["reason", "usable"],
        sqlite_where=sa.text("reason IS NOT NULL"),
        postgresql_where=sa.text("reason IS NOT NULL"),
    )
    op.create_index("ix_image_study_id", "image", ["study_id", "usable"])
    op.create_index("ix_image_view", "image", ["view", "usable"])
    op.create_table(
        "report",
        sa.Column("id", ID, primary_key=True),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("external_id", sa.String, nullable=False),
        sa.Column("accession", sa.String, nullable=False, index=True),
        sa.Column("study_uid", sa.String, nullable=False, index=True),
        sa.Column("issuer", sa.String, nullable=False),
        sa.Column("mrn", sa.String, nullable=False, index=True),
        sa.Column("study_id", ID, sa.ForeignKey("study.id"), index=True),
        sa.Column("patient_id", ID, sa.ForeignKey("patient.id"), index=True),
        sa.Column("reported_at", sa.DateTime),
        sa.Column("amended_at", sa.DateTime),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("findings", sa.String, nullable=False),
        sa.Column("impression", sa.String, nullable=False),
        sa.Column("comparison", sa.String, nullable=False),
        sa.Column("indication", sa.String),
        sa.Column("addendum", sa.String),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("label_source", sa.String, nullable=False),
        sa.Column("identity_sha256", sa.String, nullable=False, unique=True),
        sa.Column("text_sha256", sa.String, nullable=False, unique=True),
        sa.Column("text_digest", sa.BigInteger),
        sa.CheckConstraint(
            "label_source = lower(label_source) AND label_source NOT LIKE '% %' AND length(label_source) < 64",
            name="label_source",
        ),
        sa.CheckConstraint("status IN ('preliminary', 'final', 'corrected', 'withdrawn')", name="status"),
    )
    op.create_index(
        "ix_report_undated",
        "report",
        ["id"],
        sqlite_where=sa.text("reported_at IS NULL"),
        postgresql_where=sa.text("reported_at IS NULL"),
    )
    op.create_index("ix_report_block", "report", [sa.text("(id / 1024)"), "id", "text_digest"])
    op.create_table(
        "file",
        sa.Column("id", ID, primary_key=True),
        sa.Column("path", sa.String, nullable=False, unique=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("image_id", ID, sa.ForeignKey("image.id"), index=True),
        sa.Column("pixel_sha256", sa.String),
        sa.Column("previewed", sa.Boolean, nullable=False),
        sa.CheckConstraint(
            "outcome = lower(outcome) AND outcome NOT LIKE '% %' AND length(outcome) < 64", name="outcome"
        ),
    )
    op.create_table(
        "finding",
        sa.Column("id", ID, primary_key=True),
        sa.Column("draft_id", ID, sa.ForeignKey("draft.id"), nullable=False),
        sa.Column("finding", sa.String, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("raw_score", sa.Double, nullable=False),
        sa.Column("prior_state", sa.String(16)),
        sa.Column("prior_probability", sa.Double),
        sa.Column("change", sa.String(16)),
        sa.Column("change_probability", sa.Double),
        sa.Column("withheld", sa.String, nullable=False),
        sa.CheckConstraint("withheld IN ('', 'state', 'change')", name="withheld"),
        sa.CheckConstraint(
            "change IN ('new', 'worsened', 'unchanged', 'improved', 'resolved', 'absent')", name="change"
        ),
        sa.CheckConstraint(FINDINGS, name="finding"),
        sa.CheckConstraint("prior_state IN ('blank', 'positive', 'negative', 'uncertain')", name="prior_state"),
        sa.CheckConstraint("state IN ('blank', 'positive', 'negative', 'uncertain')", name="state"),
        sa.UniqueConstraint("draft_id", "finding"),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name="probability"),
        sa.CheckConstraint("raw_score BETWEEN 0 AND 1", name="raw_score"),
        sa.CheckConstraint("prior_probability BETWEEN 0 AND 1", name="prior_probability"),
        sa.CheckConstraint("change_probability BETWEEN 0 AND 1", name="change_probability"),
    )
    op.create_table(
        "reference",
        sa.Column("id", ID, primary_key=True),
        sa.Column("draft_id", ID, sa.ForeignKey("draft.id"), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("report_id", ID, sa.ForeignKey("report.id"), nullable=False, index=True),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.UniqueConstraint("draft_id", "rank"),
        sa.CheckConstraint("weight BETWEEN 0 AND 1", name="weight"),
    )
    op.create_table(
        "region",
        sa.Column("id", ID, primary_key=True),
        sa.Column("draft_id", ID, sa.ForeignKey("draft.id"), nullable=False, index=True),
        sa.Column("finding", sa.String),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("x", sa.Integer, nullable=False),
        sa.Column("y", sa.Integer, nullable=False),
        sa.Column("w", sa.Integer, nullable=False),
        sa.Column("h", sa.Integer, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.CheckConstraint(FINDINGS, name="finding"),
        sa.CheckConstraint("kind IN ('change', 'evidence')", name="kind"),
    )
    op.create_table(
        "span",
        sa.Column("id", ID, primary_key=True),
        sa.Column("draft_id", ID, sa.ForeignKey("draft.id"), nullable=False, index=True),
        sa.Column("section", sa.String, nullable=False),
        sa.Column("start_char", sa.Integer, nullable=False),
        sa.Column("end_char", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("finding", sa.String),
        sa.Column("confidence", sa.Double),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        sa.CheckConstraint(FINDINGS, name="finding"),
        sa.CheckConstraint("kind IN ('change', 'evidence', 'flag')", name="kind"),
        sa.CheckConstraint("section IN ('findings', 'impression', 'comparison')", name="section"),
        sa.CheckConstraint("0 <= start_char AND start_char < end_char", name="range"),
    )
    op.create_table(
        "review",
        sa.Column("id", ID, primary_key=True),
        sa.Column("draft_id", ID, sa.ForeignKey("draft.id"), nullable=False, index=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("text", sa.String),
        sa.Column("comment", sa.String),
        sa.Column("reviewer", sa.String, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.CheckConstraint("status IN ('accepted', 'edited', 'rejected')", name="status"),
    )
    op.create_table(
        "judgement",
        sa.Column("id", ID, primary_key=True),
        sa.Column("draft_id", ID, sa.ForeignKey("draft.id"), nullable=False, unique=True),
        sa.Column("report_id", ID, sa.ForeignKey("report.id"), index=True),
        sa.Column("errors", sa.Integer),
        sa.Column("edits", sa.Double),
        sa.Column("key_sha256", sa.String, nullable=False),
        sa.Column("computed_at", UTC, nullable=False),
        sa.CheckConstraint("edits BETWEEN 0 AND 1", name="edits"),
    )
    op.create_table(
        "agreement",
        sa.Column("id", ID, primary_key=True),
        sa.Column("draft_id", ID, sa.ForeignKey("draft.id"), nullable=False),
        sa.Column("report_id", ID, sa.ForeignKey("report.id"), index=True),
        sa.Column("finding", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("dimension", sa.String, nullable=False),
        sa.Column("tier", sa.String, nullable=False),
        sa.Column("drafted", sa.String(16), nullable=False),
        sa.Column("signed", sa.String(16), nullable=False),
        sa.Column("drafted_change", sa.String(16)),
        sa.Column("signed_change", sa.String(16)),
        sa.Column("computed_at", UTC, nullable=False),
        sa.CheckConstraint(FINDINGS.replace(")", ", 'other abnormality')"), name="finding"),
        sa.CheckConstraint("verdict IN ('correct', 'partial', 'wrong', 'missed', 'invented')", name="verdict"),
        sa.CheckConstraint(
            "dimension IN ('', 'state', 'side', 'severity', 'change', 'certainty', 'name')", name="dimension"
        ),
        sa.CheckConstraint("tier IN ('critical', 'urgent', 'notable', 'routine')", name="tier"),
        *(sa.CheckConstraint(f"{name} IN {STATES}", name=name) for name in ("drafted", "signed")),
        *(sa.CheckConstraint(f"{name} IN {CHANGES}", name=name) for name in ("drafted_change", "signed_change")),
        sa.UniqueConstraint("draft_id", "finding", "name"),
    )
    op.create_table(
        "gate",
        sa.Column("id", ID, primary_key=True),
        sa.Column("finding", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("weights_sha256", sa.String, nullable=False),
        sa.Column("calibration_sha256", sa.String),
        sa.Column("since", UTC, nullable=False),
        sa.CheckConstraint(FINDINGS, name="finding"),
        sa.CheckConstraint("subject IN ('state', 'change')", name="subject"),
        sa.UniqueConstraint("finding", "subject"),
    )
    op.create_table(
        "reference_period",
        sa.Column("id", ID, primary_key=True),
        sa.Column("weights_sha256", sa.String, nullable=False),
        sa.Column("calibration_sha256", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.UniqueConstraint("weights_sha256", "calibration_sha256", "device"),
    )
    op.create_table(
        "alarm",
        sa.Column("id", ID, primary_key=True),
        sa.Column("weights_sha256", sa.String, nullable=False),
        sa.Column("calibration_sha256", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("statistic", sa.String, nullable=False),
        sa.Column("finding", sa.String, nullable=False),
        sa.Column("level", sa.String, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("value", "usual", "score")),
        sa.Column("acknowledged_by", sa.String),
        sa.Column("acknowledged_at", UTC),
        sa.Column("acknowledged_why", sa.String),
        sa.Column("known_score", sa.Double),
        sa.CheckConstraint(
            "statistic IN ('distance', 'abstained', 'errors', 'edits', 'called', 'probability', 'observed')",
            name="statistic",
        ),
        sa.CheckConstraint("level IN ('watch', 'alarm')", name="level"),
        sa.CheckConstraint(FINDINGS.replace("IN (", "IN ('', "), name="finding"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", ID, primary_key=True),
        sa.Column("draft_id", ID, sa.ForeignKey("draft.id"), nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("object", sa.String, nullable=False),
        sa.Column("sent_at", UTC, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered", sa.Boolean, nullable=False),
        sa.UniqueConstraint("draft_id", "target", "object"),
    )
    protect_audit()


def downgrade() -> None:
    raise NotImplementedError(
        "A database of cxrreport is never taken back to an older schema; restore a backup instead."
    )


def protect_audit() -> None:
    """Refuse to change what is in the audit, whoever asks."""
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{action.lower()} BEFORE {action} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
    )
