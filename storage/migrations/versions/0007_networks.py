"""consents on networks inside a grant, and how fresh the copy of a grant's accounts is

Owns the step from 0006 to 0007; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "network_consents",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("uri_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("return_uri", sa.String(), nullable=False),
        sa.Column("openers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("known", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("network_consents_by_connection", "network_consents", ["location", "connection"], unique=False)
    op.add_column("connections", sa.Column("accounts_version", sa.Integer(), server_default="0", nullable=False))
    op.alter_column("connections", "accounts_version", server_default=None)
    op.add_column("connections", sa.Column("accounts_fetch_time", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("connections", "accounts_fetch_time")
    op.drop_column("connections", "accounts_version")
    op.drop_index("network_consents_by_connection", table_name="network_consents")
    op.drop_table("network_consents")
