"""all of the vendor's ids of a post, not the first alone

Owns the step from 0008 to 0009; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Posts of the previous version keep the one id that they have: readers know both columns.
    op.add_column(
        "posts", sa.Column("provider_post_ids", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False)
    )
    op.create_index("posts_by_provider_post_ids", "posts", ["provider_post_ids"], unique=False, postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("posts_by_provider_post_ids", table_name="posts", postgresql_using="gin")
    op.drop_column("posts", "provider_post_ids")
