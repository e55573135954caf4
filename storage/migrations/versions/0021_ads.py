"""ads: ad accounts, campaigns, ad groups and ads, and the journal of what is written to them

Owns the step from 0017. A version before it reads and writes none of these tables.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0017"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, JSONB(), nullable=nullable)


def _agency() -> sa.Column[str]:
    return sa.Column("agency", sa.String(), server_default="", nullable=False)


def upgrade() -> None:
    op.create_table(
        "ad_accounts",
        _text("location"),
        _text("id"),
        _text("connection"),
        _text("provider"),
        _text("provider_ad_account_id"),
        _json("payload"),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        _time("fetch_time"),
        _time("create_time"),
        sa.PrimaryKeyConstraint("location", "id"),
        sa.UniqueConstraint("location", "provider", "provider_ad_account_id"),
    )
    op.create_index("ix_ad_accounts_connection", "ad_accounts", ["connection"])
    op.create_table(
        "ads",
        _text("location"),
        _text("id"),
        _text("ad_account"),
        _text("level"),
        _text("path"),
        _text("parent"),
        _text("provider_id"),
        _text("display_name"),
        _json("spec"),
        _json("source"),
        _text("state"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        _text("provider_state"),
        _text("rejection_reason"),
        _json("warnings"),
        _json("error", nullable=True),
        _text("operation"),
        sa.Column("version", sa.Integer(), nullable=False),
        _time("create_time"),
        _time("update_time"),
        _time("fetch_time", nullable=True),
        _time("due_at", nullable=True),
        _agency(),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    op.create_index("ads_by_parent", "ads", ["location", "ad_account", "level", "parent", "create_time", "id"])
    op.create_table(
        "ad_operations",
        _text("location"),
        _text("id"),
        _text("kind"),
        _text("ad"),
        _text("state"),
        _json("payload"),
        _json("error", nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        _time("sent_time", nullable=True),
        _time("due_at", nullable=True),
        _time("create_time"),
        _time("update_time"),
        _agency(),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    op.create_index(
        "ad_operations_by_time", "ad_operations", ["create_time"], postgresql_where=sa.text("due_at IS NULL")
    )
    for table in ("ads", "ad_operations"):
        for part in ("agency", "location"):
            columns = ["agency", "due_at"] if part == "agency" else ["agency", "location", "due_at"]
            where = sa.text("due_at IS NOT NULL")
            op.create_index(f"{table}_due_by_{part}", table, columns, postgresql_where=where)
        op.execute(
            f"CREATE TRIGGER agency BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW WHEN (NEW.agency = '') "
            "EXECUTE FUNCTION agency_of_location()"
        )


def downgrade() -> None:
    for table in ("ad_operations", "ads", "ad_accounts"):
        op.drop_table(table)
