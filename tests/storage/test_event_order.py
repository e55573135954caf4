"""The order of an agency's events: complete, each once, and never before what a reader has passed."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

from storage import event_order, events, location_contents, locations
from storage.database import Database
from storage.states import LocationClaim
from tests.storage.test_events import NOW, append


async def claim(db: Database, location: str, agency: str = "a1") -> None:
    """Make an agency the owner of a location."""
    async with db.transaction() as tx:
        await locations.claim(tx, location, agency, NOW)


async def order(db: Database, agency: str = "a1", only: Sequence[str] | None = None, limit: int = 100) -> int | None:
    """Give positions to what has none."""
    async with db.transaction() as tx:
        return await event_order.order(tx, agency, NOW, locations=only, limit=limit)


async def read(
    db: Database,
    agency: str = "a1",
    after: int = 0,
    *,
    only: Sequence[str] | None = None,
    types: Sequence[str] = (),
) -> list[tuple[int, str, int]]:
    """Return (position, location, number) of an agency's ordered events."""
    async with db.read() as tx:
        upto = await event_order.last(tx, agency)
        found = await event_order.after(tx, agency, after, upto, locations=only, types=types, limit=10_000)
    return [(position, row.location, row.number) for position, row in found if row is not None]


async def test_each_event_gets_one_position(database: Database) -> None:
    """Events of two locations are numbered on, those of one location in their own order, and none a second time."""
    for location in ("l1", "l2"):
        await claim(database, location)
    await append(database, "l1", "1", now=NOW + timedelta(seconds=5))
    await append(database, "l2", "1", now=NOW + timedelta(seconds=1))
    # Written by a process whose clock is behind: it stays after the one before.
    await append(database, "l1", "2", now=NOW)

    assert [3, 0] == [await order(database), await order(database)]
    await append(database, "l2", "2")
    assert 1 == await order(database)

    assert [(1, "l2", 1), (2, "l1", 1), (3, "l1", 2), (4, "l2", 2)] == await read(database)
    assert [(4, "l2", 2)] == await read(database, after=3)


async def test_a_batch_is_as_large_as_it_says(database: Database) -> None:
    """A backlog is ordered batch by batch, without an event left out."""
    for location in ("l1", "l2"):
        await claim(database, location)
        await append(database, location, "1", "2", "3")

    assert [4, 2, 0] == [await order(database, limit=4) for _ in range(3)]
    assert 6 == len({(location, number) for _, location, number in await read(database)})


async def test_only_the_named_locations_are_looked_at(database: Database) -> None:
    """What is ordered for a notification is that location's; the rest follows when all are looked at."""
    for location in ("l1", "l2"):
        await claim(database, location)
        await append(database, location, "1")

    assert [1, 0, 1] == [await order(database, only=["l2"]), await order(database, only=["l2"]), await order(database)]


async def test_agencies_count_for_themselves(database: Database) -> None:
    """Each agency has positions of its own, and no events of another's."""
    await claim(database, "l1", "a1")
    await claim(database, "l2", "a2")
    for location in ("l1", "l2", "nobody"):
        await append(database, location, "1")

    assert [1, 1] == [await order(database, "a1"), await order(database, "a2")]
    assert [[(1, "l1", 1)], [(1, "l2", 1)]] == [await read(database, "a1"), await read(database, "a2")]


async def test_a_list_can_be_of_some_locations_and_types(database: Database) -> None:
    """Only events of the locations, and of the types, that are asked for are returned."""
    for location in ("l1", "l2"):
        await claim(database, location)
        await append(database, location, "1")
    await order(database)

    assert [(2, "l2", 1)] == await read(database, only=["l2"])
    assert [[(1, "l1", 1), (2, "l2", 1)], []] == [await read(database, types=[kind]) for kind in ("TOLD", "OTHER")]


async def test_a_location_that_moves_takes_nothing_along(database: Database) -> None:
    """The new owner's order begins with what happens under it; the former owner reads no more of the location."""
    await claim(database, "l1", "a1")
    await append(database, "l1", "1", "2")
    await order(database, "a1")
    async with database.transaction() as tx:
        await location_contents.wipe(tx, "l1", "a1")
        await locations.move(tx, "l1", "a2", NOW, LocationClaim.NAMED)
    await append(database, "l1", "3")

    assert [0, 1] == [await order(database, "a1"), await order(database, "a2")]
    assert [[], [(1, "l1", 3)]] == [await read(database, "a1"), await read(database, "a2")]


async def test_nobody_waits_for_somebody_who_orders(database: Database) -> None:
    """While one transaction gives positions another gets None, or waits if it asks to, and then finds nothing left."""
    await claim(database, "l1")
    await append(database, "l1", "1")
    await order(database)
    await append(database, "l1", "2")
    async with database.transaction() as first:
        assert 1 == await event_order.order(first, "a1", NOW)
        assert await order(database) is None

        async def later() -> int | None:
            async with database.transaction() as tx:
                return await event_order.order(tx, "a1", NOW, wait=True)

        waiting = asyncio.create_task(later())
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert 0 == await waiting


async def test_a_reader_misses_nothing_among_concurrent_writers(database: Database) -> None:
    """Writers commit in any order while two order and one reads: it sees every event once, each location's in order."""
    chance = random.Random(7)
    places = [f"l{number}" for number in range(4)]
    for location in places:
        await claim(database, location)
    done = asyncio.Event()

    async def write() -> None:
        for number in range(15):
            async with database.transaction() as tx:
                for location in chance.sample(places, chance.randint(1, 3)):
                    await events.append(tx, location, type="TOLD", subject=str(number), payload={}, now=NOW)
                await asyncio.sleep(chance.random() / 200)

    async def arrange() -> None:
        while not done.is_set():
            await order(database, limit=chance.randint(1, 9))
            await asyncio.sleep(chance.random() / 200)

    async def follow() -> list[tuple[int, str, int]]:
        seen: list[tuple[int, str, int]] = []
        while not done.is_set():
            seen += await read(database, after=seen[-1][0] if seen else 0)
            await asyncio.sleep(0)
        return seen

    others = [asyncio.create_task(arrange()), asyncio.create_task(arrange())]
    reading = asyncio.create_task(follow())
    await asyncio.gather(*(write() for _ in range(4)))
    while await order(database) != 0:
        pass
    last = (await read(database))[-1][0]
    done.set()
    await asyncio.gather(*others)
    seen = await reading
    seen += await read(database, after=seen[-1][0])

    assert [position for position, _, _ in seen] == sorted({position for position, _, _ in seen})
    assert last == seen[-1][0]
    for location in places:
        numbers = [number for _, each, number in seen if each == location]
        assert list(range(1, len(numbers) + 1)) == numbers
    async with database.read() as tx:
        assert sum([await events.last(tx, location) for location in places]) == len(seen)


async def test_old_positions_go_with_their_week(database: Database) -> None:
    """What was ordered in a week that has ended goes, and the next position is a new one all the same."""
    await claim(database, "l1")
    await append(database, "l1", "1")
    await order(database)

    assert [] == await event_order.drop(database, NOW)
    assert [] != await event_order.drop(database, NOW + timedelta(weeks=1))

    await append(database, "l1", "2")
    await order(database)
    async with database.read() as tx:
        assert (2, 1) == await event_order.span(tx, "a1")
    assert [(2, "l1", 2)] == await read(database)
