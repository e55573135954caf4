"""Migrations: upgrade, downgrade, and agreement with the tables of the code."""

import asyncio
from datetime import timedelta
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import storage
from storage import event_order, events, idempotency, migrate, partitions, schema
from storage.database import Database


def difference(connection: Connection) -> list[object]:
    """Return what a migration would have to change, except in the job queue's tables."""

    parts = partitions.names(connection)

    def ours(name: str, kind: str, _parents: object) -> bool:
        return kind != "table" or not (name.startswith("procrastinate") or name in parts)

    context = MigrationContext.configure(connection, opts={"include_name": ours})
    return list(compare_metadata(context, schema.metadata()))


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
    assert not await schema.is_current(pools[0])
    assert await schema.current(pools[0]) is None
    await asyncio.gather(*(migrate.upgrade(db) for db in pools))
    assert [schema.head()] * 4 == [await schema.current(db) for db in pools]
    assert await schema.is_current(pools[0])
    for db in pools:
        await db.close()


def test_revisions_are_those_of_the_files() -> None:
    """What is read from the migrations' names is what Alembic reads from the migrations."""
    scripts = ScriptDirectory(str(Path(storage.__file__).parent / "migrations"))
    assert schema.head() == scripts.get_current_head()
    assert all(schema.is_known(script.revision) for script in scripts.walk_revisions())
    assert not schema.is_known("9999")


async def test_a_newer_schema_is_left_alone(database: Database) -> None:
    """Old code treats a newer schema as current and does not change it."""
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = await everything(database)
    await migrate.upgrade(database)
    assert before == await everything(database)
    assert "9999" == await schema.current(database)
    assert await schema.is_current(database)


async def test_a_queue_that_is_there_is_not_made_again(empty_database_url: str) -> None:
    """A database that already has procrastinate's tables can be migrated."""
    db = await Database.connect(empty_database_url)
    async with db.engine.begin() as connection:
        await connection.run_sync(migrate.create_queue)
    await migrate.upgrade(db)
    assert await schema.is_current(db)
    await db.close()


async def test_what_was_there_is_claimed_and_counted(empty_database_url: str) -> None:
    """0010: who has a grant has proved it, what a key names is its agency's, keys for all locations keep their right to
    claim, and bytes are counted. Events are not rewritten: there may be many, and everybody would wait.
    """
    db = await Database.connect(empty_database_url)
    await migrate.upgrade(db)
    await migrate.downgrade(db, "0007")
    keys = [
        ("k1", None, "{connections.write}"),
        ("k2", None, "{posts.read}"),
        ("k3", "{named,mine}", "{uploads.write}"),
    ]
    payload = '{"post": {"content": {"sources": [{"uri": "https://a.example/v.mp4?X-Amz-Signature=secret"}]}}}'
    async with db.transaction() as tx:
        for location in ("used", "proved", "mine"):
            values = {"location": location}
            await tx.execute(text("INSERT INTO locations VALUES (:location, 'acme', now())"), values)
        await tx.execute(_CONNECTION)
        for id, named, scopes in keys:
            key: dict[str, object] = {"id": id, "digest": id.encode(), "locations": named, "scopes": scopes}
            await tx.execute(_KEY, key)
        await tx.execute(_UPLOADS)
        await tx.execute(_EVENT, {"payload": payload})
        before = (await tx.execute(_EVENT_ROWS)).all()

    await migrate.upgrade(db)

    async with db.read() as tx:
        claims = {row[0]: row[1] for row in await tx.execute(text("SELECT location, claim FROM locations"))}
        scoped = {row[0]: row[1] for row in await tx.execute(text("SELECT id, scopes FROM api_keys"))}
        stored = (await tx.execute(text("SELECT upload_bytes FROM agencies"))).scalar_one()
        after = (await tx.execute(_EVENT_ROWS)).all()
    await db.close()
    assert {"used": "FIRST_USE", "proved": "GRANTED", "mine": "NAMED", "named": "NAMED"} == claims
    assert {"k1": ["connections.write", "locations.claim"], "k2": ["posts.read"], "k3": ["uploads.write"]} == scoped
    assert 1000 + (64 << 20) == stored
    assert before == after


