"""The rows of ads: one of two writers wins, what is due is leased once, and old writes are forgotten."""

from datetime import timedelta
from typing import Any

import pytest

from storage import ad_operations, ads
from storage.ad_operations import AdOperationRow
from storage.ads import AdRow
from storage.database import Database
from storage.errors import NotFound
from storage.states import AdLevel, AdOperationKind, AdOperationState
from tests.fixtures.clock import START


def row(id: str = "c1", **values: Any) -> AdRow:
    """Return a campaign."""
    usual: dict[str, Any] = {"location": "l1", "ad_account": "aa", "level": AdLevel.CAMPAIGN, "path": id}
    return AdRow(id=id, create_time=START, update_time=START, **{**usual, **values})


def operation(id: str, **values: Any) -> AdOperationRow:
    """Return a write to the campaign."""
    usual: dict[str, Any] = {"location": "l1", "kind": AdOperationKind.UPDATE, "ad": "c1"}
    return AdOperationRow(id=id, create_time=START, update_time=START, **{**usual, **values})


async def test_of_two_changes_of_one_version_one_is_made(database: Database) -> None:
    """The second finds another version, and a note is not made over a change either."""
    read = row()
    async with database.transaction() as tx:
        await ads.insert(tx, row())
    async with database.transaction() as tx:
        first = await ads.change(tx, read, START, operation="o1")
    async with database.transaction() as tx:
        second = await ads.change(tx, read, START, operation="o2")
        noted = await ads.note(tx, read, provider_state="x")
    assert first is not None
    assert ("o1", 2, None, False) == (first.operation, first.version, second, noted)


async def test_removing_takes_what_is_below(database: Database) -> None:
    """A campaign goes with its ad groups and their ads, and nothing else does."""
    async with database.transaction() as tx:
        await ads.insert(tx, row())
        await ads.insert(tx, row("g1", path="c1/g1", parent="c1", level=AdLevel.AD_GROUP))
        await ads.insert(tx, row("a1", path="c1/g1/a1", parent="g1", level=AdLevel.AD))
        await ads.insert(tx, row("c2"))
        await ads.remove(tx, "l1", "c1")
    async with database.read() as tx:
        assert [] == [id for id in ("c1", "g1", "a1") if await ads.find(tx, "l1", id) is not None]
        assert "c2" == (await ads.get(tx, "l1", "c2")).id
        with pytest.raises(NotFound):
            await ads.get(tx, "l1", "c1")


async def test_a_write_that_is_due_is_leased_once(database: Database) -> None:
    """Of two processes that take it one gets it, and a move from an old state is not made."""
    until = START + timedelta(minutes=5)
    async with database.transaction() as tx:
        await ad_operations.insert(tx, operation("o1", due_at=START))
    taken = []
    for _ in range(2):
        async with database.transaction() as tx:
            taken.append(await ad_operations.take_due(tx, [("l1", "o1")], START, until))
    assert [[("l1", "o1")], []] == taken

    old = operation("o1")
    async with database.transaction() as tx:
        assert await ad_operations.move(tx, old, START, state=AdOperationState.SENT) is not None
    async with database.transaction() as tx:
        assert await ad_operations.move(tx, old, START, state=AdOperationState.DONE) is None


async def test_writes_that_are_over_are_forgotten(database: Database) -> None:
    """One that is not over stays, however old it is."""
    async with database.transaction() as tx:
        await ad_operations.insert(tx, operation("over"))
        await ad_operations.insert(tx, operation("due", due_at=START))
        await ad_operations.prune(tx, START + timedelta(days=1))
    async with database.read() as tx:
        assert await ad_operations.find(tx, "l1", "over") is None
        assert await ad_operations.find(tx, "l1", "due") is not None
