"""Opens what everything else needs first: the database, its schema, and the encryption keys.

Owns how these are opened from the settings, for the servers and for the commands. Does not know the domain, providers
or transports.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from gateway import log
from gateway.settings import Settings, SettingsError
from storage import jobs as job_queue
from storage import key_rotation, partitions, schema
from storage.database import Database, DatabaseUnavailable, describe
from storage.embedded import EmbeddedServer, start_embedded
from storage.key_ring import KeyRing, KeyRingInvalid
from storage.listener import Deaf, Listener

_log = log.get("gateway.bootstrap")

SCHEMA_POLL_SECONDS = 1.0

DEAF = (
    "a notification that is committed through GATEWAY_DATABASE_URL does not arrive there. It must be the same database "
    "without a pooler between, or with one in session mode"
)
DEAF_POOLER = (
    "no notification arrives through it, as is so with a pooler in transaction mode. Set GATEWAY_DATABASE_LISTEN_URL "
    "to the same database without the pooler, or set the pooler to session mode"
)


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
        if self.server:
            return f"embedded PostgreSQL on port {self.server.port}"
        return describe(self.db.url) + (", through a pooler" if self.db.pooled else "")

    @property
    def listen_url(self) -> str:
        """The database's address for what must not lead through a pooler; "" if it is the same."""
        return _plain(self.settings.database_listen_url)


@asynccontextmanager
async def open_resources(settings: Settings, *, jobs: bool = True, pool_size: int = 0) -> AsyncIterator[Resources]:
    """Open the configured database, or an embedded one if none is configured, until the block ends.

    The pool has what the listener, and with `jobs` the queue, leave of the process's connections, or `pool_size`.
    Raises SettingsError (keys), EmbeddedUnavailable, DatabaseUnavailable.
    """
    ring = read_ring(settings)
    server = None if settings.database_url else await start_embedded(settings.data_dir.expanduser())
    try:
        db = await Database.connect(
            server.url if server else _plain(settings.database_url),
            pool_size=pool_size or settings.database_pool_size - 1 - (job_queue.CONNECTIONS if jobs else 0),
            pooled=settings.database_listen_url is not None,
            lock_seconds=settings.database_lock_seconds,
            share=settings.agency_share,
        )
        try:
            yield Resources(settings, db, ring, server)
        finally:
            await db.close()
    finally:
        ring.close()
        if server is not None:
            await server.release()


def read_ring(settings: Settings) -> KeyRing:
    """Parse the key ring; raises SettingsError naming the wrong entry, never its value."""
    try:
        return KeyRing.parse(settings.encryption_keys.get_secret_value())
    except KeyRingInvalid as error:
        raise SettingsError(f"GATEWAY_ENCRYPTION_KEYS: {error}") from None


def _plain(url: SecretStr | None) -> str:
    return url.get_secret_value() if url else ""


@asynccontextmanager
async def open_listener(resources: Resources) -> AsyncIterator[Listener]:
    """Listen for notifications until the block ends, after seeing that they arrive.

    Raises SettingsError if they cannot; DatabaseUnavailable if the address that was given for it cannot be reached. At
    the database's own address a failed connection is tried again in the background.
    """
    listener = Listener(resources.db, url=resources.listen_url)
    await listener.start()
    try:
        _check_heard(resources, listener)
        yield listener
    finally:
        await listener.stop()


def _check_heard(resources: Resources, listener: Listener) -> None:
    name = "GATEWAY_DATABASE_LISTEN_URL" if resources.listen_url else "GATEWAY_DATABASE_URL"
    if isinstance(listener.failure, Deaf):
        text = DEAF if resources.listen_url else DEAF_POOLER
        raise SettingsError(f"{name}: {listener.place}: {text}.")
    if listener.failure is not None and resources.listen_url:
        raise DatabaseUnavailable(f"{name}: {listener.place}: {str(listener.failure).partition(chr(10))[0]}")


async def is_migrated(resources: Resources, *, lock_seconds: float = 0) -> bool:
    """Migrate the schema if this process may, and return whether it is current.

    An embedded database is always migrated: nobody else would do it. Raises DatabaseBusy if another process migrates
    for `lock_seconds`; 0 waits for ever.
    """
    if await schema.is_current(resources.db):
        return True
    if resources.server is None and not resources.settings.auto_migrate:
        return False
    # Only here: Alembic takes a quarter of a second to import, and most starts have nothing to migrate.
    from storage import migrate

    _log.info("migrating", to=schema.head(), database=resources.place)
    await migrate.upgrade(resources.db, lock_seconds=lock_seconds)
    return True


async def wait_for_schema(resources: Resources) -> None:
    """Return once another process has migrated the schema to this version."""
    _log.warning("the schema is older than this version: run `social-gateway migrate`", needs=schema.head())
    while not await schema.is_current(resources.db):  # noqa: ASYNC110 - a migration sends no notification
        await asyncio.sleep(SCHEMA_POLL_SECONDS)


async def keep_partitions(resources: Resources, now: datetime) -> None:
    """Create the partitions that rows of the next two weeks need: the jobs that do so may all have been stopped."""
    created = await partitions.keep(resources.db, now)
    if created:
        _log.warning("partitions were missing and have been created", partitions=created)


async def verify_keys(resources: Resources) -> None:
    """Check that the key ring can decrypt what the database stores; raises KeyMissing or KeyWrong."""
    await key_rotation.verify_ring(resources.db, resources.ring)
