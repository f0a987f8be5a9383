"""How far a report is signed: preliminary, final, corrected or withdrawn. All stored until now were final.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    # Plain SQL: SQLite adds a column with its CHECK in place, where Alembic would copy the table and drop the old one.
    op.execute(
        "ALTER TABLE report ADD COLUMN status VARCHAR(16) DEFAULT 'final' NOT NULL CONSTRAINT ck_report_status"
        " CHECK (status IN ('preliminary', 'final', 'corrected', 'withdrawn'))"
    )


def downgrade():
    raise NotImplementedError(
        "A database of cxrreport is never taken back to an older schema; restore a backup instead."
    )
