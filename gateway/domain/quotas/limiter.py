"""Slots in a vendor's quotas: each call holds one, waits for one that is near, or is refused before it is sent.

Owns waiting, and what each call leaves in the ledger: that it was made, that the vendor refused it, what its headers
said. The arithmetic is `ledger`'s; caps of a day are `quotas`'.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from math import ceil

import structlog

from gateway import deadline
from gateway.domain.context import Domain
from gateway.domain.quotas import ledger, sliding_window
from gateway.domain.quotas.ledger import Reckoning, Said
from gateway.domain.quotas.subjects import Subject
from providers.capabilities import QuotaRule
from providers.errors import QuotaUsedUp
from storage import quotas
from storage.database import DatabaseUnavailable

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 10.0
BACKGROUND_PATIENCE_SECONDS = 1.0
ANSWER_SECONDS = 1.0
"""What is left of a caller's time for the call itself."""

NAP_SECONDS = 0.001
"""The shortest wait: less would be lost in the arithmetic of times."""


@asynccontextmanager
async def slot(domain: Domain, subject: Subject, metric: str, *, background: bool) -> AsyncIterator[Reckoning | None]:
    """Hold a slot around one vendor call; it counts from the end of the call, when the vendor has surely seen it.

    Waits while a slot is near and the caller has time. Gives what the ledger believes then, None without a rule. Raises
    QuotaUsedUp, DatabaseUnavailable: then nothing was sent.
    """
    rule = domain.providers[subject.provider].table.quota(metric)
    if rule is None:
        yield None
        return
    stamp, thought = await _take(domain, subject, rule, background)
    try:
        yield thought
    finally:
        if stamp is not None:
            # A process that dies here, or a database that fails, leaves the slot used for longer than it was.
            restamp = _restamp(domain, subject.key(rule), metric, stamp, domain.clock().timestamp())
            await _told_afterwards("quota.not_restamped", subject, metric, domain.tokens.guard(restamp))


async def _told_afterwards(event: str, subject: Subject, metric: str, telling: Awaitable[None]) -> None:
    """Tell the ledger of a call that was made; what the vendor answered counts more than whether that succeeds."""
    try:
        await telling
    except Exception as error:
        log.warning(event, provider=subject.provider, metric=metric, error=type(error).__name__)


async def _take(domain: Domain, subject: Subject, rule: QuotaRule, background: bool) -> tuple[float | None, Reckoning]:
    waited = 0.0
    while True:
        taken, delay = await _try(domain, subject, rule, background)
        if taken is not None:
            return taken
        if delay > _patience(background, waited):
            raise used_up(domain, subject.provider, subject.name(rule), rule, delay)
        await domain.sleep(delay)
        waited += delay


async def _try(
    domain: Domain, subject: Subject, rule: QuotaRule, background: bool
) -> tuple[tuple[float | None, Reckoning] | None, float]:
    """Take a slot that is free; give its stamp and what is left, or the seconds until one may be."""
    async with domain.db.transaction() as tx:
        row = await quotas.hold(tx, subject.key(rule), rule.metric, domain.clock())
        # Only now: the row may have been held by others for a while.
        now = domain.clock()
        at = ledger.next_at(row, rule, now, background=background)
        if at > now.timestamp():
            return None, max(at - now.timestamp(), NAP_SECONDS)
        stamp = ledger.take(row, rule, now)
        return (stamp, ledger.reckon(row, rule, now)), 0.0


def _patience(background: bool, waited: float) -> float:
    """Return how many seconds more a caller waits for a slot."""
    most = (BACKGROUND_PATIENCE_SECONDS if background else PATIENCE_SECONDS) - waited
    left = deadline.left()
    return most if left is None else min(most, left - ANSWER_SECONDS)


def used_up(domain: Domain, provider: str, subject: str, rule: QuotaRule, delay: float) -> QuotaUsedUp:
    """Say that there is no slot for so many seconds."""
    # Rounded up: who comes back after exactly this long finds the slot free.
    after = timedelta(milliseconds=ceil(delay * 1000))
    at = domain.clock() + after
    return QuotaUsedUp(
        rule.metric, subject=subject, limit=rule.limit, provider=provider, retry_after=after, retry_at=at
    )


async def _restamp(domain: Domain, key: str, metric: str, stamp: float, at: float) -> None:
    """Put another time in the place of a stamp."""
    async with domain.db.transaction() as tx:
        row = await quotas.hold(tx, key, metric, domain.clock())
        # Also when the stamp is gone, because a frozen process took its call for over: the vendor has seen it.
        row.stamps = sorted([*sliding_window.without(row.stamps, stamp), at])


async def limited(domain: Domain, subject: Subject, metric: str, retry_after: timedelta) -> None:
    """The vendor refused although a slot was held: nobody calls before it said that one may.

    A database that is away changes nothing about the vendor's answer, so it is not raised.
    """
    log.warning("quota.limited", provider=subject.provider, metric=metric)
    rule = domain.providers[subject.provider].table.quota(metric)
    if rule is None:
        return
    with suppress(DatabaseUnavailable):
        async with domain.db.transaction() as tx:
            row = await quotas.hold(tx, subject.key(rule), metric, domain.clock())
            until = domain.clock() + retry_after
            row.blocked_until = max(row.blocked_until or until, until)


async def observed(domain: Domain, subject: Subject, metric: str, said: Said, thought: Reckoning | None) -> None:
    """Tell the ledger what an answer's headers said, if that is news to what it `thought` when the slot was taken."""
    rule = domain.providers[subject.provider].table.quota(metric)
    if rule is None or thought is None:
        return
    said = ledger.sensible(rule, said)
    if ledger.is_news(rule, thought, said):
        await _told_afterwards("quota.not_heard", subject, metric, _hear(domain, subject, rule, said))


async def _hear(domain: Domain, subject: Subject, rule: QuotaRule, said: Said) -> None:
    async with domain.db.transaction() as tx:
        row = await quotas.hold(tx, subject.key(rule), rule.metric, domain.clock())
        now = domain.clock()
        # Held by others meanwhile, who may have told the same.
        if ledger.is_news(rule, ledger.reckon(row, rule, now), said):
            ledger.hear(row, said, now)
