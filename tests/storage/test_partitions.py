"""Partitions by time: created ahead or on the spot, dropped whole, and in nobody's way for longer than a moment."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from storage import event_order, events, idempotency, partitions
from storage.database import Database, DatabaseBusy
from storage.idempotency import IdempotencyRow
from storage.partitions import WEEK
from tests.storage.test_events import NOW, append, read

FAR = datetime(2031, 6, 12, tzinfo=UTC)
"""A time for which no partition exists yet: a Thursday."""


def claim_of(now: datetime, resource: str = "x", request_id: str = "r1") -> IdempotencyRow:
    """Return the claim of a request id."""
    return IdempotencyRow(
        agency="a",
        location="l",
        method="m",
        request_id=request_id,
        body_hash=b"",
        resource=resource,
        create_time=now,
    )


async def claim(db: Database, row: IdempotencyRow) -> str | None:
    """Claim a request id, and return the resource of the earlier claim."""
    async with db.transaction() as tx:
        earlier = await idempotency.claim(tx, row)
    return None if earlier is None else earlier.resource


async def names_of(db: Database, table: str = "events") -> list[str]:
    """Return the names of a table's partitions."""
    async with db.read() as tx:
        return [partition.name for partition in await partitions.existing(tx, table)]


def test_a_partition_is_a_week_from_monday() -> None:
    """Its name has the first day and the day after the last, whatever the zone of the time that is asked for."""
    monday, sunday = datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 6, 23, 59, tzinfo=UTC)
    assert {"events_20261130_20261207"} == {partitions.of("events", time).name for time in (monday, sunday)}
    earlier = (monday - timedelta(microseconds=1)).astimezone()
    assert "events_20261123_20261130" == partitions.of("events", earlier).name


async def test_partitions_are_created_a_fortnight_ahead(database: Database) -> None:
    """`keep` creates what is missing, once, and `missing` says what is."""
    async with database.read() as tx:
        before = await partitions.missing(tx, FAR, FAR + WEEK)
    created = await partitions.keep(database, FAR)

    assert ["20310609", "20310616", "20310623"] == [
        name.split("_")[1] for name in created if name.startswith("events_")
    ]
    assert {name for name, _ in before} == set(partitions.TABLES)
    async with database.read() as tx:
        assert [] == await partitions.missing(tx, FAR, FAR + partitions.AHEAD)
    assert [] == await partitions.keep(database, FAR)


async def test_replicas_that_create_them_together_create_them_once(database_url: str) -> None:
    """Four replicas make up what is missing, each partition once."""
    pools = [await Database.connect(database_url, pool_size=2) for _ in range(4)]
    created = await asyncio.gather(*(partitions.keep(db, FAR) for db in pools))
    for db in pools:
        await db.close()
    found = [name for each in created for name in each]
    assert len(found) == len(set(found)) == 3 * len(partitions.TABLES)


