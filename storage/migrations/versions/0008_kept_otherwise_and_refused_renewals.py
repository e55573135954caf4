"""what a planner keeps otherwise than it was sent, and refusals to renew a grant

Owns the step from 0007 to 0008; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("differences", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    # The default stays: the version before inserts rows without this column.
    op.add_column("tokens", sa.Column("refusals", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tokens", sa.Column("refused_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("tokens", "refused_since")
    op.drop_column("tokens", "refusals")
    op.drop_column("posts", "differences")
