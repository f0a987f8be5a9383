"""Who gave a report its labels. Of those stored until now nobody knows: the next index labels them again.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade():
    # Plain SQL: a constant default adds the column in place on both databases, without a copy of the table.
    op.execute("ALTER TABLE report ADD COLUMN label_source VARCHAR DEFAULT '' NOT NULL")


def downgrade():
    raise NotImplementedError(
        "A database of cxrreport is never taken back to an older schema; restore a backup instead."
    )