async def test_a_row_without_a_partition_gets_one_and_an_alarm(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is refused because a partition is missing, also after a transaction that created one was rolled back."""
    with pytest.raises(KeyError):  # noqa: PT012
        async with database.transaction() as tx:
            await events.append(tx, "loc1", type="T", subject="undone", payload={}, now=FAR)
            raise KeyError
    with caplog.at_level(logging.ERROR):
        await append(database, "loc1", "1", now=FAR)
        await append(database, "loc1", "2", now=FAR + WEEK)
        await append(database, "loc1", "3", now=FAR)
    assert [None, None] == [await claim(database, claim_of(FAR, request_id=each)) for each in ("r1", "r2")]

    assert [(1, "1"), (2, "2"), (3, "3")] == await read(database, "loc1")
    assert 4 == sum("created late" in record.message for record in caplog.records)


async def test_a_request_id_is_claimed_once_in_all_partitions(database: Database) -> None:
    """The same id in another week, also in the same transaction, returns the first claim; a released one is free."""
    assert [None, "first", "first"] == [
        await claim(database, claim_of(NOW, "first")),
        await claim(database, claim_of(NOW + WEEK, "second")),
        await claim(database, claim_of(NOW - WEEK, "third")),
    ]
    async with database.transaction() as tx:
        await idempotency.release(tx, "a", "l", "m", "r1")
        assert await idempotency.claim(tx, claim_of(NOW + WEEK, "fourth")) is None
        again = await idempotency.claim(tx, claim_of(NOW, "fifth"))
    assert again is not None
    assert "fourth" == again.resource


async def test_two_that_claim_one_id_at_once_in_two_weeks(database: Database) -> None:
    """The second waits for the first: it gets that claim if it was committed, and its own if it was rolled back."""
    for number, undone in enumerate((False, True)):
        row = claim_of(NOW, "first", f"r{number}")
        second = claim_of(NOW + WEEK, "second", f"r{number}")

        async def first(row: IdempotencyRow, other: IdempotencyRow, undone: bool) -> "asyncio.Task[str | None]":
            async with database.transaction() as tx:
                assert await idempotency.claim(tx, row) is None
                waiting = asyncio.create_task(claim(database, other))
                await asyncio.sleep(0.05)
                assert not waiting.done()
                if undone:
                    await tx.rollback()
            return waiting

        assert (None if undone else "first") == await (await first(row, second, undone))


async def test_many_that_claim_one_id_make_one_claim(database: Database) -> None:
    """Of twenty at once, with clocks weeks apart, one is the first; all others get its resource."""
    found = await asyncio.gather(*(claim(database, claim_of(NOW + n % 3 * WEEK, str(n))) for n in range(20)))
    winners = {resource for resource in found if resource is not None}
    assert 1 == len(winners) == found.count(None)


async def test_a_claim_as_an_earlier_version_makes_it_is_taken_once(database: Database) -> None:
    """Processes of the version before, which know nothing of partitions, are held by the trigger too."""
    insert = text("""
        INSERT INTO idempotency (agency, location, method, request_id, body_hash, resource, create_time)
        VALUES ('a', 'l', 'm', 'r', '', 'x', :time) ON CONFLICT DO NOTHING RETURNING request_id
    """)
    taken = []
    for time in (NOW, NOW + WEEK):
        async with database.transaction() as tx:
            taken.append((await tx.execute(insert, {"time": time})).scalar_one_or_none())
    assert ["r", None] == taken


async def test_a_drop_waits_for_nobody_and_comes_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While a reader has the table nothing is dropped, and writers go on; afterwards a second call does it."""
    monkeypatch.setattr(partitions, "DROP_LOCK", "100ms")
    await append(database, "loc1", "1")
    async with database.transaction() as reader:
        await reader.execute(text("SELECT count(*) FROM events"))
        assert [] == await events.drop(database, NOW + WEEK)
        await append(database, "loc1", "2", now=NOW + WEEK)
    assert "in use" in caplog.text
    async with database.read() as tx:
        assert (2, 0) == await events.span(tx, "loc1")

    assert [] != await events.drop(database, NOW + WEEK)
    async with database.read() as tx:
        assert (2, 1) == await events.span(tx, "loc1")


async def test_writers_and_drops_do_not_wait_in_a_ring(database: Database) -> None:
    """While events and positions are written, ten weeks of them are dropped: nobody runs into a deadlock."""
    for week in range(-10, 0):
        await append(database, "loc1", str(week), now=NOW + week * WEEK)
    done, busy = asyncio.Event(), 0

    async def write(number: int) -> None:
        nonlocal busy
        while not done.is_set():
            try:
                await append(database, f"loc{number}", "x")
                async with database.transaction() as tx:
                    await event_order.order(tx, "a1", NOW)
            except DatabaseBusy:
                busy += 1

    writers = [asyncio.create_task(write(number)) for number in range(4)]
    dropped: set[str] = set()
    for _ in range(50):
        dropped |= {*await events.drop(database, NOW - WEEK), *await event_order.drop(database, NOW - WEEK)}
        if len(dropped) >= 9:
            break
    done.set()
    await asyncio.gather(*writers)

    assert (9, 0) == (len(dropped), busy)


async def test_one_replica_drops_at_a_time(database: Database) -> None:
    """Two that begin together drop each partition once, and none fails."""
    for week in range(-5, 0):
        await append(database, "loc1", str(week), now=NOW + week * WEEK)
    dropped = await asyncio.gather(*(events.drop(database, NOW - WEEK) for _ in range(3)))
    dropped.append(await events.drop(database, NOW - WEEK))
    found = [name for each in dropped for name in each]
    assert 4 == len(found) == len(set(found))
    assert not set(found) & set(await names_of(database))