async def test_what_was_there_becomes_the_first_partition(empty_database_url: str) -> None:
    """0015: no row is written again, all are found, and a request id stays taken; the way back keeps them."""
    db = await Database.connect(empty_database_url)
    await migrate.upgrade(db)
    await migrate.downgrade(db, "0014")
    async with db.transaction() as tx:
        for statement in _FORMER:
            await tx.execute(text(statement))
        before = (await tx.execute(_EVENT_ROWS)).all()

    await migrate.upgrade(db)

    async with db.read() as tx:
        assert before == (await tx.execute(_EVENT_ROWS)).all()
        now = (await tx.execute(text("SELECT now()"))).scalar_one()
        found = await partitions.missing(tx, now - timedelta(days=40), now + partitions.WEEK)
        # What later revisions partition begins with them.
        assert [] == [partition for table, partition in found if table != "audit"]
        assert 1 == len(await event_order.after(tx, "acme", 0, 9, locations=None, types=(), limit=9))
    async with db.engine.connect() as connection:
        assert [] == await connection.run_sync(difference)
    async with db.transaction() as tx:
        again = idempotency.IdempotencyRow(
            agency="acme",
            location="used",
            method="m",
            request_id="r",
            body_hash=b"",
            resource="new",
            create_time=now,
        )
        earlier = await idempotency.claim(tx, again)
        assert earlier is not None
        assert "old" == earlier.resource
        await events.append(tx, "used", type="T", subject="s", payload={}, now=now)
    async with db.read() as tx:
        assert [1, 2, 3] == [event.number for event in await events.after(tx, "used", 0, limit=9)]
    assert 1 == len(await events.drop(db, partitions.of("events", now).end))

    await migrate.downgrade(db, "0014")
    async with db.read() as tx:
        assert 1 == (await tx.execute(text("SELECT count(*) FROM idempotency"))).scalar_one()
    await migrate.upgrade(db)
    assert await schema.is_current(db)
    await db.close()


_FORMER = (
    "INSERT INTO locations (location, agency, create_time, claim) VALUES ('used', 'acme', now(), 'NAMED')",
    "INSERT INTO event_counters (location, last) VALUES ('used', 2)",
    "INSERT INTO events (location, number, type, subject, create_time, payload) VALUES "
    "('used', 1, 'T', 's', now() - interval '40 days', '{}'), ('used', 2, 'T', 's', now(), '{}')",
    "INSERT INTO event_positions VALUES ('acme', 1, 'used', 1, now() - interval '40 days')",
    "INSERT INTO event_sequences (agency, last) VALUES ('acme', 1)",
    "INSERT INTO idempotency VALUES ('acme', 'used', 'm', 'r', '', 'old', now() - interval '40 days')",
)
_CONNECTION = text("""
INSERT INTO connections (location, id, provider, grant_kind, requested_scopes, granted_scopes, provider_settings,
    status, capabilities, reason_code, reason_message, last_error_code, last_error_message, provider_subject,
    grant_origin, parent_location, parent_connection, accounts_version, create_time, update_time, version)
VALUES ('proved', 'c1', 'tiktok', '', '{}', '{}', '{}',
    'VALID', '{}', '', '', '', '', 'u', '', '', '', 0, now(), now(), 1)
""")
_KEY = text("""
INSERT INTO api_keys (id, digest, hint, agency, display_name, locations, scopes, redirect_uris, create_time)
VALUES (:id, :digest, '', 'acme', '', CAST(:locations AS text[]), CAST(:scopes AS text[]), '{}', now())
""")
_UPLOADS = text("""
INSERT INTO uploads (location, id, mime_type, size_bytes, sha256, state, committed_size, create_time, expire_time)
VALUES ('used', 'u1', 'video/mp4', 1000, '', 'COMPLETE', 1000, now(), now()),
    ('proved', 'u2', 'video/mp4', 0, '', 'OPEN', 5, now(), now()),
    ('used', 'u3', 'video/mp4', 7, '', 'EXPIRED', 0, now(), now())
""")
_EVENT = text("""
INSERT INTO events (location, number, type, subject, create_time, payload)
VALUES ('used', 1, 'POST_STATE_CHANGED', 's', now(), CAST(:payload AS jsonb))
""")
_EVENT_ROWS = text("SELECT CAST(ctid AS text), CAST(xmin AS text), payload FROM events")
