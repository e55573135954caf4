"""Rows that are due: found fairly, whatever the number that waits, and never past what others hold."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from storage import due_rows, locations, posts
from storage.database import Database, Transaction
from storage.due_rows import DueRows
from storage.fair import FairPlaces, Tenant, Turns
from storage.posts import HAND_OVERS, POLLS
from tests.fixtures.rows import post_row

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
MANY = 100_000
MANY_AGENCIES = 20_000


async def add(tx: Transaction, agency: str, location: str, *ids: str, **columns: object) -> None:
    """Insert posts of a location, due an hour ago."""
    await locations.claim(tx, location, agency, NOW)
    for id in ids:
        await posts.insert(tx, post_row(NOW, **{"location": location, "id": id, "due_at": NOW - HOUR, **columns}))


async def turns(database: Database, count: int, places: FairPlaces, source: DueRows = HAND_OVERS) -> list[str]:
    """Return whose rows are taken one after the other, each when the one before it has ended, as agency/location."""
    order = list[str]()
    for _ in range(count):
        async with database.transaction() as tx:
            due = await source.find(tx, NOW, places.size + 1, places.turns)
            for tenant, id in places.reserve(due, 1):
                [row] = await posts.take_due(tx, [(tenant.location, id)], NOW, NOW + HOUR)
                assert row.tenant == tenant
                places.leave(tenant)
                order.append("/".join(tenant))
    return order


async def test_agencies_take_turns_then_locations(database: Database) -> None:
    """With one place, B's one post is the second of all, and A's small location the second of A's."""
    async with database.transaction() as tx:
        await add(tx, "A", "big", *(f"p{n}" for n in range(5)))
        await add(tx, "A", "small", "p", due_at=NOW)
        await add(tx, "B", "b", "p", due_at=NOW)

    assert ["A/big", "B/b", "A/small", "A/big", "A/big"] == await turns(database, 5, FairPlaces(1))


async def test_three_agencies_have_a_third_each(database: Database) -> None:
    """In overload each agency has as many turns as another, however many posts and locations it has."""
    async with database.transaction() as tx:
        for agency, count in (("A", 8), ("B", 2), ("C", 1)):
            for number in range(count):
                await add(tx, agency, f"{agency}{number}", *(f"p{n}" for n in range(5)))

    order = await turns(database, 15, FairPlaces(1))
    assert {"A": 5, "B": 5, "C": 5} == Counter(each[0] for each in order)
    assert 5 == len({each for each in order if each[0] == "A"})


async def test_the_lanes_are_apart_and_what_is_not_due_waits(database: Database) -> None:
    """Polls are not found among what is handed over, and neither is what is due later, or never."""
    async with database.transaction() as tx:
        await add(tx, "A", "l", "due")
        await add(tx, "A", "l", "later", due_at=NOW + HOUR)
        await add(tx, "A", "m", "poll", state="PROCESSING")
        await add(tx, "A", "m", "never", state="PUBLISHED", due_at=None)

    async with database.read() as tx:
        found = [await source.find(tx, NOW, 10) for source in (HAND_OVERS, POLLS)]
    assert [[(Tenant("A", "l"), "due")], [(Tenant("A", "m"), "poll")]] == found


async def test_it_goes_round_from_who_was_last(database: Database) -> None:
    """Each location is looked at once, those after the one that was served last first."""
    async with database.transaction() as tx:
        for location in "abcd":
            await add(tx, "A", location, "p")

    after_b = Turns()
    after_b.serve(Tenant("A", "b"))
    async with database.read() as tx:
        found = await HAND_OVERS.find(tx, NOW, 10, after_b)
    assert list("cdab") == [tenant.location for tenant, _ in found]


async def test_a_row_learns_its_agency_however_it_is_written(database: Database) -> None:
    """PostgreSQL sets it, also for a process that does not know of it, and once a location has an owner."""
    async with database.transaction() as tx:
        await posts.insert(tx, post_row(NOW, location="l", due_at=NOW))
        before = (await tx.execute(text("SELECT agency FROM posts"))).scalar_one()
        await locations.claim(tx, "l", "A", NOW)
        await posts.set_due(tx, "l", "p1", NOW)
        after = (await tx.execute(text("SELECT agency FROM posts"))).scalar_one()

    assert ("", "A") == (before, after)


