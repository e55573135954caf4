"""where events are delivered over HTTPS

Owns the step from 0011 to 0012; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("uri", sa.String(), nullable=False),
        sa.Column("uri_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("former_secret_sealed", sa.LargeBinary(), nullable=True),
        _time("former_secret_expire_time", nullable=True),
        sa.Column("types", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("max_per_second", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("disable_reason", sa.String(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        _time("failing_since", nullable=True),
        _time("last_success_time", nullable=True),
        sa.Column("last_error", sa.String(), nullable=False),
        _time("due_at", nullable=True),
        _time("lease_until", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        _time("create_time"),
        _time("update_time"),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    op.create_index(
        "webhook_endpoints_due", "webhook_endpoints", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_table(
        "webhook_retries",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        _time("first_time"),
        _time("retry_at"),
        sa.PrimaryKeyConstraint("location", "endpoint", "number"),
    )
    op.create_index("webhook_retries_by_time", "webhook_retries", ["location", "endpoint", "retry_at"])


def downgrade() -> None:
    op.drop_table("webhook_retries")
    op.drop_table("webhook_endpoints")
