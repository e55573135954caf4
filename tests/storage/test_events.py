"""Events: numbered in commit order without gaps, and pruned by age."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from storage import events
from storage.database import Database
from storage.listener import Listener
from tests.fixtures.waiting import until

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def append(db: Database, location: str, *subjects: str, now: datetime = NOW) -> None:
    """Write events in one transaction."""
    async with db.transaction() as tx:
        for subject in subjects:
            await events.append(tx, location, type="TOLD", subject=subject, payload={"s": subject}, now=now)


async def read(db: Database, location: str, after: int = 0, *, subject: str | None = None) -> list[tuple[int, str]]:
    """Return (number, subject) of the events after a cursor."""
    async with db.read() as tx:
        rows = await events.after(tx, location, after, subject=subject, limit=1000)
    return [(row.number, row.subject) for row in rows]


async def test_an_event_comes_back_whole(database: Database) -> None:
    """Every field of an event is stored unchanged."""
    payload = {"text": 'ein Satz – mit "Zeichen" : und :params', "list": [1, None, {"a": True}]}
    async with database.transaction() as tx:
        await events.append(tx, "loc1", type="T", subject="s", payload=payload, now=NOW, provider_event_id="v1")
        payload["list"] = "changed later"
    async with database.read() as tx:
        rows = await events.after(tx, "loc1", 0, limit=10)
    expected = {**payload, "list": [1, None, {"a": True}]}
    assert [events.EventRow("loc1", 1, "T", "s", NOW, expected, "v1")] == rows


async def test_each_location_counts_for_itself(database: Database) -> None:
    """Numbers begin at one and grow by one in each location, in the order of the appends."""
    async with database.transaction() as tx:
        for location, subject in (("b", "1"), ("a", "1"), ("b", "2"), ("a", "2"), ("b", "3")):
            await events.append(tx, location, type="T", subject=subject, payload={}, now=NOW)
    await append(database, "b", "4")
    assert [(1, "1"), (2, "2"), (3, "3"), (4, "4")] == await read(database, "b")
    assert [(1, "1"), (2, "2")] == await read(database, "a")
    async with database.read() as tx:
        assert [4, 2, 0] == [await events.last(tx, location) for location in ("b", "a", "c")]


async def test_an_undone_transaction_leaves_neither_event_nor_gap(database: Database) -> None:
    """The number of an event that was rolled back is used for the next one."""
    await append(database, "loc1", "1")
    with pytest.raises(KeyError):  # noqa: PT012
        async with database.transaction() as tx:
            await events.append(tx, "loc1", type="T", subject="undone", payload={}, now=NOW)
            raise KeyError
    await append(database, "loc1", "2")
    assert [(1, "1"), (2, "2")] == await read(database, "loc1")


async def test_a_reader_by_cursor_never_misses_an_event(database: Database) -> None:
    """With twenty writers that begin and commit in random order a reader sees 1, 2, 3 … in order and without gaps."""
    delays = random.Random(7)
    read_events: list[tuple[int, str]] = []
    done = asyncio.Event()

    async def write(number: int) -> None:
        for turn in range(5):
            async with database.transaction() as tx:
                await events.append(tx, "loc1", type="T", subject=f"{number}.{turn}", payload={}, now=NOW)
                await tx.execute(text("SELECT pg_sleep(:s)"), {"s": delays.random() * 0.02})

    async def follow() -> None:
        while True:
            finished = done.is_set()
            read_events.extend(await read(database, "loc1", read_events[-1][0] if read_events else 0))
            if finished:
                return

    reader = asyncio.create_task(follow())
    await asyncio.gather(*(write(number) for number in range(20)))
    done.set()
    await reader
    assert list(range(1, 101)) == [number for number, _ in read_events]
    assert 100 == len({subject for _, subject in read_events})


async def test_writers_of_many_locations_do_not_wait_in_a_ring(database: Database) -> None:
    """Transactions that write events of the same locations in opposite order all commit."""

    async def write(locations: list[str]) -> None:
        for _ in range(10):
            async with database.transaction() as tx:
                for location in locations:
                    await events.append(tx, location, type="T", subject="s", payload={}, now=NOW)

    names = ["a", "b", "c"]
    await asyncio.gather(*(write(names if number % 2 else names[::-1]) for number in range(6)))
    assert [60, 60, 60] == [len(await read(database, name)) for name in names]


async def test_one_subject_can_be_followed(database: Database) -> None:
    """Filtering by subject does not change the numbers."""
    await append(database, "loc1", "a", "b", "a")
    assert [(1, "a"), (3, "a")] == await read(database, "loc1", subject="a")
    assert [(3, "a")] == await read(database, "loc1", 1, subject="a")


async def test_a_commit_with_events_is_heard(database: Database) -> None:
    """Each location that got events is notified once per transaction."""
    heard: list[str] = []
    listener = Listener(database)
    listener.subscribe("events", heard.append)
    await listener.start()
    try:
        async with database.transaction() as tx:
            for location in ("a", "b", "a"):
                await events.append(tx, location, type="T", subject="s", payload={}, now=NOW)
        await until(lambda: ["a", "b"] == sorted(heard))
    finally:
        await listener.stop()


async def test_a_naive_time_is_refused(database: Database) -> None:
    """A time without a zone is refused."""
    async with database.transaction() as tx:
        with pytest.raises(ValueError, match="zone"):
            await events.append(tx, "a", type="T", subject="s", payload={}, now=NOW.replace(tzinfo=None))


async def test_old_events_go_with_their_week_and_leave_a_mark(database: Database) -> None:
    """Weeks that have ended are dropped, how far is recorded for each location, and numbering continues."""
    for week in range(4):
        await append(database, "loc1", str(week), now=NOW + timedelta(weeks=week))
    await append(database, "loc2", "young", now=NOW + timedelta(weeks=3))

    assert [2, 0] == [len(await events.drop(database, NOW + timedelta(weeks=2))) for _ in range(2)]

    await append(database, "loc1", "new", now=NOW + timedelta(weeks=3))
    assert [(3, "2"), (4, "3"), (5, "new")] == await read(database, "loc1")
    async with database.read() as tx:
        assert [2, 0] == [await events.pruned(tx, location) for location in ("loc1", "loc2")]


async def test_a_young_event_with_a_lower_number_leaves_no_hole(database: Database) -> None:
    """Where the clocks of replicas differ, an event of a kept week is not read once one after it has gone."""
    for weeks in (0, 2, 1, 3):
        await append(database, "loc1", str(weeks), now=NOW + timedelta(weeks=weeks))
    await events.drop(database, NOW + timedelta(weeks=2))
    assert [(4, "3")] == await read(database, "loc1")
