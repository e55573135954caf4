"""Which posts are due: taken by the process that steps them, or polled together by a job.

Owns taking them, and the names of the queue's tasks. Does not know what a step does, nor how many may run at once.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.domain import post_content
from gateway.domain.context import Domain
from gateway.domain.leases import TOPIC, Lane
from storage import jobs, posts
from storage.database import Transaction, notify
from storage.posts import PostRow
from storage.states import PostState

PUBLISH_TASK = "publish"
"""A step as a job: processes of versions before leases put it into the queue."""

POLL_TASK = "poll"
BATCHABLE = (PostState.PROCESSING, PostState.SCHEDULED)
HANDED_OVER = (PostState.QUEUED, PostState.TRANSFERRING)
"""The states in which a post's next step submits or transfers it."""

HAND_OVERS = "hand-overs"
POLLS = "polls"
"""The queues of those jobs, and of the polls of many posts with one call."""


async def take_due(domain: Domain, lanes: Sequence[Lane], limit: int) -> tuple[datetime, list[PostRow], int]:
    """Take a lease of up to `limit` posts that are due in these lanes, and put polls of many into the queue.

    Return until when the leases are, the posts to step, and how many were due. Any number of replicas may do so at
    once.
    """
    now = domain.clock()
    until = now + domain.leases.length
    only = None if len(lanes) == len(Lane) else (HANDED_OVER, Lane.HAND_OVERS in lanes)
    async with domain.db.transaction() as tx:
        due = await posts.take_due(tx, now, until, limit, only)
        batches = [row for row in due if polled_in_batch(domain, row, row.state)]
        for row in batches:
            await _enqueue_poll(tx, row)
    return until, [row for row in due if row not in batches], len(due)


async def announce(tx: Transaction) -> None:
    """Notify every process that takes steps, when this transaction commits, that a post without a lease is due."""
    await notify(tx, TOPIC, "")


async def wake(domain: Domain, location: str, post: str) -> None:
    """Make an unfinished post due now, because its worker has died."""
    async with domain.db.transaction() as tx:
        await posts.set_due(tx, location, post, domain.clock())


def polled_in_batch(domain: Domain, row: PostRow, state: PostState) -> bool:
    """Return whether, in a state, one vendor call returns the statuses of all due posts of the connection."""
    table = domain.providers[row.provider].table
    kept = state == PostState.SCHEDULED and post_content.is_kept(row, table)
    return state in BATCHABLE and table.statuses_at_once and not kept


async def _enqueue_poll(tx: Transaction, row: PostRow) -> None:
    name = f"poll|{row.location}|{row.connection}"
    target = {"location": row.location, "connection": row.connection}
    await jobs.enqueue(tx, POLL_TASK, queue=POLLS, lock=name, queueing_lock=name, **target)  # type: ignore[arg-type]
