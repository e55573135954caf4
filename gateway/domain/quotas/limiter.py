"""The rate limiter: each vendor call occupies a slot of a quota, waits for one that is near, or is refused unsent.

Owns the waiting, and writing to the ledger that a call was made, that the vendor refused it, and what its headers
stated. The arithmetic is in `ledger`, the daily caps are in `daily_caps`.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from math import ceil

import structlog

from gateway import deadline
from gateway.audit import acts
from gateway.audit.acts import Act
from gateway.domain.context import Domain, EndedCall
from gateway.domain.quotas import ledger
from gateway.domain.quotas.ledger import QuotaEstimate, QuotaReport
from gateway.domain.quotas.subjects import Subject
from gateway.telemetry import metrics
from providers.capabilities import QuotaRule
from providers.errors import QuotaUsedUp
from storage import quotas
from storage.database import DatabaseUnavailable, Transaction, before_commit

log = structlog.get_logger(__name__)

Acquired = tuple[float | None, QuotaEstimate]
"""A slot: its stamp, None if its rule counts without, and the ledger's estimate at that moment."""

MAX_WAIT_SECONDS = 10.0
MAX_BACKGROUND_WAIT_SECONDS = 1.0
CALL_RESERVE_SECONDS = 1.0
"""The part of a caller's deadline that is left for the call itself."""

MIN_WAIT_SECONDS = 0.001
"""The shortest wait: a shorter one would be lost to rounding."""


@asynccontextmanager
async def slot(
    domain: Domain, subject: Subject, metric: str, *, background: bool, use: Act | None = None
) -> AsyncIterator[QuotaEstimate | None]:
    """Occupy a slot during one vendor call; it counts from the end of the call, when the vendor has certainly seen it.

    `use` is the use of a token that the call makes: it is recorded in the transaction of the slot, before the call.
    Waits while a slot is near and the caller has time. Yields the ledger's estimate at that moment, None without a
    rule. Raises QuotaUsedUp, DatabaseUnavailable; nothing was sent then.
    """
    rule = domain.providers[subject.provider].table.quota(metric)
    if rule is None:
        await _announce(domain, use)
        yield None
        return
    stamp, estimate = await _acquire(domain, subject, rule, background, use)
    domain.telemetry.record(metrics.QUOTA_USED, subject.provider, metric, amount=estimate.used_part(rule))
    try:
        yield estimate
    finally:
        if stamp is not None:
            # A process that dies here, or a database that fails, leaves the slot occupied for longer than it was.
            await _end(domain, EndedCall(subject.key(rule), metric, stamp, domain.clock().timestamp()))


async def _end(domain: Domain, call: EndedCall) -> None:
    """Release the slot of a call, or leave that to the next transaction of this piece of work."""
    if domain.ended_calls is not None:
        domain.ended_calls.append(call)
    else:
        await _log_failure("quota.not_restamped", call.key, call.metric, domain.tokens.guard(_release(domain, call)))


@asynccontextmanager
async def released_together(domain: Domain) -> AsyncIterator[Domain]:
    """Yield a domain whose calls leave the release of their slots to its next `transaction`; what is left at the end is
    released then.
    """
    together = replace(domain, ended_calls=[])
    try:
        yield together
    finally:
        for call in together.ended_calls or ():
            await _end(domain, call)


@asynccontextmanager
async def transaction(domain: Domain) -> AsyncIterator[Transaction]:
    """A transaction that also releases the slots of the calls that have ended."""
    ended = list(domain.ended_calls or ())

    async def release(tx: Transaction) -> None:
        for call in ended:
            await _restamp(tx, domain, call)

    async with domain.db.transaction() as tx:
        if ended:
            # Right before the commit: who waits for a row of a post must not let others wait for a quota.
            before_commit(tx, "ended calls", release)
        yield tx
    for call in ended:
        if domain.ended_calls and call in domain.ended_calls:
            domain.ended_calls.remove(call)


async def _log_failure(event: str, subject: str, metric: str, write: Awaitable[None]) -> None:
    """Await a write to the ledger after a call and log its failure: the vendor's response matters more."""
    try:
        await write
    except Exception as error:
        log.warning(event, subject=subject, metric=metric, error=type(error).__name__)


async def _announce(domain: Domain, use: Act | None) -> None:
    """Record the use of a token by a call that no quota counts."""
    if use is not None:
        async with transaction(domain) as tx:
            await acts.announce(tx, use, domain.clock())


