"""an index by which the posts that still need an upload are found

Owns the step from 0017 to 0018; knows nothing of the code's tables, which may have moved on since.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX posts_by_upload ON posts USING gin (uploads) WITH (fastupdate = off) "
        "WHERE state IN ('SCHEDULED', 'QUEUED', 'TRANSFERRING', 'PROCESSING', 'CANCELLING')"
    )


def downgrade() -> None:
    op.execute("DROP INDEX IF EXISTS posts_by_upload")
