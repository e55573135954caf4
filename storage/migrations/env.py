"""Alembic's environment: runs migrations on the connection that `storage/migrate.py` passes in.

Owns how our column types are rendered in a migration.
Does not know URLs or configuration files.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from storage import partitions


def render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Render a type of ours as the SQLAlchemy type it implements: a migration must not change with our code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        plain = item.impl_instance
        if type(plain).__module__.startswith("sqlalchemy.dialects.postgresql"):
            autogen.imports.add("from sqlalchemy.dialects import postgresql")
            return f"postgresql.{plain!r}"
        return f"sa.{plain!r}"
    return False


connection = context.config.attributes["connection"]
parts = partitions.names(connection)


def ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out the job queue's tables, which procrastinate manages, and partitions, which come and go with time."""
    return not (kind == "table" and ((name or "").startswith("procrastinate_") or name in parts))


context.configure(
    connection=connection,
    target_metadata=context.config.attributes.get("metadata"),
    render_item=render,
    include_name=ours,
)
context.run_migrations()
