"""What Alembic runs for each command: migrations on the connection that `storage/migrate.py` hands it.

Owns how our column types are written into a migration.
Does not know URLs or configuration files.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator


def render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write a type of ours as the plain type behind it: a migration must not change when our code does."""
    if kind == "type" and isinstance(item, TypeDecorator):
        plain = item.impl_instance
        if type(plain).__module__.startswith("sqlalchemy.dialects.postgresql"):
            autogen.imports.add("from sqlalchemy.dialects import postgresql")
            return f"postgresql.{plain!r}"
        return f"sa.{plain!r}"
    return False


def ours(_object: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Leave the queue's tables to the queue."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    render_item=render,
    include_object=ours,
)
context.run_migrations()
