"""everything that the first version keeps

Owns the step from nothing to 0001; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.migrate import create_queue, drop_queue

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_queue(op.get_bind())
    op.create_table(
        "accounts",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("provider_account_id", sa.String(), nullable=False),
        sa.Column("union_id", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("bio", sa.String(), nullable=False),
        sa.Column("avatar_uri", sa.String(), nullable=False),
        sa.Column("avatar_uris", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("profile_uri", sa.String(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("follower_count", sa.BigInteger(), nullable=True),
        sa.Column("following_count", sa.BigInteger(), nullable=True),
        sa.Column("like_count", sa.BigInteger(), nullable=True),
        sa.Column("video_count", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("fetch_times", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("location", "id"),
        sa.UniqueConstraint("location", "provider", "platform", "provider_account_id"),
    )
    op.create_index(op.f("ix_accounts_connection"), "accounts", ["connection"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("locations", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("redirect_uris", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoke_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index(op.f("ix_api_keys_agency"), "api_keys", ["agency"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("publish_id", sa.String(), nullable=False),
        sa.Column("upload_url_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("upload_expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("chunk_size", sa.BigInteger(), nullable=False),
        sa.Column("chunk_count", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=False),
        sa.Column("polls", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("fail_code", sa.String(), nullable=False),
        sa.Column("vendor_log_id", sa.String(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("final_sent_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("location", "post", "number"),
    )
    op.create_index("attempts_by_publish_id", "attempts", ["publish_id"], unique=False)
    op.create_table(
        "authorizations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("verifier_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("uri_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("redirect_uri", sa.String(), nullable=False),
        sa.Column("return_uri", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consume_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("authorizations_by_connection", "authorizations", ["location", "connection"], unique=False)
    op.create_table(
        "connections",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("grant_kind", sa.String(), nullable=False),
        sa.Column("requested_scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("granted_scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("provider_settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("capabilities", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("reason_message", sa.String(), nullable=False),
        sa.Column("last_error_code", sa.String(), nullable=False),
        sa.Column("last_error_message", sa.String(), nullable=False),
        sa.Column("provider_subject", sa.String(), nullable=False),
        sa.Column("last_verify_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verify_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    op.create_index("connections_by_provider", "connections", ["location", "provider", "create_time"], unique=False)
    op.create_index("connections_by_subject", "connections", ["provider", "provider_subject"], unique=False)
    op.create_index(
        "connections_verify_due",
        "connections",
        ["verify_at"],
        unique=False,
        postgresql_where=sa.text("verify_at IS NOT NULL"),
    )
    op.create_table(
        "creator_infos",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fetch_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("location", "account"),
    )
    op.create_table(
        "data_keys",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("location", "version"),
    )
    op.create_index(op.f("ix_data_keys_key_id"), "data_keys", ["key_id"], unique=False)
    op.create_table(
        "event_counters",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("pruned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("location"),
    )
    op.create_table(
        "events",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provider_event_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("location", "number"),
    )
    op.create_index("events_by_subject", "events", ["location", "subject", "number"], unique=False)
    op.create_index("events_by_time", "events", ["create_time"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agency", "location", "method", "request_id"),
    )
    op.create_index("idempotency_by_time", "idempotency", ["create_time"], unique=False)
    op.create_table(
        "key_checks",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "locations",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("agency", sa.String(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("location"),
    )
    op.create_index("locations_by_agency", "locations", ["agency", "location"], unique=False)
    op.create_table(
        "posts",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("caption", sa.String(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("uploads", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provider_extra", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("consent", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("route_policy", sa.String(), nullable=False),
        sa.Column("route_reason", sa.String(), nullable=False),
        sa.Column("schedule_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_tolerance_seconds", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("provider_post_id", sa.String(), nullable=False),
        sa.Column("public_uri", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("round_start", sa.Integer(), nullable=False),
        sa.Column("sent_bytes", sa.BigInteger(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("publish_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    op.create_index("posts_by_account", "posts", ["location", "account", "create_time"], unique=False)
    op.create_index("posts_by_connection", "posts", ["location", "connection", "state"], unique=False)
    op.create_index("posts_by_time", "posts", ["location", "create_time", "id"], unique=False)
    op.create_index("posts_due", "posts", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index(
        "posts_scheduled",
        "posts",
        ["location", "schedule_time", "id"],
        unique=False,
        postgresql_where=sa.text("schedule_time IS NOT NULL"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tokens",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("access_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("access_expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("access_issue_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refresh_expire_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cooldown_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("location", "connection"),
    )
    op.create_index(
        "tokens_refresh_due", "tokens", ["refresh_at"], unique=False, postgresql_where=sa.text("refresh_at IS NOT NULL")
    )
    op.create_table(
        "upload_parts",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("upload", sa.String(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("location", "upload", "first"),
    )
    op.create_table(
        "uploads",
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("mime_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("committed_size", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("location", "id"),
    )
    op.create_index("uploads_expiring", "uploads", ["expire_time"], unique=False)


def downgrade() -> None:
    op.drop_index("uploads_expiring", table_name="uploads")
    op.drop_table("uploads")
    op.drop_table("upload_parts")
    op.drop_index("tokens_refresh_due", table_name="tokens", postgresql_where=sa.text("refresh_at IS NOT NULL"))
    op.drop_table("tokens")
    op.drop_table("secrets")
    op.drop_index("posts_scheduled", table_name="posts", postgresql_where=sa.text("schedule_time IS NOT NULL"))
    op.drop_index("posts_due", table_name="posts", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_index("posts_by_time", table_name="posts")
    op.drop_index("posts_by_connection", table_name="posts")
    op.drop_index("posts_by_account", table_name="posts")
    op.drop_table("posts")
    op.drop_index("locations_by_agency", table_name="locations")
    op.drop_table("locations")
    op.drop_table("key_checks")
    op.drop_index("idempotency_by_time", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index("events_by_time", table_name="events")
    op.drop_index("events_by_subject", table_name="events")
    op.drop_table("events")
    op.drop_table("event_counters")
    op.drop_index(op.f("ix_data_keys_key_id"), table_name="data_keys")
    op.drop_table("data_keys")
    op.drop_table("creator_infos")
    op.drop_index("connections_verify_due", table_name="connections", postgresql_where=sa.text("verify_at IS NOT NULL"))
    op.drop_index("connections_by_subject", table_name="connections")
    op.drop_index("connections_by_provider", table_name="connections")
    op.drop_table("connections")
    op.drop_index("authorizations_by_connection", table_name="authorizations")
    op.drop_table("authorizations")
    op.drop_index("attempts_by_publish_id", table_name="attempts")
    op.drop_table("attempts")
    op.drop_index(op.f("ix_api_keys_agency"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index(op.f("ix_accounts_connection"), table_name="accounts")
    op.drop_table("accounts")
    drop_queue(op.get_bind())
