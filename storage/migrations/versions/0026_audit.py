"""the audit log: rows as they are written, their chain, and the end of each day; the trace that made a post

Owns the step from the revision before. A version before it reads and writes none of these tables.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0024"
branch_labels = None
depends_on = None

WEEK = timedelta(days=7)
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)

# Refuses what the gateway itself never does. Whoever owns the tables can remove it; `audit verify` finds what they did.
APPEND_ONLY = """
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
        MESSAGE = concat('the audit log is append-only: ', TG_OP, ' of ', TG_TABLE_NAME, ' is refused');
END $$
"""
ROWS = "FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
WHOLE = "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
# A row leaves this table for the chain only, in a transaction that says so.
SEALING = "WHEN (current_setting('gateway.sealing', true) IS DISTINCT FROM 'on')"


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _entry() -> list[sa.Column[Any]]:
    texts = ("agency", "actor", "method", "resource", "result_id", "peer", "request_id", "outcome", "reason")
    return [_time("time"), *(sa.Column(name, sa.String(), nullable=False) for name in texts)]


def upgrade() -> None:
    op.create_table(
        "audit_unsealed",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        *_entry(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit",
        _time("day"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        *_entry(),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "number"),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_table(
        "audit_days",
        _time("day"),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        _time("previous", nullable=True),
        sa.Column("dropped", sa.Boolean(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.add_column("posts", sa.Column("traceparent", sa.Text(), server_default="", nullable=False))
    _partitions()
    op.execute(APPEND_ONLY)
    op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit {ROWS}")
    op.execute(f"CREATE TRIGGER never_empty BEFORE TRUNCATE ON audit {WHOLE}")
    op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE ON audit_unsealed {ROWS}")
    op.execute(f"CREATE TRIGGER leave_sealed BEFORE DELETE ON audit_unsealed FOR EACH ROW {SEALING} {ROWS[13:]}")
    op.execute(f"CREATE TRIGGER never_empty BEFORE TRUNCATE ON audit_unsealed {WHOLE}")


def _partitions() -> None:
    """Create the partitions of this week and the next two: afterwards the processes of this version do."""
    now = op.get_bind().execute(sa.text("SELECT now()")).scalar_one()
    start = MONDAY + (now - MONDAY) // WEEK * WEEK
    while start <= now + 2 * WEEK:
        end = start + WEEK
        bounds = f"FROM ('{start:%Y-%m-%d} 00:00+00') TO ('{end:%Y-%m-%d} 00:00+00')"
        op.execute(f"CREATE TABLE audit_{start:%Y%m%d}_{end:%Y%m%d} PARTITION OF audit FOR VALUES {bounds}")
        start = end


def downgrade() -> None:
    for table in ("audit", "audit_unsealed", "audit_days"):
        op.drop_table(table)
    op.execute("DROP FUNCTION audit_append_only")
    op.drop_column("posts", "traceparent")
