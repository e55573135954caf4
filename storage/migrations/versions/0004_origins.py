"""how a connection came by its grant: a consent, a static token, or the grant of an agency

Owns the step from 0003 to 0004; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("grant_origin", sa.String(), nullable=False, server_default=""))
    op.alter_column("connections", "grant_origin", server_default=None)
    # Until now there was no other way.
    op.execute("UPDATE connections SET grant_origin = 'CONSENT' WHERE provider_subject <> ''")


def downgrade() -> None:
    op.drop_column("connections", "grant_origin")
