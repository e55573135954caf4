"""the order of an agency's events over all of its locations

Owns the step from 0010 to 0011; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_positions",
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("order_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agency", "position"),
    )
    op.create_index("event_positions_by_time", "event_positions", ["order_time"], postgresql_using="brin")
    op.create_index("event_positions_by_location", "event_positions", ["location"])
    op.create_table(
        "event_progress",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("location"),
    )
    op.create_table(
        "event_sequences",
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("pruned", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("agency"),
    )


def downgrade() -> None:
    op.drop_table("event_sequences")
    op.drop_table("event_progress")
    op.drop_table("event_positions")
