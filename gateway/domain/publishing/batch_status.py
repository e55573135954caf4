"""Polling many posts with one call, where the vendor supports it: one call for a connection.

Owns which posts are polled together. What a status means for a post is `vendor_status`; a post without a response, or
with more to do than to be polled, takes its own step.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, reconnected, step, vendor_lookup, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.queue import BATCHABLE
from providers.errors import ProviderError
from providers.models.publishing import PublishStatus
from storage import accounts
from storage import posts as rows
from storage.database import DatabaseBusy, DatabaseUnavailable
from storage.states import AttemptState

log = structlog.get_logger(__name__)

BATCH_SIZE = 500
POLL_AHEAD = timedelta(seconds=30)
"""Posts that will be due this soon are polled along with those that are due: it is the same call."""


async def poll(domain: Domain, location: str, connection: str, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Poll every due post of the connection: one vendor call for a page of them.

    Safe to call at any time and concurrently. Raises DatabaseUnavailable.
    """
    # Whoever put this poll into the queue has a lease of the posts that are due: their `due_at` is that far ahead.
    until = domain.clock() + domain.leases.length + POLL_AHEAD
    async with domain.db.read() as tx:
        ids = await rows.of_connection(tx, location, connection, BATCHABLE, until, BATCH_SIZE)
        current = {each.id: each.provider_account_id for each in await accounts.of_connection(tx, location, connection)}
    found = [await journal.read(domain, location, id) for id in ids]
    works = [Work(row, attempt) for row, attempt in found if row is not None and attempt is not None]
    pollable = [work for work in works if _is_pollable(work, current)]
    settled = await _poll_together(domain, pollable, stopping) if len(pollable) > 1 else set()
    for id in ids:
        if id not in settled and not stopping():
            await step.step(domain, location, id, stopping=stopping)


def _is_pollable(work: Work, current: Mapping[str, str]) -> bool:
    """Return whether a post only has to be polled; `current` are the vendor's ids of the connection's accounts."""
    polled = work.attempt.state == AttemptState.PROCESSING and bool(work.attempt.publish_id)
    return polled and not reconnected.is_behind(work, current.get(work.post.account, ""))


async def _poll_together(domain: Domain, works: Sequence[Work], stopping: Callable[[], bool]) -> set[str]:
    """Poll the posts with one call, apply the statuses, and return the ids of the posts that got one."""
    first = works[0].post
    now = domain.clock()
    since = min(moves.submit_time(work) for work in works) - vendor_lookup.CLOCK_SLACK
    until = max([now, *(work.post.schedule_time or now for work in works)]) + vendor_lookup.SCHEDULE_SLACK
    request = domain.providers[first.provider].records.statuses(
        moves.access_of(domain, first), [work.attempt.publish_id for work in works], since=since, until=until
    )
    try:
        statuses = await moves.call("status", request)
    except ProviderError as error:
        log.info("publish.list_unanswered", location=first.location, code=error.code)
        return set()
    settled = set()
    for work in works:
        status = statuses.get(work.attempt.publish_id)
        if stopping():
            break
        if status is not None and await _apply(domain, work, status):
            settled.add(work.post.id)
    return settled


async def _apply(domain: Domain, work: Work, status: PublishStatus) -> bool:
    """Apply a status; return False if the post's own step has to deal with what is wrong with this one post."""
    location, post = work.post.location, work.post.id
    try:
        await vendor_status.apply(domain, work, status)
    except (Superseded, DatabaseBusy) as error:
        # Another worker has the post, or somebody holds its row: it is due again when its lease ends.
        log.info("publish.busy", location=location, post=post, error=str(error))
    except DatabaseUnavailable:
        raise
    except Exception as error:
        log.info("publish.left_to_step", location=location, post=post, error=type(error).__name__)
        return False
    return True
