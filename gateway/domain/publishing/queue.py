"""Which posts are due: taken by the process that steps them, each alone or all of a connection with one poll.

Owns taking them, and the names of the tasks of earlier versions. Knows neither what a step does nor how many may run.
"""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain import post_content
from gateway.domain.context import Domain
from gateway.domain.leases import TOPIC, Lane
from storage import posts
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
"""The queues of those jobs, and of polls of many posts: processes of versions before leases of polls put them there."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Posts to step, and for each connection whose posts are polled together the first of them, each with a place and
    leased `until` then; if `more` are due.
    """

    until: datetime
    rows: list[PostRow]
    polls: list[PostRow]
    more: bool


async def take_due(domain: Domain, lane: Lane, places: FairPlaces) -> Taken:
    """Take a lease and a place for the posts of a lane that are due and whose turn it is; those that are polled with
    another one need no place. Any number of replicas may do so at once.
    """
    now = domain.clock()
    until = now + domain.leases.length
    async with domain.db.read() as tx:
        due = await DUE[lane].find(tx, now, places.size + 1, places.turns)
    alone: list[PostRow] = []
    polls: dict[tuple[str, str], PostRow] = {}
    taken: list[PostRow] = []
    with reserving(places, due) as reserved:
        if reserved.tenants:
            taken = await _lease(domain, list(reserved.tenants), now, until)
            for row in taken:
                if polled_in_batch(domain, row, row.state):
                    polls.setdefault((row.location, row.connection), row)
                else:
                    alone.append(row)
            # Not where somebody else was first, nor of those that are polled with others.
            reserved.keep((row.location, row.id) for row in [*alone, *polls.values()])
    return Taken(until, alone, list(polls.values()), len(due) > len(taken))


async def _lease(domain: Domain, keys: list[tuple[str, str]], now: datetime, until: datetime) -> list[PostRow]:
    """Lease posts, given in the order of their turns, and return in that order those that nobody else took."""
    async with domain.db.transaction() as tx:
        found = {(row.location, row.id): row for row in await posts.take_due(tx, keys, now, until)}
    return [found[key] for key in keys if key in found]


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
