"""Webhook deliveries: stored once, due until they are applied, pruned by age.

Tests `storage/webhooks.py` on a real PostgreSQL.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import webhooks
from storage.database import Database
from storage.webhooks import UNKNOWN_PUBLISH, WebhookRow

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def delivery(id: str, key: str = "", **values: Any) -> WebhookRow:
    """Return a delivery that is due."""
    defaults: dict[str, Any] = {
        "provider": "tiktok",
        "dedupe_key": key or id,
        "event": "e",
        "subject": "u",
        "body_sealed": b"sealed",
        "receive_time": NOW,
        "due_at": NOW,
    }
    return WebhookRow(id=id, **{**defaults, **values})


async def insert(db: Database, *rows: WebhookRow) -> list[bool]:
    """Store deliveries, each in its own transaction."""
    kept = []
    for row in rows:
        async with db.transaction() as tx:
            kept.append(await webhooks.insert(tx, row))
    return kept


async def find(db: Database, id: str) -> WebhookRow | None:
    """Return a delivery as it is now."""
    async with db.read() as tx:
        return await webhooks.find(tx, id)


async def test_the_same_delivery_is_kept_once_per_provider(database: Database) -> None:
    """Deliveries with the same key from one provider are duplicates; the first one is kept."""
    kept = await insert(database, delivery("a", "k"), delivery("b", "k"), delivery("c", "k", provider="other"))

    assert [True, False, True] == kept
    assert [True, False, True] == [await find(database, id) is not None for id in ("a", "b", "c")]


async def test_of_two_at_once_the_second_waits_for_the_first(database: Database) -> None:
    """When the transaction that stored a delivery rolls back, a waiting duplicate is stored instead."""

    async def first() -> None:
        async with database.transaction() as tx:
            await webhooks.insert(tx, delivery("a", "k"))
            inserted.set()
            await going_on.wait()
            raise LookupError

    inserted, going_on = asyncio.Event(), asyncio.Event()
    one = asyncio.create_task(first())
    await inserted.wait()
    two = asyncio.create_task(insert(database, delivery("b", "k")))
    done, _ = await asyncio.wait([two], timeout=0.1)
    going_on.set()
    with pytest.raises(LookupError):
        await one

    assert set() == done
    assert [True] == await two


async def test_it_is_finished_once(database: Database) -> None:
    """The second of two outcomes is refused, and the first one stays."""
    await insert(database, delivery("a"))
    finished = []
    for outcome in ("applied", "known"):
        async with database.transaction() as tx:
            finished.append(await webhooks.finish(tx, "a", outcome))
    row = await find(database, "a")

    assert [True, False] == finished
    assert row is not None
    assert ("applied", None, 1) == (row.outcome, row.due_at, row.tries)


async def test_only_what_is_due_is_taken_and_by_one_replica(database: Database) -> None:
    """Leased rows are postponed, locked rows are skipped, and finished rows never come back."""
    await insert(database, delivery("a"), delivery("b", due_at=NOW + SECOND), delivery("c", due_at=None))
    lease = NOW + 30 * SECOND
    async with database.transaction() as tx:
        mine = await webhooks.take_due(tx, ["a", "b", "c"], NOW, lease)
        async with database.transaction() as other:
            theirs = await webhooks.take_due(other, ["a", "b", "c"], NOW + SECOND, lease)
    async with database.transaction() as tx:
        early = await webhooks.take_due(tx, ["a", "b", "c"], lease - SECOND, lease)
        late = await webhooks.take_due(tx, ["a"], lease, lease + SECOND)

    assert (["a"], ["b"], [], 1) == (mine, theirs, early, len(late))


async def test_what_came_to_nothing_is_put_off_and_counted(database: Database) -> None:
    """Putting off makes no finished delivery due."""
    await insert(database, delivery("a"), delivery("b", due_at=None, outcome="applied"))
    async with database.transaction() as tx:
        for id in ("a", "b"):
            await webhooks.put_off(tx, id, NOW + SECOND)
    found = [await find(database, id) for id in ("a", "b")]

    assert [(NOW + SECOND, 1), (None, 0)] == [(row.due_at, row.tries) for row in found if row]


async def test_what_was_not_placed_is_due_again_for_its_user(database: Database) -> None:
    """Only unknown publishes of that user, received since the given time, are requeued."""
    unknown: dict[str, Any] = {"due_at": None, "outcome": UNKNOWN_PUBLISH}
    await insert(
        database,
        delivery("a", **unknown),
        delivery("old", **unknown, receive_time=NOW - SECOND),
        delivery("other", **unknown, subject="v"),
        delivery("placed", due_at=None, outcome="applied"),
    )
    async with database.transaction() as tx:
        await webhooks.requeue(tx, "tiktok", "u", NOW)
        due = await webhooks.take_due(tx, ["a", "old", "other", "placed"], NOW, NOW + SECOND)

    assert ["a"] == due


async def test_old_ones_go_when_they_were_applied(database: Database) -> None:
    """Unapplied deliveries are never pruned; a limit bounds each call."""
    old: dict[str, Any] = {"receive_time": NOW - SECOND}
    await insert(
        database,
        delivery("waiting", **old),
        delivery("a", **old, due_at=None),
        delivery("b", **old, due_at=None),
        delivery("young", due_at=None),
    )
    async with database.transaction() as tx:
        gone = [await webhooks.prune(tx, NOW, limit=1) for _ in range(3)]

    assert [1, 1, 0] == gone
    assert [True, False, False, True] == [await find(database, id) is not None for id in ("waiting", "a", "b", "young")]
