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


def upgrade() -> None:
    create_audit()
    create_patient()
    create_run()
    create_study()
    create_draft()
    create_failure()
    create_image()
    create_report()
    create_file()
    create_finding()
    create_reference()
    create_region()
    create_span()
    protect_audit()


def downgrade() -> None:
    raise NotImplementedError(
        "A database of cxrreport is never taken back to an older schema; restore a backup instead."
    )


def create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )


def create_patient() -> None:
    op.create_table(
        "patient",
        sa.Column("id", ID, nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("mrn", sa.String(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("issuer", "mrn", name=op.f("uq_patient_issuer_mrn")),
    )
    op.create_index("ix_patient_mrn", "patient", ["mrn"], unique=False)


def create_run() -> None:
    op.create_table(
        "run",
        sa.Column("id", ID, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("argv", sa.JSON(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )


def create_study() -> None:
    op.create_table(
        "study",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("patient_id", ID, nullable=False),
        sa.Column("studied_at", sa.DateTime(), nullable=True),
        sa.Column("time_known", sa.Boolean(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("accession", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_study_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("uid", name=op.f("uq_study_uid")),
    )
    op.create_index(op.f("ix_study_accession"), "study", ["accession"], unique=False)
    op.create_index(op.f("ix_study_patient_id"), "study", ["patient_id"], unique=False)
    op.create_index(op.f("ix_study_studied_at"), "study", ["studied_at"], unique=False)


def create_draft() -> None:
    op.create_table(
        "draft",
        sa.Column("id", ID, nullable=False),
        sa.Column("study_id", ID, nullable=False),
        sa.Column("prior_study_id", ID, nullable=True),
        sa.Column("prior_reason", sa.String(), nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "preliminary",
                "superseded",
                "reviewed",
                "rejected",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("findings", sa.String(), nullable=False),
        sa.Column("impression", sa.String(), nullable=False),
        sa.Column("comparison", sa.String(), nullable=False),
        sa.Column("weights_sha256", sa.String(), nullable=False),
        sa.Column("preprocess_version", sa.Integer(), nullable=False),
        sa.Column("index_version", sa.String(), nullable=False),
        sa.Column("decoding", sa.JSON(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("inputs_sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["prior_study_id"], ["study.id"], name=op.f("fk_draft_prior_study_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_draft_run_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_draft_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint(
            "study_id", "weights_sha256", "preprocess_version", "index_version", "inputs_sha256", name="uq_draft_key"
        ),
    )
    op.create_index(op.f("ix_draft_prior_study_id"), "draft", ["prior_study_id"], unique=False)
    op.create_index(op.f("ix_draft_run_id"), "draft", ["run_id"], unique=False)
    op.create_index(
        "uq_draft_preliminary",
        "draft",
        ["study_id"],
        unique=True,
        sqlite_where=sa.text("status = 'preliminary'"),
        postgresql_where=sa.text("status = 'preliminary'"),
    )


def create_failure() -> None:
    op.create_table(
        "failure",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("path", sa.String(), nullable=True),
        sa.Column("study_id", ID, nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Boolean(), nullable=False),
        sa.CheckConstraint("path IS NOT NULL OR study_id IS NOT NULL", name=op.f("ck_failure_subject")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_failure_run_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_failure_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failure")),
        sa.UniqueConstraint("study_id", name=op.f("uq_failure_study_id")),
    )
    op.create_index(op.f("ix_failure_code"), "failure", ["code"], unique=False)
    op.create_index("ix_failure_path", "failure", ["path"], unique=False, postgresql_using="hash")
    op.create_index(op.f("ix_failure_run_id"), "failure", ["run_id"], unique=False)


def create_image() -> None:
    op.create_table(
        "image",
        sa.Column("id", ID, nullable=False),
        sa.Column("sop_uid", sa.String(), nullable=False),
        sa.Column("study_id", ID, nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("pixel_sha256", sa.String(), nullable=True),
        sa.Column(
            "view",
            sa.Enum(
                "pa",
                "ap",
                "frontal",
                "lateral",
                "other",
                name="view",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=True,
        ),
        sa.Column("view_source", sa.String(), nullable=True),
        sa.Column("view_probability", sa.Double(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("transfer_syntax", sa.String(), nullable=False),
        sa.Column("usable", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_image_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image")),
        sa.UniqueConstraint("sop_uid", name=op.f("uq_image_sop_uid")),
    )
    op.create_index(op.f("ix_image_path"), "image", ["path"], unique=False)
    op.create_index(op.f("ix_image_study_id"), "image", ["study_id"], unique=False)
    op.create_index(
        "ix_image_unseen",
        "image",
        ["id"],
        unique=False,
        sqlite_where=sa.text("view IS NULL AND usable"),
        postgresql_where=sa.text("view IS NULL AND usable"),
    )


def create_report() -> None:
    op.create_table(
        "report",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("accession", sa.String(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("mrn", sa.String(), nullable=False),
        sa.Column("study_id", ID, nullable=True),
        sa.Column("patient_id", ID, nullable=True),
        sa.Column("reported_at", sa.DateTime(), nullable=True),
        sa.Column("findings", sa.String(), nullable=False),
        sa.Column("impression", sa.String(), nullable=False),
        sa.Column("comparison", sa.String(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("identity_sha256", sa.String(), nullable=False),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_report_patient_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_report_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("identity_sha256", name=op.f("uq_report_identity_sha256")),
        sa.UniqueConstraint("text_sha256", name=op.f("uq_report_text_sha256")),
    )
    op.create_index(op.f("ix_report_accession"), "report", ["accession"], unique=False)
    op.create_index(op.f("ix_report_mrn"), "report", ["mrn"], unique=False)
    op.create_index(op.f("ix_report_patient_id"), "report", ["patient_id"], unique=False)
    op.create_index(op.f("ix_report_study_id"), "report", ["study_id"], unique=False)
    op.create_index(op.f("ix_report_study_uid"), "report", ["study_uid"], unique=False)


def create_file() -> None:
    op.create_table(
        "file",
        sa.Column("id", ID, nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("image_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_file_image_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        sa.UniqueConstraint("path", name=op.f("uq_file_path")),
    )
    op.create_index(op.f("ix_file_image_id"), "file", ["image_id"], unique=False)


def create_finding() -> None:
    op.create_table(
        "finding",
        sa.Column("id", ID, nullable=False),
        sa.Column("draft_id", ID, nullable=False),
        sa.Column("finding", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "blank",
                "positive",
                "negative",
                "uncertain",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column(
            "prior_state",
            sa.Enum(
                "blank",
                "positive",
                "negative",
                "uncertain",
                name="prior_state",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=True,
        ),
        sa.Column("prior_probability", sa.Double(), nullable=True),
        sa.Column(
            "change",
            sa.Enum(
                "new",
                "worsened",
                "unchanged",
                "improved",
                "resolved",
                "absent",
                name="change",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=True,
        ),
        sa.Column("change_probability", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name=op.f("fk_finding_draft_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("draft_id", "finding", name=op.f("uq_finding_draft_id_finding")),
    )


def create_reference() -> None:
    op.create_table(
        "reference",
        sa.Column("id", ID, nullable=False),
        sa.Column("draft_id", ID, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("report_id", ID, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name=op.f("fk_reference_draft_id")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_reference_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference")),
        sa.UniqueConstraint("draft_id", "rank", name=op.f("uq_reference_draft_id_rank")),
    )
    op.create_index(op.f("ix_reference_report_id"), "reference", ["report_id"], unique=False)


def create_region() -> None:
    op.create_table(
        "region",
        sa.Column("id", ID, nullable=False),
        sa.Column("draft_id", ID, nullable=False),
        sa.Column("finding", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("w", sa.Integer(), nullable=False),
        sa.Column("h", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.CheckConstraint("kind IN ('change', 'evidence')", name=op.f("ck_region_kind")),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name=op.f("fk_region_draft_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_region")),
    )
    op.create_index(op.f("ix_region_draft_id"), "region", ["draft_id"], unique=False)


def create_span() -> None:
    op.create_table(
        "span",
        sa.Column("id", ID, nullable=False),
        sa.Column("draft_id", ID, nullable=False),
        sa.Column("section", sa.String(), nullable=False),
        sa.Column("start_char", sa.Integer(), nullable=False),
        sa.Column("end_char", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("finding", sa.String(), nullable=True),
        sa.CheckConstraint("kind IN ('change', 'evidence', 'flag')", name=op.f("ck_span_kind")),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name=op.f("fk_span_draft_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_span")),
    )
    op.create_index(op.f("ix_span_draft_id"), "span", ["draft_id"], unique=False)


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
