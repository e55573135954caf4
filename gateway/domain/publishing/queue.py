"""The queue of posts that are due: put in with the transaction that needs it, or found by the sweeper.

Owns which task runs for which state. Does not know what a step does.
"""

from datetime import timedelta

from gateway.domain.context import Domain
from storage import jobs, posts
from storage.database import Transaction
from storage.posts import PostRow

LEASE = timedelta(seconds=30)
"""How long a job may leave a post alone before the sweeper looks for it."""

SWEEP_LIMIT = 500
PUBLISH_TASK = "publish"
POLL_TASK = "poll"
POLLED = ("PROCESSING", "SCHEDULED")
HAND_OVERS = "hand-overs"
POLLS = "polls"


async def enqueue(tx: Transaction, row: PostRow) -> None:
    """Put the post's next step into the queue with this transaction; one step of a post runs at a time."""
    name = f"post|{row.location}|{row.id}"
    # Hand-overs take long and wait in a queue of their own, so that they never hold up a question to a vendor.
    queue = HAND_OVERS if row.state in ("QUEUED", "TRANSFERRING") else POLLS
    await jobs.enqueue(tx, PUBLISH_TASK, queue=queue, lock=name, queueing_lock=name, location=row.location, post=row.id)


async def wake(domain: Domain, location: str, post: str) -> None:
    """Make an unfinished post due now: whoever worked on it is gone."""
    async with domain.db.transaction() as tx:
        await posts.set_due(tx, location, post, domain.clock())


async def sweep(domain: Domain, limit: int = SWEEP_LIMIT) -> int:
    """Put every post that is due into the queue; give how many. Any number of replicas may sweep at once."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        due = await posts.take_due(tx, now, now + LEASE, limit)
        for row in due:
            await (_enqueue_poll(tx, row) if _asked_together(domain, row) else enqueue(tx, row))
    return len(due)


def _asked_together(domain: Domain, row: PostRow) -> bool:
    """Return whether one call says how all posts of the connection stand that are due."""
    return row.state in POLLED and domain.providers[row.provider].table.statuses_at_once


async def _enqueue_poll(tx: Transaction, row: PostRow) -> None:
    name = f"poll|{row.location}|{row.connection}"
    place = {"location": row.location, "connection": row.connection}
    await jobs.enqueue(tx, POLL_TASK, queue=POLLS, lock=name, queueing_lock=name, **place)  # type: ignore[arg-type]
