"""Migrations: upgrade, downgrade, and agreement with the tables of the code."""

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from storage import migrate
from storage.database import Database


def difference(connection: Connection) -> list[object]:
    """Return what a migration would have to change, except in the job queue's tables."""

    def ours(name: str, kind: str, _parents: object) -> bool:
        return kind != "table" or not name.startswith("procrastinate")

    context = MigrationContext.configure(connection, opts={"include_name": ours})
    return list(compare_metadata(context, migrate.metadata()))


async def everything(db: Database) -> list[str]:
    """Return the names of all tables, functions and types of the schema."""
    query = """
        SELECT 'table ' || tablename FROM pg_tables WHERE schemaname = 'public'
        UNION SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace ORDER BY 1
    """
    async with db.read() as tx:
        return list((await tx.execute(text(query))).scalars())


async def test_the_tables_of_the_code_are_those_of_the_migrations(database: Database) -> None:
    """Autogenerate finds nothing to do on a migrated database."""
    async with database.engine.connect() as connection:
        assert [] == await connection.run_sync(difference)


async def test_up_down_and_up_again(empty_database_url: str) -> None:
    """Downgrading leaves nothing behind, and upgrading again gives the same schema as before."""
    db = await Database.connect(empty_database_url)
    assert [] == await everything(db)
    await migrate.upgrade(db)
    first = await everything(db)
    await migrate.downgrade(db, "base")
    assert ["table alembic_version", "type _alembic_version", "type alembic_version"] == await everything(db)
    await migrate.upgrade(db)
    assert first == await everything(db)
    await db.close()


async def test_replicas_that_start_together_migrate_once(empty_database_url: str) -> None:
    """Four concurrent upgrades all succeed."""
    pools = [await Database.connect(empty_database_url, pool_size=2) for _ in range(4)]
    assert not await migrate.is_current(pools[0])
    assert await migrate.current(pools[0]) is None
    await asyncio.gather(*(migrate.upgrade(db) for db in pools))
    assert [migrate.head()] * 4 == [await migrate.current(db) for db in pools]
    assert await migrate.is_current(pools[0])
    for db in pools:
        await db.close()


async def test_a_newer_schema_is_left_alone(database: Database) -> None:
    """Old code treats a newer schema as current and does not change it."""
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = await everything(database)
    await migrate.upgrade(database)
    assert before == await everything(database)
    assert "9999" == await migrate.current(database)
    assert await migrate.is_current(database)


async def test_a_queue_that_is_there_is_not_made_again(empty_database_url: str) -> None:
    """A database that already has procrastinate's tables can be migrated."""
    db = await Database.connect(empty_database_url)
    async with db.engine.begin() as connection:
        await connection.run_sync(migrate.create_queue)
    await migrate.upgrade(db)
    assert await migrate.is_current(db)
    await db.close()
