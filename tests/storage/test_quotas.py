"""The rows of the quota ledger: locked by one transaction at a time, exact, and pruned when unused.

Tests the lock. Knows no window and no vendor.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from storage import quotas
from storage.database import Database

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SUBJECT = "locations/l1/connections/c1"


async def stamps_of(database: Database, metric: str = "video_init") -> list[float]:
    """Return the stamps of one row."""
    async with database.read() as tx:
        return (await quotas.find(tx, [SUBJECT]))[SUBJECT, metric].stamps


async def test_twenty_writers_at_once_lose_nothing(database: Database) -> None:
    """Each writer locks the row while it adds its stamp; the first one creates it."""

    async def add(stamp: float) -> None:
        async with database.transaction() as tx:
            row = await quotas.lock(tx, SUBJECT, "video_init", NOW)
            row.stamps = [*row.stamps, stamp]

    await asyncio.gather(*(add(float(number)) for number in range(20)))

    assert [float(number) for number in range(20)] == sorted(await stamps_of(database))


async def test_stamps_come_back_as_they_were(database: Database) -> None:
    """Stamps are stored exactly, because they are later looked up by value."""
    stamps = [NOW.timestamp(), NOW.timestamp() + 0.1, 1e9 / 3]
    async with database.transaction() as tx:
        (await quotas.lock(tx, SUBJECT, "video_init", NOW)).stamps = stamps

    assert stamps == await stamps_of(database)


async def test_locking_a_row_changes_nothing_but_its_time(database: Database) -> None:
    """Locking a row keeps its stamps, block and learned limit."""
    async with database.transaction() as tx:
        row = await quotas.lock(tx, SUBJECT, "posts_per_day", NOW)
        row.stamps, row.learned_limit, row.blocked_until = [1.0], 3, NOW

    later = NOW + timedelta(hours=1)
    async with database.transaction() as tx:
        locked = await quotas.lock(tx, SUBJECT, "posts_per_day", later)

    assert ([1.0], 3, NOW, later) == (locked.stamps, locked.learned_limit, locked.blocked_until, locked.update_time)


async def test_only_what_was_asked_for_is_found(database: Database) -> None:
    """`find` returns only the rows of the requested subjects."""
    async with database.transaction() as tx:
        for subject in (SUBJECT, "locations/l2/connections/c1", "providers/tiktok"):
            await quotas.lock(tx, subject, "video_init", NOW)

    async with database.read() as tx:
        found = await quotas.find(tx, [SUBJECT, "providers/tiktok", "locations/l3/connections/c1"])

    assert {(SUBJECT, "video_init"), ("providers/tiktok", "video_init")} == set(found)


async def test_a_block_is_forgotten_for_the_named_metrics_only(database: Database) -> None:
    """Unblocking one metric leaves the others blocked, and keeps learned limits."""
    async with database.transaction() as tx:
        for metric in ("posts_per_day", "pending_drafts"):
            row = await quotas.lock(tx, SUBJECT, metric, NOW)
            row.blocked_until, row.learned_limit = NOW, 3

    async with database.transaction() as tx:
        await quotas.unblock(tx, SUBJECT, ["posts_per_day"])

    async with database.read() as tx:
        found = await quotas.find(tx, [SUBJECT])
    assert {"posts_per_day": None, "pending_drafts": NOW} == {
        metric: row.blocked_until for (_, metric), row in found.items()
    }
    assert {3} == {row.learned_limit for row in found.values()}


async def test_what_nobody_used_is_removed(database: Database) -> None:
    """Pruning keeps the rows that were used since the given time."""
    async with database.transaction() as tx:
        await quotas.lock(tx, SUBJECT, "video_init", NOW - timedelta(days=2, seconds=1))
        await quotas.lock(tx, SUBJECT, "status", NOW - timedelta(days=2))

    async with database.transaction() as tx:
        await quotas.prune(tx, NOW - timedelta(days=2))

    async with database.read() as tx:
        assert {(SUBJECT, "status")} == set(await quotas.find(tx, [SUBJECT]))
