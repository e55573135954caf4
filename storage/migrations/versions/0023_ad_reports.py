"""ad reports: long reports of ad accounts, which the vendor makes in the background; members that leave an audience

Owns the step from 0022. A version before it reads and writes none of the new table, and only adds members.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "ad_reports",
        *map(_text, ("location", "id", "ad_account")),
        sa.Column("query", JSONB(), nullable=False),
        sa.Column("names", JSONB(), nullable=False),
        *map(_text, ("provider_id", "state")),
        sa.Column("error", JSONB(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        _time("create_time"),
        _time("update_time"),
        _time("complete_time", nullable=True),
        _time("due_at", nullable=True),
        sa.Column("agency", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    for part in ("agency", "location"):
        columns = ["agency", "due_at"] if part == "agency" else ["agency", "location", "due_at"]
        where = sa.text("due_at IS NOT NULL")
        op.create_index(f"ad_reports_due_by_{part}", "ad_reports", columns, postgresql_where=where)
    op.execute(
        "CREATE TRIGGER agency BEFORE INSERT OR UPDATE ON ad_reports FOR EACH ROW WHEN (NEW.agency = '') "
        "EXECUTE FUNCTION agency_of_location()"
    )
    op.add_column("audiences", sa.Column("action", sa.String(), server_default="APPEND", nullable=False))


def downgrade() -> None:
    op.drop_column("audiences", "action")
    op.drop_table("ad_reports")
