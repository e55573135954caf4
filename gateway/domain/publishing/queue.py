"""Which posts are due: taken by the process that steps them, or polled together by a job.

Owns taking them, and the names of the queue's tasks. Does not know what a step does, nor how many may run at once.
"""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain import post_content
from gateway.domain.context import Domain
from gateway.domain.leases import TOPIC, Lane
from storage import jobs, posts
from storage.database import Transaction, notify
from storage.due_rows import reserving
from storage.fair import FairPlaces
from storage.posts import PostRow
from storage.states import PostState

PUBLISH_TASK = "publish"
"""A step as a job: processes of versions before leases put it into the queue."""

POLL_TASK = "poll"
BATCHABLE = (PostState.PROCESSING, PostState.SCHEDULED)
DUE = {Lane.HAND_OVERS: posts.HAND_OVERS, Lane.POLLS: posts.POLLS}

HAND_OVERS = "hand-overs"
POLLS = "polls"
"""The queues of those jobs, and of the polls of many posts with one call."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Posts to step, each with a place, leased `until` then; how many more are polled together; if `more` are due."""

    until: datetime
    rows: list[PostRow]
    batched: int
    more: bool


async def take_due(domain: Domain, lane: Lane, places: FairPlaces) -> Taken:
    """Take a lease and a place for the posts of a lane that are due and whose turn it is, and put polls of many into
    the queue, which need no place. Any number of replicas may do so at once.
    """
    now = domain.clock()
    until = now + domain.leases.length
    async with domain.db.read() as tx:
        due = await DUE[lane].find(tx, now, places.size + 1, places.turns.last)
    alone: list[PostRow] = []
    batched = 0
    with reserving(places, due) as reserved:
        if reserved.tenants:
            alone, batched = await _lease(domain, list(reserved.tenants), now, until)
            # Not where somebody else was first, nor of those that are polled with others.
            reserved.keep((row.location, row.id) for row in alone)
    return Taken(until, alone, batched, len(due) > len(alone) + batched)


async def _lease(
    domain: Domain, keys: list[tuple[str, str]], now: datetime, until: datetime
) -> tuple[list[PostRow], int]:
    """Lease posts, given in the order of their turns; return in that order those that are stepped alone, and how many
    are not.
    """
    async with domain.db.transaction() as tx:
        found = {(row.location, row.id): row for row in await posts.take_due(tx, keys, now, until)}
        rows = [found[key] for key in keys if key in found]
        batches = [row for row in rows if polled_in_batch(domain, row, row.state)]
        for turn, row in enumerate(batches):
            await _enqueue_poll(tx, row, priority=-turn)
    return [row for row in rows if row not in batches], len(batches)


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


async def _enqueue_poll(tx: Transaction, row: PostRow, priority: int) -> None:
    name = f"poll|{row.location}|{row.connection}"
    target = {"location": row.location, "connection": row.connection}
    await jobs.enqueue(tx, POLL_TASK, queue=POLLS, lock=name, queueing_lock=name, priority=priority, **target)
