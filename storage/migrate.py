"""Schema migrations.

Owns running the migrations, one process at a time, and the job queue's schema. Imported only where one is run, because
Alembic takes long to import. Does not know what each migration does.
"""

import logging
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, MetaData, text

from storage import schema
from storage.database import Database, advisory_lock, try_advisory_lock

log = logging.getLogger(__name__)

LOCK = "migrations"

_DROP_QUEUE = """
DO $$
DECLARE item record;
BEGIN
    FOR item IN SELECT tablename AS name FROM pg_tables
        WHERE schemaname = current_schema AND tablename LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('DROP TABLE %I CASCADE', item.name);
    END LOOP;
    FOR item IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = current_schema::regnamespace AND proname LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', item.name);
    END LOOP;
    FOR item IN SELECT typname AS name FROM pg_type
        WHERE typnamespace = current_schema::regnamespace AND typname LIKE 'procrastinate\\_%' LOOP
        EXECUTE format('DROP TYPE %I CASCADE', item.name);
    END LOOP;
END $$
"""


async def upgrade(db: Database, *, lock_seconds: float = 0) -> None:
    """Upgrade the schema to `schema.head()`; concurrent replicas take turns. A newer one is left unchanged.

    Raises DatabaseBusy if another process migrates, or keeps a table locked, for `lock_seconds`; 0 waits for ever.
    """
    await _run(db, "upgrade", "head", lock_seconds)


async def downgrade(db: Database, revision: str) -> None:
    """Downgrade the schema to `revision`, or with `base` remove it: the data of what is undone is lost."""
    await _run(db, "downgrade", revision)


async def write_revision(db: Database, message: str, revision: str) -> Path:
    """Write a migration from the schema of `db`, at `schema.head()`, to the code's tables; return its path."""

    def write(connection: Connection) -> Path:
        config = _config(connection, schema.metadata())
        script: Any = command.revision(config, message, autogenerate=True, rev_id=revision)
        return Path(script.path)

    async with db.engine.connect() as connection:
        return await connection.run_sync(write)


def create_queue(connection: Connection) -> None:
    """Create procrastinate's tables and functions unless they exist (called by a migration)."""
    if connection.scalar(text("SELECT to_regclass('procrastinate_jobs')")) is None:
        # Without parameters: with them the driver refuses several statements in one call.
        connection.execution_options(no_parameters=True).exec_driver_sql(SchemaManager.get_schema())


def drop_queue(connection: Connection) -> None:
    """Drop procrastinate's tables, functions and types with all jobs (called by a migration)."""
    connection.execution_options(no_parameters=True).exec_driver_sql(_DROP_QUEUE)


async def _run(db: Database, name: str, revision: str, lock_seconds: float = 0) -> None:
    def run(connection: Connection) -> None:
        now = schema.current_of(connection)
        if now is not None and not schema.is_known(now):
            log.warning("the schema (%s) is newer than this program knows: left as it is", now)
            return
        getattr(command, name)(_config(connection), revision)

    async with db.transaction() as tx:
        connection = await tx.connection()
        # Not the limit of other transactions: replicas that start together wait for the one that migrates.
        await connection.execute(text(f"SET LOCAL lock_timeout = {round(lock_seconds * 1000)}"))
        if not await try_advisory_lock(tx, LOCK):
            log.warning("another process migrates this database: waiting for it")
            await advisory_lock(tx, LOCK)
        await connection.run_sync(run)


def _config(connection: Connection | None, tables: MetaData | None = None) -> Config:
    config = Config(attributes={"connection": connection, "metadata": tables})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
