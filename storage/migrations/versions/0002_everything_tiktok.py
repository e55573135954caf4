"""videos, media links, quotas, webhooks, and what a probe found in an upload

Owns the step from 0001 to 0002; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media_fetches",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remote", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_media_fetches_digest"), "media_fetches", ["digest"], unique=False)
    op.create_index(op.f("ix_media_fetches_time"), "media_fetches", ["time"], unique=False)
    op.create_table(
        "media_links",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("upload", sa.String(), nullable=False),
        sa.Column("mime_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("fetches", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_fetch_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("media_links_by_attempt", "media_links", ["location", "post", "attempt"], unique=False)
    op.create_index("media_links_expiring", "media_links", ["expire_time"], unique=False)
    op.create_table(
        "quotas",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("stamps", postgresql.ARRAY(sa.Float()), nullable=False),
        sa.Column("learned_limit", sa.Integer(), nullable=True),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", "metric"),
    )
    op.create_index(op.f("ix_quotas_update_time"), "quotas", ["update_time"], unique=False)
    op.create_table(
        "video_reads",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fetch_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("location", "account", "key"),
    )
    op.create_index(op.f("ix_video_reads_fetch_time"), "video_reads", ["fetch_time"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("receive_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("occur_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "dedupe_key"),
        sa.UniqueConstraint("id"),
    )
    op.create_index(op.f("ix_webhooks_receive_time"), "webhooks", ["receive_time"], unique=False)
    op.create_index("webhooks_by_subject", "webhooks", ["provider", "subject"], unique=False)
    op.create_index(
        "webhooks_due", "webhooks", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index(
        "posts_by_provider_post_id",
        "posts",
        ["location", "account", "provider_post_id"],
        unique=False,
        postgresql_where=sa.text("provider_post_id <> ''"),
    )
    op.add_column(
        "authorizations", sa.Column("openers", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False)
    )
    op.alter_column("authorizations", "openers", server_default=None)
    op.add_column("attempts", sa.Column("gone_time", sa.DateTime(timezone=True), nullable=True))
    for name in ("denials", "faults"):
        op.add_column("attempts", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
        op.alter_column("attempts", name, server_default=None)
    op.add_column("attempts", sa.Column("announce_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "uploads", sa.Column("media", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("uploads", "media")
    op.drop_column("attempts", "announce_time")
    op.drop_column("attempts", "faults")
    op.drop_column("attempts", "denials")
    op.drop_column("attempts", "gone_time")
    op.drop_column("authorizations", "openers")
    op.drop_index("posts_by_provider_post_id", table_name="posts", postgresql_where=sa.text("provider_post_id <> ''"))
    op.drop_index("webhooks_due", table_name="webhooks", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_index("webhooks_by_subject", table_name="webhooks")
    op.drop_index(op.f("ix_webhooks_receive_time"), table_name="webhooks")
    op.drop_table("webhooks")
    op.drop_index(op.f("ix_video_reads_fetch_time"), table_name="video_reads")
    op.drop_table("video_reads")
    op.drop_index(op.f("ix_quotas_update_time"), table_name="quotas")
    op.drop_table("quotas")
    op.drop_index("media_links_expiring", table_name="media_links")
    op.drop_index("media_links_by_attempt", table_name="media_links")
    op.drop_table("media_links")
    op.drop_index(op.f("ix_media_fetches_time"), table_name="media_fetches")
    op.drop_index(op.f("ix_media_fetches_digest"), table_name="media_fetches")
    op.drop_table("media_fetches")
