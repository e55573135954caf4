"""The schema that this code needs: its tables, and its revision beside that of the database.

Owns what may be asked about the schema while serving, without Alembic. Does not know how it is changed
(`storage/migrate.py`).
"""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from psycopg.errors import UndefinedTable
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import SQLModel

import storage
from storage.database import Database

_REVISION = text("SELECT version_num FROM alembic_version")
_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"


async def current(db: Database) -> str | None:
    """Return the revision of the database, or None when it was never migrated."""
    async with db.read() as tx:
        try:
            # In one statement, because a server asks every second.
            revision: str | None = (await tx.execute(_REVISION)).scalar_one_or_none()
        except ProgrammingError as error:
            if isinstance(error.orig, UndefinedTable):
                return None
            raise
        return revision


async def is_current(db: Database) -> bool:
    """Return whether the schema is at `head()` or newer: old code runs on a newer schema, not the other way round."""
    revision = await current(db)
    return revision == head() or (revision is not None and not is_known(revision))


def head() -> str:
    """Return the newest revision of this code."""
    return max(_revisions())


def is_known(revision: str) -> bool:
    """Return whether this code has a migration to the revision."""
    return revision in _revisions()


def current_of(connection: Connection) -> str | None:
    """Return the revision of a connection's database, or None when it was never migrated."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    revision: str | None = connection.scalar(_REVISION)
    return revision


def metadata() -> MetaData:
    """Return the metadata of all tables, after importing every module of this package."""
    for module in pkgutil.iter_modules(storage.__path__, "storage."):
        importlib.import_module(module.name)
    return SQLModel.metadata


@cache
def _revisions() -> frozenset[str]:
    """Return the revisions of the migrations, which are the numbers that their files' names begin with."""
    return frozenset(file.name.partition("_")[0] for file in _MIGRATIONS.glob("[0-9]*_*.py"))
