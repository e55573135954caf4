"""Polling many posts with one call, where the vendor supports it: one call for a connection.

Owns which posts are polled together. What a status means for a post is `vendor_status`; a post without a response takes
its own step.
"""

import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, step, vendor_lookup, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.queue import BATCHABLE
from providers.errors import ProviderError
from storage import posts as rows
from storage.states import AttemptState

log = structlog.get_logger(__name__)

BATCH_SIZE = 500
POLL_AHEAD = timedelta(seconds=30)
"""Posts that will be due this soon are polled along with those that are due: it is the same call."""


async def poll(domain: Domain, location: str, connection: str, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Poll every due post of the connection: one vendor call for a page of them.

    Safe to call at any time and concurrently. Raises DatabaseUnavailable.
    """
    async with domain.db.read() as tx:
        ids = await rows.of_connection(tx, location, connection, BATCHABLE, domain.clock() + POLL_AHEAD, BATCH_SIZE)
    found = [await journal.read(domain, location, id) for id in ids]
    pollable = [
        Work(row, attempt)
        for row, attempt in found
        if row is not None and attempt is not None and attempt.state == AttemptState.PROCESSING and attempt.publish_id
    ]
    settled = await _poll_together(domain, pollable) if len(pollable) > 1 else set()
    for id in ids:
        if id not in settled and not stopping():
            await step.step(domain, location, id, stopping=stopping)


async def _poll_together(domain: Domain, works: Sequence[Work]) -> set[str]:
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
        if status is not None:
            with contextlib.suppress(Superseded):
                await vendor_status.apply(domain, work, status)
            settled.add(work.post.id)
    return settled
