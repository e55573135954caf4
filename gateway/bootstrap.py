"""Opens what everything else needs first: the database, its schema, and the encryption keys.

Owns how these are opened from the settings, for the servers and for the commands. Does not know the domain, providers
or transports.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway import log
from gateway.settings import Settings, SettingsError
from storage import key_rotation, migrate
from storage.database import Database, describe
from storage.embedded import EmbeddedServer, start_embedded
from storage.key_ring import KeyRing, KeyRingInvalid

_log = log.get("gateway.bootstrap")

SCHEMA_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Resources:
    """An open database and the key ring; `server` is set when PostgreSQL is the embedded one."""

    settings: Settings
    db: Database
    ring: KeyRing
    server: EmbeddedServer | None

    @property
    def place(self) -> str:
        """The database's address for people to read, without the password."""
        return f"embedded PostgreSQL on port {self.server.port}" if self.server else describe(self.db.url)


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open the configured database, or an embedded one if none is configured, until the block ends.

    Raises SettingsError (keys), EmbeddedUnavailable, DatabaseUnavailable.
    """
    ring = read_ring(settings)
    server = None if settings.database_url else await start_embedded(settings.data_dir.expanduser())
    try:
        url = server.url if server else _configured_url(settings)
        db = await Database.connect(url, pool_size=settings.database_pool_size)
        try:
            yield Resources(settings, db, ring, server)
        finally:
            await db.close()
    finally:
        if server is not None:
            await server.release()


def read_ring(settings: Settings) -> KeyRing:
    """Parse the key ring; raises SettingsError naming the wrong entry, never its value."""
    try:
        return KeyRing.parse(settings.encryption_keys.get_secret_value())
    except KeyRingInvalid as error:
        raise SettingsError(f"GATEWAY_ENCRYPTION_KEYS: {error}") from None


def _configured_url(settings: Settings) -> str:
    return settings.database_url.get_secret_value() if settings.database_url else ""


async def is_migrated(resources: Resources) -> bool:
    """Migrate the schema if this process may, and return whether it is current.

    An embedded database is always migrated: nobody else would do it.
    """
    if await migrate.is_current(resources.db):
        return True
    if resources.server is None and not resources.settings.auto_migrate:
        return False
    _log.info("migrating", to=migrate.head(), database=resources.place)
    await migrate.upgrade(resources.db)
    return True


async def wait_for_schema(resources: Resources) -> None:
    """Return once another process has migrated the schema to this version."""
    _log.warning("the schema is older than this version: run `social-gateway migrate`", needs=migrate.head())
    while not await migrate.is_current(resources.db):  # noqa: ASYNC110 - a migration sends no notification
        await asyncio.sleep(SCHEMA_POLL_SECONDS)


async def verify_keys(resources: Resources) -> None:
    """Check that the key ring can decrypt what the database stores; raises KeyMissing or KeyWrong."""
    await key_rotation.verify_ring(resources.db, resources.ring)
