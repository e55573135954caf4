"""Engagement: syncs with their accounts, and what they bring: videos, comments, points of metrics.

Owns the step from 0015. A version before it reads and writes none of these tables.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _count(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _flag(name: str, *, nullable: bool = False) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "engagement_syncs",
        _text("location"),
        _text("id"),
        _text("account"),
        _text("state"),
        _time("create_time"),
        _time("end_time", nullable=True),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    op.create_index("engagement_syncs_by_time", "engagement_syncs", ["location", "create_time"])
    op.create_table(
        "engagement_runs",
        _text("location"),
        _text("sync"),
        _text("account"),
        _text("phase"),
        _text("cursor"),
        _text("video"),
        _count("videos"),
        _count("comments"),
        _count("new_comments"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("empty_pages", sa.Integer(), nullable=False),
        sa.Column("error", JSONB(), nullable=True),
        _time("due_at", nullable=True),
        _time("update_time"),
        sa.Column("agency", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("location", "sync", "account"),
    )
    op.create_index(
        "engagement_runs_due", "engagement_runs", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    for part in ("agency", "location"):
        columns = ["agency", "due_at"] if part == "agency" else ["agency", "location", "due_at"]
        where = sa.text("due_at IS NOT NULL")
        op.create_index(f"engagement_runs_due_by_{part}", "engagement_runs", columns, postgresql_where=where)
    op.execute(
        "CREATE TRIGGER agency BEFORE INSERT OR UPDATE ON engagement_runs FOR EACH ROW WHEN (NEW.agency = '') "
        "EXECUTE FUNCTION agency_of_location()"
    )
    op.create_table(
        "engagement_schedules",
        _text("location"),
        _text("account"),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        _time("start_time"),
        _time("last_time", nullable=True),
        _time("due_at", nullable=True),
        sa.PrimaryKeyConstraint("location", "account"),
    )
    op.create_index(
        "engagement_schedules_due", "engagement_schedules", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_table(
        "engagement_videos",
        _text("location"),
        _text("account"),
        _text("video"),
        _time("publish_time", nullable=True),
        _count("comment_count", nullable=True),
        _count("scanned_count", nullable=True),
        _time("scan_time", nullable=True),
        _time("look_time", nullable=True),
        _text("scan"),
        _time("scan_start", nullable=True),
        _text("scan_cursor"),
        _count("scan_found"),
        _flag("scan_due"),
        _time("fetch_time"),
        sa.PrimaryKeyConstraint("location", "account", "video"),
    )
    op.create_table(
        "engagement_comments",
        _text("location"),
        _text("account"),
        _text("comment"),
        _text("video"),
        _text("reply_to"),
        _text("text"),
        _text("author_name"),
        _text("author_avatar_uri"),
        _text("author_id"),
        _flag("own"),
        _flag("hidden", nullable=True),
        _flag("liked", nullable=True),
        _flag("pinned", nullable=True),
        _count("like_count", nullable=True),
        _count("reply_count", nullable=True),
        sa.Column("attachment_uris", sa.ARRAY(sa.String()), nullable=False),
        _time("publish_time"),
        _text("scan"),
        _flag("replies_due"),
        _time("fetch_time"),
        sa.PrimaryKeyConstraint("location", "account", "comment"),
    )
    op.create_index(
        "engagement_comments_by_time", "engagement_comments", ["location", "account", "publish_time", "comment"]
    )
    op.create_index("engagement_comments_by_video", "engagement_comments", ["location", "account", "video"])
    op.create_index("engagement_comments_by_parent", "engagement_comments", ["location", "account", "reply_to"])
    op.create_index("engagement_comments_by_fetch", "engagement_comments", ["fetch_time"])
    op.create_index(
        "engagement_comments_due",
        "engagement_comments",
        ["location", "account", "video", "comment"],
        postgresql_where=sa.text("replies_due"),
    )
    op.create_table(
        "engagement_removed",
        _text("location"),
        _text("account"),
        _text("comment"),
        _time("remove_time"),
        sa.PrimaryKeyConstraint("location", "account", "comment"),
    )
    op.create_index("engagement_removed_by_time", "engagement_removed", ["remove_time"])
    op.create_table(
        "metric_points",
        _text("location"),
        _text("account"),
        _text("video"),
        _text("metric"),
        _text("period"),
        _time("time"),
        _time("fetch_time"),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("location", "account", "video", "metric", "period", "time", "fetch_time"),
    )
    op.create_index("metric_points_by_fetch", "metric_points", ["fetch_time"])


def downgrade() -> None:
    for table in ("metric_points", "engagement_removed", "engagement_comments", "engagement_videos"):
        op.drop_table(table)
    for table in ("engagement_schedules", "engagement_runs", "engagement_syncs"):
        op.drop_table(table)
