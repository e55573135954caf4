"""Token rows: saving a pair by version, and the refresh lease.

Knows neither seals nor vendors.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from storage import tokens
from storage.database import Database
from storage.tokens import SealedPair

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPAN = timedelta(seconds=45)


def make_pair(version: int, access: bytes = b"sealed") -> SealedPair:
    """Return a sealed pair that is valid for a day."""
    return SealedPair(version, access, b"refresh", NOW + timedelta(days=1), NOW, None, None)


async def save(database: Database, version: int, *, read: int, access: bytes = b"sealed") -> bool:
    """Save a pair of location l1, connection c1 in its own transaction."""
    async with database.transaction() as tx:
        return await tokens.save(tx, "l1", "c1", make_pair(version, access), read_version=read)


async def test_of_two_pairs_over_the_same_version_the_first_stays(database: Database) -> None:
    """Of two refreshes that read version 1 only the first can save its pair."""
    await save(database, 1, read=0)

    first = await save(database, 2, read=1, access=b"first")
    second = await save(database, 2, read=1, access=b"second")

    async with database.read() as tx:
        row = await tokens.find(tx, "l1", "c1")
    assert (True, False) == (first, second)
    assert row is not None
    assert b"first" == row.access_sealed


async def test_a_pair_never_comes_back_after_a_wipe(database: Database) -> None:
    """A refresh that was running while the connection was disconnected saves nothing."""
    await save(database, 1, read=0)
    async with database.transaction() as tx:
        await tokens.wipe(tx, "l1", "c1")

    saved = await save(database, 2, read=1)

    async with database.read() as tx:
        row = await tokens.find(tx, "l1", "c1")
    assert saved is False
    assert row is None


async def test_only_one_of_many_gets_the_lease(database: Database) -> None:
    """Of eight concurrent requests for a free lease exactly one succeeds."""
    await save(database, 1, read=0)

    async def take(owner: str) -> bool:
        async with database.transaction() as tx:
            return await tokens.take_lease(tx, "l1", "c1", owner, SPAN) is not None

    got = await asyncio.gather(*(take(f"w{number}") for number in range(8)))

    assert 1 == sum(got)


async def test_a_lapsed_lease_is_taken_and_known_as_abandoned(database: Database) -> None:
    """A lease whose holder died can be acquired after it expired, and is marked as abandoned."""
    await save(database, 1, read=0)
    async with database.transaction() as tx:
        await tokens.take_lease(tx, "l1", "c1", "dead", -SPAN)

    async with database.transaction() as tx:
        lease = await tokens.take_lease(tx, "l1", "c1", "alive", SPAN)

    assert lease is not None
    assert lease.abandoned is True


async def test_a_lease_that_was_given_back_is_not_abandoned(database: Database) -> None:
    """A released lease does not count as abandoned; only its owner can release it."""
    await save(database, 1, read=0)
    async with database.transaction() as tx:
        await tokens.take_lease(tx, "l1", "c1", "first", SPAN)
    async with database.transaction() as tx:
        await tokens.release_lease(tx, "l1", "c1", "somebody else")
    async with database.transaction() as tx:
        still_held = await tokens.take_lease(tx, "l1", "c1", "second", SPAN)
    async with database.transaction() as tx:
        await tokens.release_lease(tx, "l1", "c1", "first")
    async with database.transaction() as tx:
        lease = await tokens.take_lease(tx, "l1", "c1", "second", SPAN)

    assert still_held is None
    assert lease is not None
    assert lease.abandoned is False


async def test_a_lease_does_not_count_the_version_up(database: Database) -> None:
    """The version grows only with a saved pair, not with leases, cool-downs or releases."""
    await save(database, 1, read=0)
    async with database.transaction() as tx:
        await tokens.take_lease(tx, "l1", "c1", "w", SPAN)
        await tokens.renew_lease(tx, "l1", "c1", "w", SPAN)
        await tokens.cool_down(tx, "l1", "c1", until=NOW, read_version=1)
        await tokens.release_lease(tx, "l1", "c1", "w")

    async with database.read() as tx:
        row = await tokens.find(tx, "l1", "c1")
    assert row is not None
    assert (1, 1) == (row.version, row.failures)
