"""The database, opened for a command: with a time limit, and a line that says what a longer wait is for.

Owns the limits of commands. A server opens its database itself (`gateway/bootstrap.py`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer

from gateway import settings as configuration
from gateway.bootstrap import Resources, is_migrated, open_resources
from gateway.command_error import CommandError
from gateway.settings import Settings
from storage.database import DatabaseBusy, describe, normalize

CONNECTIONS = 2
"""The pool of a command, which does one thing at a time."""

SAY_AFTER_SECONDS = 2.0
MIGRATION_SECONDS = 60.0
"""How long a command waits for another process that migrates."""

LOCKED = (
    "another process migrates this database, or keeps one of its tables locked, for more than "
    f"{MIGRATION_SECONDS:.0f} s: run the command again when that has ended"
)


@asynccontextmanager
async def opened() -> AsyncIterator[Resources]:
    """Open the configured database until the block ends.

    A longer wait is announced on standard error. Raises what `open_resources` does: DatabaseUnavailable also when the
    database, or a pooler before it, takes the connection and gives no answer.
    """
    settings = configuration.load()
    text = f"Waiting for {place(settings)} …"
    saying = asyncio.get_running_loop().call_later(SAY_AFTER_SECONDS, lambda: typer.echo(text, err=True))
    try:
        async with open_resources(settings, pool_size=CONNECTIONS) as resources:
            saying.cancel()
            yield resources
    finally:
        saying.cancel()


def place(settings: Settings) -> str:
    """Return the database's address for people to read, without the password."""
    if settings.database_url is None:
        return "the embedded PostgreSQL"
    return describe(normalize(settings.database_url.get_secret_value()))


async def require_schema(resources: Resources) -> None:
    """Migrate the schema if this process may; raises CommandError if it may not and the schema is old, or if another
    process is at it for too long.
    """
    try:
        current = await is_migrated(resources, lock_seconds=MIGRATION_SECONDS)
    except DatabaseBusy:
        raise CommandError(LOCKED) from None
    if not current:
        raise CommandError("the database's schema is older than this version: run `social-gateway migrate`")
