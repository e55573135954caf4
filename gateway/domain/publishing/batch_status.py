"""Asking how many posts stand by one call, where the vendor can tell: one question for a connection.

Owns which posts are asked for together. What an answer makes of a post is `verdicts`; whoever is left over is carried
on by itself.
"""

import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, step, vendor_lookup, vendor_status
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.queue import POLLED
from providers.errors import ProviderError
from storage import posts as rows
from storage.states import AttemptState

log = structlog.get_logger(__name__)

AT_ONCE = 500
ASK_AHEAD = timedelta(seconds=30)
"""Who is due this soon is asked for along with those that are due: the same call tells both."""


async def poll(domain: Domain, location: str, connection: str, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Ask for every post of the connection that is due: one call for a page of them.

    Safe to call at any time and by several at once. Raises DatabaseUnavailable.
    """
    async with domain.db.read() as tx:
        ids = await rows.of_connection(tx, location, connection, POLLED, domain.clock() + ASK_AHEAD, AT_ONCE)
    found = [await journal.read(domain, location, id) for id in ids]
    together = [
        Work(row, attempt)
        for row, attempt in found
        if row is not None and attempt is not None and attempt.state == AttemptState.PROCESSING and attempt.publish_id
    ]
    settled = await _settled(domain, together) if len(together) > 1 else set()
    for id in ids:
        if id not in settled and not stopping():
            await step.step(domain, location, id, stopping=stopping)


async def _settled(domain: Domain, together: Sequence[Work]) -> set[str]:
    """Ask for them all; give those whose answer came, each applied."""
    first = together[0].post
    now = domain.clock()
    since = min(moves.submit_time(work) for work in together) - vendor_lookup.CLOCK_SLACK
    until = max([now, *(work.post.schedule_time or now for work in together)]) + vendor_lookup.SCHEDULE_SLACK
    asking = domain.providers[first.provider].records.statuses(
        moves.access_of(domain, first), [work.attempt.publish_id for work in together], since=since, until=until
    )
    try:
        answers = await moves.call("status", asking)
    except ProviderError as error:
        log.info("publish.list_unanswered", location=first.location, code=error.code)
        return set()
    settled = set()
    for work in together:
        status = answers.get(work.attempt.publish_id)
        if status is not None:
            with contextlib.suppress(Superseded):
                await vendor_status.apply(domain, work, status)
            settled.add(work.post.id)
    return settled
