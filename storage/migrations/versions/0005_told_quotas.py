"""quotas that are counted by slices of time, and what a vendor's headers say of them

Owns the step from 0004 to 0005; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default stays: code of the version before writes rows without this column.
    op.add_column("quotas", sa.Column("counts", postgresql.JSONB(), nullable=False, server_default="{}"))
    op.add_column("quotas", sa.Column("told_limit", sa.Integer(), nullable=True))
    op.add_column("quotas", sa.Column("told_left", sa.Integer(), nullable=True))
    op.add_column("quotas", sa.Column("told_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("told_until", "told_left", "told_limit", "counts"):
        op.drop_column("quotas", name)
