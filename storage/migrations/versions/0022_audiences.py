"""audiences: lists of people by digests, and the members that they are getting

Owns the step from 0021. A version before it reads and writes none of these tables.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _count(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "audiences",
        *map(_text, ("location", "id", "ad_account", "display_name", "provider_id", "state", "step")),
        _count("gathered"),
        _count("sent"),
        _count("size", nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", JSONB(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        _time("create_time"),
        _time("update_time"),
        _time("submit_time", nullable=True),
        _time("fetch_time", nullable=True),
        _time("due_at", nullable=True),
        sa.Column("agency", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    op.create_index("audiences_by_time", "audiences", ["location", "ad_account", "create_time", "id"])
    for part in ("agency", "location"):
        columns = ["agency", "due_at"] if part == "agency" else ["agency", "location", "due_at"]
        where = sa.text("due_at IS NOT NULL")
        op.create_index(f"audiences_due_by_{part}", "audiences", columns, postgresql_where=where)
    op.execute(
        "CREATE TRIGGER agency BEFORE INSERT OR UPDATE ON audiences FOR EACH ROW WHEN (NEW.agency = '') "
        "EXECUTE FUNCTION agency_of_location()"
    )
    op.create_table(
        "audience_parts",
        _text("location"),
        _text("audience"),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        _text("key"),
        sa.PrimaryKeyConstraint("location", "audience", "first"),
    )
    op.create_index("ix_audience_parts_key", "audience_parts", ["key"])
    op.create_table(
        "audience_files",
        _text("location"),
        _text("audience"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _text("path"),
        sa.PrimaryKeyConstraint("location", "audience", "number"),
    )


def downgrade() -> None:
    for table in ("audience_files", "audience_parts", "audiences"):
        op.drop_table(table)
