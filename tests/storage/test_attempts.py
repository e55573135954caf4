"""The rows of the publish journal: only the worker that read the current state can move an attempt.

Tests the compare-and-swap. Knows no vendor.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from storage import attempts, posts
from storage.attempts import AttemptRow
from storage.database import Database
from storage.posts import PostRow
from storage.states import AttemptState, PostState

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make_post(id: str = "p1", **values: Any) -> PostRow:
    """Return a queued post of location l1, account a1."""
    given: dict[str, Any] = {
        "location": "l1",
        "id": id,
        "account": "a1",
        "connection": "c1",
        "provider": "tiktok",
        "mode": "direct",
        "uploads": ["u1"],
        "state": PostState.QUEUED,
        "queue_time": NOW,
        "create_time": NOW,
        "update_time": NOW,
        "due_at": NOW,
    }
    return PostRow(**{**given, **values})


def make_attempt(post: str = "p1", number: int = 1, state: AttemptState = AttemptState.INTENT) -> AttemptRow:
    """Return an attempt of a post of location l1."""
    return AttemptRow(location="l1", post=post, number=number, state=state, create_time=NOW, update_time=NOW)


async def test_only_one_of_two_workers_moves_an_attempt(database: Database) -> None:
    """When two workers read the same state, only the first can move the attempt."""
    async with database.transaction() as tx:
        await attempts.insert(tx, make_attempt())
    async with database.read() as tx:
        read = await attempts.find(tx, "l1", "p1", 1)
    assert read is not None

    async with database.transaction() as tx:
        first = await attempts.move(tx, read, AttemptState.INIT_SENT, NOW)
    async with database.transaction() as tx:
        second = await attempts.move(tx, read, AttemptState.INIT_SENT, NOW)

    assert first is not None
    assert AttemptState.INIT_SENT == first.state
    assert second is None


async def test_the_confirmed_offset_is_part_of_the_swap(database: Database) -> None:
    """A worker with a stale confirmed offset cannot move the attempt even though the state is the same."""
    async with database.transaction() as tx:
        await attempts.insert(tx, make_attempt(state=AttemptState.UPLOADING))
    async with database.read() as tx:
        frozen = await attempts.find(tx, "l1", "p1", 1)
    assert frozen is not None

    async with database.transaction() as tx:
        ahead = await attempts.move(tx, frozen, AttemptState.UPLOADING, NOW, confirmed=10_000_000)
    async with database.transaction() as tx:
        late = await attempts.move(tx, frozen, AttemptState.FINAL_SENT, NOW)

    assert ahead is not None
    assert 10_000_000 == ahead.confirmed
    assert late is None


async def test_a_post_moves_only_from_the_expected_state_and_attempt(database: Database) -> None:
    """A change that expects another state or another attempt changes nothing and returns None."""
    async with database.transaction() as tx:
        await posts.insert(tx, make_post(attempt=2))

    async with database.transaction() as tx:
        wrong_state = await posts.change(tx, "l1", "p1", NOW, expect=[PostState.PROCESSING], state=PostState.PUBLISHED)
        wrong_attempt = await posts.change(
            tx, "l1", "p1", NOW, expect=[PostState.QUEUED], at_attempt=1, state=PostState.FAILED
        )
        right = await posts.change(
            tx, "l1", "p1", NOW, expect=[PostState.QUEUED], at_attempt=2, state=PostState.TRANSFERRING
        )

    assert wrong_state is None
    assert wrong_attempt is None
    assert right is not None
    assert (PostState.TRANSFERRING, 2) == (right.state, right.version)


async def test_due_posts_are_taken_once_and_pushed_off(database: Database) -> None:
    """Taking due posts leases them: a second sweep finds nothing until the lease has expired."""
    later = NOW + timedelta(seconds=30)
    ids = [("l1", id) for id in ("due", "future", "never")]
    async with database.transaction() as tx:
        await posts.insert(tx, make_post("due"))
        await posts.insert(tx, make_post("future", due_at=later + timedelta(hours=1)))
        await posts.insert(tx, make_post("never", due_at=None, state=PostState.PUBLISHED))

    async with database.transaction() as tx:
        first = await posts.take_due(tx, ids, NOW, later)
    async with database.transaction() as tx:
        second = await posts.take_due(tx, ids, NOW, later)
    async with database.transaction() as tx:
        third = await posts.take_due(tx, ids, later, later)

    assert ["due"] == [row.id for row in first]
    assert [] == second
    assert ["due"] == [row.id for row in third]


async def test_another_post_of_the_account_in_transfer_is_found(database: Database) -> None:
    """Only a TRANSFERRING post of the same account whose newest attempt is between init and the last chunk counts."""
    states = (AttemptState.INIT_SENT, AttemptState.INIT_OK, AttemptState.UPLOADING, AttemptState.FINAL_SENT)
    async with database.transaction() as tx:
        await posts.insert(tx, make_post("mine", attempt=1))
        await posts.insert(tx, make_post("other-account", account="a2", attempt=1, state=PostState.TRANSFERRING))
        await posts.insert(tx, make_post("processing", attempt=1, state=PostState.PROCESSING))
        await attempts.insert(tx, make_attempt("other-account", state=AttemptState.UPLOADING))
        await attempts.insert(tx, make_attempt("processing", state=AttemptState.PROCESSING))
        before = await attempts.another_transferring(tx, "l1", "a1", "mine", states)
        await posts.insert(tx, make_post("sending", attempt=1, state=PostState.TRANSFERRING))
        await attempts.insert(tx, make_attempt("sending", state=AttemptState.FINAL_SENT))
        after = await attempts.another_transferring(tx, "l1", "a1", "mine", states)

    assert before is False
    assert after is True