@pytest.mark.chaos
@pytest.mark.parametrize("due", [NOW - HOUR, NOW + HOUR], ids=["due", "later"])
async def test_the_cost_does_not_grow_with_what_waits(database: Database, due: datetime) -> None:
    """Beside 100,000 rows of one agency as few pages are read as beside a hundred."""
    async with database.transaction() as tx:
        await add(tx, "A", "big", "p", due_at=due)
        await add(tx, "B", "b", "p")

    read = [await _pages_beside(database, count, "jsonb_build_object('id', p.id || n)") for count in (100, MANY)]
    assert read[1] <= 2 * read[0] + 20, read


@pytest.mark.chaos
@pytest.mark.parametrize("backlog", [1, 200], ids=["little", "much"])
async def test_the_cost_does_not_grow_with_agencies_that_have_something_later(database: Database, backlog: int) -> None:
    """Beside 20,000 agencies of which each has a post that is due later, about as few pages are read as beside 1,000,
    whether little is due or much.
    """
    async with database.transaction() as tx:
        await add(tx, "A", "big", "p", due_at=NOW + HOUR)
        await add(tx, "B", "b", "p", *(f"p{n}" for n in range(backlog)))

    changes = "jsonb_build_object('location', 'l' || n, 'agency', 'a' || n)"
    read = [await _pages_beside(database, count, changes) for count in (1000, MANY_AGENCIES)]
    # A level of the indexes more, for each of the agencies that are looked at when much is due.
    assert read[1] <= 1.5 * read[0] + 20, read


async def test_every_agency_is_looked_at_when_there_are_very_many(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When much is due, each look goes on where the one before has ended, and begins again at the end of all."""
    monkeypatch.setattr(due_rows, "AGENCIES", 3)
    monkeypatch.setattr(due_rows, "FEW", 2)
    turns = Turns()
    async with database.transaction() as tx:
        await add(tx, "A", "a", *(f"p{n}" for n in range(5)), due_at=NOW - 2 * HOUR)
        for agency in "BCDEFG":
            await add(tx, agency, agency.lower(), "p", due_at=NOW + HOUR if agency in "BEF" else NOW)
    async with database.read() as tx:
        looks = [{tenant.agency for tenant, _ in await HAND_OVERS.find(tx, NOW, 10, turns)} for _ in range(4)]

    assert [{"A", "C"}, {"A", "D"}, {"A", "G"}, {"A", "C"}] == looks


async def _pages_beside(database: Database, count: int, changes: str) -> int:
    """Return how many pages are read to find B's post beside so many changed copies of A's."""
    copies = text(f"""
        INSERT INTO posts SELECT (jsonb_populate_record(p, {changes})).*
        FROM posts AS p, generate_series(1, :count) AS n WHERE p.location = 'big'
    """)
    async with database.transaction() as tx:
        await tx.execute(copies, {"count": count})
    async with database.transaction() as tx:
        await tx.execute(text("ANALYZE posts"))
        assert (Tenant("B", "b"), "p") in await HAND_OVERS.find(tx, NOW, 8)
        read = [await _pages(tx, HAND_OVERS.few), await _pages(tx, HAND_OVERS.walk())]
        much = (
            await tx.execute(text("SELECT count(*) > 64 FROM posts WHERE due_at <= :now"), {"now": NOW})
        ).scalar_one()
    async with database.transaction() as tx:
        await tx.execute(text("DELETE FROM posts WHERE location <> 'b' AND (location, id) <> ('big', 'p')"))
    return sum(read) if much else read[0]


async def _pages(tx: Transaction, statement: str) -> int:
    """Return how many pages a statement reads."""
    explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    values = {"now": NOW, "most": 8, "steps": 500, "agencies": [], "served": [], "few": 65, "number": 500}
    [plan] = (await tx.execute(text(explained), values)).scalar_one()
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])
