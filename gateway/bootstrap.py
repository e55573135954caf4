"""What stands before anything serves: the database, its schema, and the keys that open it.

Owns how these are found and opened from the settings, for the servers and for the commands alike. Does not know rules,
providers or transports.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway import log
from gateway.settings import Settings, SettingsError
from storage import keys, migrate
from storage.database import Database, describe
from storage.embedded import EmbeddedServer, start_embedded
from storage.keys import KeyRing, KeyRingInvalid

_log = log.get("gateway.bootstrap")

SCHEMA_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Resources:
    """An open database and the ring of keys; `server` when the PostgreSQL is our own."""

    settings: Settings
    db: Database
    ring: KeyRing
    server: EmbeddedServer | None

    @property
    def place(self) -> str:
        """Where the database is, for people; without its password."""
        return f"embedded PostgreSQL on port {self.server.port}" if self.server else describe(self.db.url)


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open the database of the settings, a private one when they name none, until the block ends.

    Raises SettingsError (keys), EmbeddedUnavailable, DatabaseUnavailable.
    """
    ring = read_ring(settings)
    server = None if settings.database_url else await start_embedded(settings.data_dir.expanduser())
    try:
        url = server.url if server else _given(settings)
        db = await Database.connect(url, pool_size=settings.database_pool_size)
        try:
            yield Resources(settings, db, ring, server)
        finally:
            await db.close()
    finally:
        if server is not None:
            await server.release()


def read_ring(settings: Settings) -> KeyRing:
    """Read the ring of keys; raises SettingsError that says which entry is wrong, never its value."""
    try:
        return KeyRing.parse(settings.encryption_keys.get_secret_value())
    except KeyRingInvalid as error:
        raise SettingsError(f"GATEWAY_ENCRYPTION_KEYS: {error}") from None


def _given(settings: Settings) -> str:
    return settings.database_url.get_secret_value() if settings.database_url else ""


async def is_migrated(resources: Resources) -> bool:
    """Bring the schema to this version when that is ours to do; tell whether it is right now.

    A private database is always brought up to date: nobody else would do it.
    """
    if await migrate.is_current(resources.db):
        return True
    if resources.server is None and not resources.settings.auto_migrate:
        return False
    _log.info("migrating", to=migrate.head(), database=resources.place)
    await migrate.upgrade(resources.db)
    return True


async def wait_for_schema(resources: Resources) -> None:
    """Return when somebody else has brought the schema to this version."""
    _log.warning("the schema is older than this version: run `social-gateway migrate`", needs=migrate.head())
    while not await migrate.is_current(resources.db):  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(SCHEMA_EVERY_SECONDS)


async def verify_keys(resources: Resources) -> None:
    """Prove that the ring opens what the database holds; raises KeyMissing or KeyWrong."""
    await keys.verify_ring(resources.db, resources.ring)
