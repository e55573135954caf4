"""The job queue of due posts: filled by the transaction that makes a post due, or by the sweeper.

Owns which task and queue a state belongs to. Does not know what a step does.
"""

from gateway.domain.concurrency import LEASE
from gateway.domain.context import Domain
from storage import jobs, posts
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import PostState

SWEEP_LIMIT = 500
PUBLISH_TASK = "publish"
POLL_TASK = "poll"
BATCHABLE = (PostState.PROCESSING, PostState.SCHEDULED)
HAND_OVERS = "hand-overs"
"""The queue of steps that submit or transfer. They take long, so they must not delay the polls. Its name is stored in
jobs, so it stays.
"""

POLLS = "polls"
"""The queue of steps that poll the vendor."""


async def enqueue(tx: Transaction, row: PostRow) -> None:
    """Enqueue the post's next step within this transaction; one step of a post runs at a time."""
    name = f"post|{row.location}|{row.id}"
    queue = HAND_OVERS if row.state in (PostState.QUEUED, PostState.TRANSFERRING) else POLLS
    await jobs.enqueue(tx, PUBLISH_TASK, queue=queue, lock=name, queueing_lock=name, location=row.location, post=row.id)


async def wake(domain: Domain, location: str, post: str) -> None:
    """Make an unfinished post due now, because its worker has died."""
    async with domain.db.transaction() as tx:
        await posts.set_due(tx, location, post, domain.clock())


async def sweep(domain: Domain, limit: int = SWEEP_LIMIT) -> int:
    """Enqueue the due posts, at most `limit`, and return how many. Any number of replicas may sweep at once."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        due = await posts.take_due(tx, now, now + LEASE, limit)
        for row in due:
            await (_enqueue_poll(tx, row) if _polled_in_batch(domain, row) else enqueue(tx, row))
    return len(due)


def _polled_in_batch(domain: Domain, row: PostRow) -> bool:
    """Return whether one vendor call returns the statuses of all due posts of the connection."""
    return row.state in BATCHABLE and domain.providers[row.provider].table.statuses_at_once


async def _enqueue_poll(tx: Transaction, row: PostRow) -> None:
    name = f"poll|{row.location}|{row.connection}"
    target = {"location": row.location, "connection": row.connection}
    await jobs.enqueue(tx, POLL_TASK, queue=POLLS, lock=name, queueing_lock=name, **target)  # type: ignore[arg-type]
