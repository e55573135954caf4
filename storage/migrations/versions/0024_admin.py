"""admin: agencies that are suspended or deleted, keys that are rotated, and the jobs of operators

Owns the step from 0023. A version before it goes on using the keys of a suspended agency, refuses the former secret of
a rotated key, and leaves the jobs alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, default: str | None = "") -> sa.Column[str]:
    return sa.Column(name, sa.String(), server_default=default, nullable=False)


def upgrade() -> None:
    op.add_column("agencies", _text("state", "ACTIVE"))
    op.add_column("agencies", _text("display_name"))
    op.add_column("agencies", _time("create_time"))
    op.add_column("agencies", _time("suspend_time"))
    op.add_column("locations", _time("delete_time"))
    op.add_column("api_keys", sa.Column("former_digest", sa.LargeBinary(), nullable=True))
    op.add_column("api_keys", _time("former_expire_time"))
    op.add_column("api_keys", _time("last_use_time"))
    op.create_unique_constraint("api_keys_former_digest_key", "api_keys", ["former_digest"])
    op.create_table(
        "admin_jobs",
        _text("resource", None),
        _text("kind", None),
        _text("state", None),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        _text("last_error"),
        _time("due_at"),
        _time("create_time", nullable=False),
        _time("update_time", nullable=False),
        sa.PrimaryKeyConstraint("resource"),
    )
    op.create_index("admin_jobs_due", "admin_jobs", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_table("admin_jobs")
    op.drop_constraint("api_keys_former_digest_key", "api_keys")
    for column in ("former_digest", "former_expire_time", "last_use_time"):
        op.drop_column("api_keys", column)
    op.drop_column("locations", "delete_time")
    for column in ("state", "display_name", "create_time", "suspend_time"):
        op.drop_column("agencies", column)
