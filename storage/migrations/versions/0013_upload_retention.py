"""since when no post needs an upload, and when its bytes were looked for

Owns the step from 0012 to 0013; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("uploads", sa.Column("release_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("uploads", sa.Column("check_time", sa.DateTime(timezone=True), nullable=True))
    op.add_column("uploads", sa.Column("missing_time", sa.DateTime(timezone=True), nullable=True))
    released = sa.text("release_time IS NOT NULL")
    op.create_index("uploads_released", "uploads", ["release_time"], postgresql_where=released)


def downgrade() -> None:
    op.drop_index("uploads_released", table_name="uploads")
    op.drop_column("uploads", "missing_time")
    op.drop_column("uploads", "check_time")
    op.drop_column("uploads", "release_time")