async def _acquire(domain: Domain, subject: Subject, rule: QuotaRule, background: bool, use: Act | None) -> Acquired:
    waited = 0.0
    while True:
        acquired, delay = await _try_acquire(domain, subject, rule, background, use)
        if acquired is not None:
            return acquired
        if delay > _wait_left(background, waited):
            domain.telemetry.record(metrics.QUOTA_REFUSALS, subject.provider, rule.metric)
            raise used_up(domain, subject.provider, subject.name(rule), rule, delay)
        await domain.sleep(delay)
        waited += delay


async def _try_acquire(
    domain: Domain, subject: Subject, rule: QuotaRule, background: bool, use: Act | None
) -> tuple[Acquired | None, float]:
    """Occupy a free slot and return its stamp and an estimate, or return the seconds until one may be free."""
    async with transaction(domain) as tx:
        row = await quotas.lock(tx, subject.key(rule), rule.metric, domain.clock())
        # The clock is read only now: waiting for the row's lock may have taken a while.
        now = domain.clock()
        at = ledger.next_at(row, rule, now, background=background)
        if at > now.timestamp():
            return None, max(at - now.timestamp(), MIN_WAIT_SECONDS)
        stamp = ledger.record_call(row, rule, now)
        if use is not None:
            await acts.announce(tx, use, now)
        return (stamp, ledger.estimate(row, rule, now)), 0.0


def _wait_left(background: bool, waited: float) -> float:
    """Return how many more seconds a caller may wait for a slot."""
    most = (MAX_BACKGROUND_WAIT_SECONDS if background else MAX_WAIT_SECONDS) - waited
    left = deadline.left()
    return most if left is None else min(most, left - CALL_RESERVE_SECONDS)


def used_up(domain: Domain, provider: str, subject: str, rule: QuotaRule, delay: float) -> QuotaUsedUp:
    """Return the error that no slot is free for `delay` seconds."""
    # Rounded up, so that a retry after exactly this long finds the slot free.
    after = timedelta(milliseconds=ceil(delay * 1000))
    at = domain.clock() + after
    return QuotaUsedUp(
        rule.metric, subject=subject, limit=rule.limit, provider=provider, retry_after=after, retry_at=at
    )


async def _release(domain: Domain, call: EndedCall) -> None:
    async with domain.db.transaction() as tx:
        await _restamp(tx, domain, call)


async def _restamp(tx: Transaction, domain: Domain, call: EndedCall) -> None:
    """Replace a slot's stamp by when its call ended."""
    # Also when the stamp is gone, because this process was frozen for longer than a call may take: the vendor has
    # seen the call.
    await quotas.restamp(tx, call.key, call.metric, call.stamp, call.at, domain.clock())


async def record_refusal(domain: Domain, subject: Subject, metric: str, retry_after: timedelta) -> None:
    """Record that the vendor refused a call although it had a slot: no call is made before `retry_after`.

    An unavailable database changes nothing about the vendor's response, so the error is not raised.
    """
    log.warning("quota.limited", provider=subject.provider, metric=metric)
    rule = domain.providers[subject.provider].table.quota(metric)
    if rule is None:
        return
    with suppress(DatabaseUnavailable):
        async with domain.db.transaction() as tx:
            row = await quotas.lock(tx, subject.key(rule), metric, domain.clock())
            until = domain.clock() + retry_after
            row.blocked_until = max(row.blocked_until or until, until)


async def record_report(
    domain: Domain, subject: Subject, metric: str, report: QuotaReport, estimate: QuotaEstimate | None
) -> None:
    """Record what a response's headers stated, unless the `estimate` of when the slot was occupied agrees with it."""
    rule = domain.providers[subject.provider].table.quota(metric)
    if rule is None or estimate is None:
        return
    report = ledger.plausible(rule, report)
    if ledger.is_worth_storing(rule, estimate, report):
        await _log_failure("quota.not_heard", subject.key(rule), metric, _store_report(domain, subject, rule, report))


async def _store_report(domain: Domain, subject: Subject, rule: QuotaRule, report: QuotaReport) -> None:
    async with domain.db.transaction() as tx:
        row = await quotas.lock(tx, subject.key(rule), rule.metric, domain.clock())
        now = domain.clock()
        # Others may have stored the same while this waited for the row's lock.
        if ledger.is_worth_storing(rule, ledger.estimate(row, rule, now), report):
            ledger.store_report(row, report, now)
