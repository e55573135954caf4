"""grants that come from another grant, accounts with kind and health, media in a vendor's library

Owns the step from 0002 to 0003; knows nothing of the code's tables, which may have moved on since.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXTS = {
    "accounts": ("kind", "health"),
    "connections": ("parent_location", "parent_connection"),
    "posts": ("named_account",),
}
OBJECTS = {"accounts": ("provider_data",), "attempts": ("media",)}


def upgrade() -> None:
    for table, names in TEXTS.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.String(), nullable=False, server_default=""))
            op.alter_column(table, name, server_default=None)
    for table, names in OBJECTS.items():
        for name in names:
            op.add_column(table, sa.Column(name, postgresql.JSONB(), nullable=False, server_default="{}"))
            op.alter_column(table, name, server_default=None)
    op.add_column("accounts", sa.Column("expire_time", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "connections_by_parent",
        "connections",
        ["parent_location", "parent_connection"],
        unique=False,
        postgresql_where=sa.text("parent_connection <> ''"),
    )


def downgrade() -> None:
    op.drop_index("connections_by_parent", table_name="connections")
    op.drop_column("accounts", "expire_time")
    for columns in (OBJECTS, TEXTS):
        for table, names in columns.items():
            for name in names:
                op.drop_column(table, name)
