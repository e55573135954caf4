"""Delivering: one endpoint's turn, in which events that wait and new ones are tried, and its result stored.

Owns what a try means for event and endpoint. A process that dies in the middle has stored nothing of the turn: the next
one tries the same events again, under the same ids.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from standardwebhooks import Webhook

from gateway.aip import names
from gateway.domain.context import Domain
from gateway.domain.endpoints import manage, retry_schedule, sealed
from gateway.domain.endpoints.sealed import Target
from providers.http.post import Answer
from storage import events, webhook_endpoints
from storage.database import Transaction
from storage.events import EventRow
from storage.states import DisableReason, EndpointState
from storage.webhook_endpoints import EndpointRow, RetryRow

log = structlog.get_logger(__name__)

Render = Callable[[EventRow], str]
"""Returns the JSON body of an event's delivery."""

BATCH = 20
TURN_SECONDS = 10.0
"""After how long a turn begins no further try: with the longest try it ends within the lease."""

GONE = 410


@dataclass(slots=True)
class _Turn:
    """What a turn has found out so far; stored at its end."""

    row: EndpointRow
    delivered: int
    failures: int
    failing_since: datetime | None
    last_success_time: datetime | None
    last_error: str
    dropped: list[int] = field(default_factory=list)
    waiting: list[RetryRow] = field(default_factory=list)
    gone: bool = False

    @property
    def paused(self) -> bool:
        """Whether nothing new is tried, because the last tries all failed."""
        return self.gone or self.failures >= retry_schedule.MANY_FAILURES

    def taken(self, now: datetime) -> None:
        """Note a success."""
        self.failures, self.failing_since, self.last_success_time = 0, None, now

    def failed(self, retry: RetryRow, answer: Answer, now: datetime) -> None:
        """Note a failure: the event waits, unless it has for too long."""
        self.failures += 1
        self.failing_since = self.failing_since or now
        self.last_error = answer.error
        self.gone = answer.status == GONE
        if retry_schedule.is_over(retry.first_time, now):
            self.dropped.append(retry.number)
            return
        retry.tries += 1
        retry.retry_at = now + retry_schedule.delay(retry.tries, answer.retry_after)
        self.waiting.append(retry)


async def deliver(domain: Domain, render: Render, row: EndpointRow, stopping: Callable[[], bool]) -> None:
    """Try what is due of a leased endpoint, and store how it went; raises DatabaseUnavailable, KeyMissing."""
    turn = _Turn(row, row.delivered, row.failures, row.failing_since, row.last_success_time, row.last_error)
    end = asyncio.get_running_loop().time() + TURN_SECONDS

    def over() -> bool:
        return stopping() or turn.gone or asyncio.get_running_loop().time() >= end

    async with domain.db.read() as tx:
        target = await sealed.target(domain, tx, row, domain.clock())
        retries = await webhook_endpoints.retries(tx, row.location, row.id, 1 if turn.paused else BATCH)
    due = [retry for retry in retries if retry.retry_at <= domain.clock()]
    for retry in due:
        if over():
            break
        await _try_again(domain, render, turn, target, retry)
    if not turn.paused and not over():
        await _try_new(domain, render, turn, target, over)
    await _store(domain, turn)


async def _try_again(domain: Domain, render: Render, turn: _Turn, target: Target, retry: RetryRow) -> None:
    async with domain.db.read() as tx:
        found = await events.after(tx, turn.row.location, retry.number - 1, upto=retry.number, limit=1)
    if not found:
        turn.dropped.append(retry.number)
        return
    answer = await send(domain, target, found[0], render)
    now = domain.clock()
    if answer.taken:
        turn.taken(now)
        turn.dropped.append(retry.number)
    else:
        turn.failed(retry, answer, now)
    await domain.sleep(1 / turn.row.max_per_second)


async def _try_new(domain: Domain, render: Render, turn: _Turn, target: Target, over: Callable[[], bool]) -> None:
    row = turn.row
    async with domain.db.read() as tx:
        # Read first: what is committed after it belongs to the next turn, whatever its type.
        last = await events.last(tx, row.location)
        found = await events.after(tx, row.location, turn.delivered, upto=last, types=row.types, limit=BATCH)
    for event in found:
        if turn.paused or over():
            return
        answer, now = await send(domain, target, event, render), domain.clock()
        turn.delivered = event.number
        if answer.taken:
            turn.taken(now)
        else:
            retry = RetryRow(
                location=row.location, endpoint=row.id, number=event.number, tries=0, first_time=now, retry_at=now
            )
            turn.failed(retry, answer, now)
        await domain.sleep(1 / row.max_per_second)
    if len(found) < BATCH:
        turn.delivered = last


async def send(domain: Domain, target: Target, event: EventRow, render: Render) -> Answer:
    """Deliver one event, signed now, and return how it was answered."""
    return await post(domain, target, names.EVENT.format(event.location, str(event.number)), render(event))


async def post(domain: Domain, target: Target, id: str, body: str) -> Answer:
    """Post a signed delivery, and return how it was answered."""
    # The library signs the clock on the wall of another zone (1.1.0, findings/standardwebhooks-python-zones.sh).
    now = domain.clock().astimezone(UTC)
    signatures = [Webhook(secret.reveal()).sign(id, now, body) for secret in target.secrets]
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return await domain.poster.post(target.uri.reveal(), body.encode(), headers)


async def _store(domain: Domain, turn: _Turn) -> None:
    """Store the turn, unless another worker has the endpoint by now, or a caller stopped it."""
    row, now = turn.row, domain.clock()
    if row.due_at is None:
        return
    over = turn.failing_since is not None and retry_schedule.is_over(turn.failing_since, now)
    async with domain.db.transaction() as tx:
        for number in turn.dropped:
            await webhook_endpoints.drop_retry(tx, row.location, row.id, number)
        for retry in turn.waiting:
            await webhook_endpoints.keep_retry(tx, retry)
        values: dict[str, Any] = {
            "delivered": turn.delivered,
            "failures": turn.failures,
            "failing_since": turn.failing_since,
            "last_success_time": turn.last_success_time,
            "last_error": turn.last_error,
            "due_at": await _next(tx, turn, now),
        }
        if not await webhook_endpoints.record(tx, row.location, row.id, row.due_at, **values):
            # What waits was stored with this transaction, and is tried twice at worst.
            return
        if turn.gone or over:
            await _disable(tx, row, DisableReason.GONE if turn.gone else DisableReason.FAILING, now)
        elif values["due_at"] is None:
            # An event that was committed since the turn began found the endpoint leased, and woke nobody.
            await webhook_endpoints.wake(tx, [row.location], now)


async def _next(tx: Transaction, turn: _Turn, now: datetime) -> datetime | None:
    """Return when the endpoint is due again: now if there are more events, None if there is nothing to do."""
    row = turn.row
    first = next(iter(await webhook_endpoints.retries(tx, row.location, row.id, 1)), None)
    if turn.paused:
        return max(now, first.retry_at) if first else now + retry_schedule.delay(turn.failures)
    if await events.last(tx, row.location) > turn.delivered:
        return now
    return first.retry_at if first else None


async def _disable(tx: Transaction, row: EndpointRow, reason: DisableReason, now: datetime) -> None:
    """Disable an endpoint, and say so in an event, which other endpoints and streams hear of."""
    values = {"state": EndpointState.DISABLED, "disable_reason": reason, "due_at": None}
    await webhook_endpoints.change(tx, row.location, row.id, now, **values)
    subject = manage.name_of(row)
    await events.append(tx, row.location, type="WEBHOOK_ENDPOINT_DISABLED", subject=subject, payload={}, now=now)
    log.warning("webhook_endpoint.disabled", location=row.location, endpoint=row.id, reason=reason)


async def wake(domain: Domain, locations: Sequence[str] | None) -> None:
    """Make the endpoints due that have events to deliver, of these locations, or with None of all."""
    if locations is None or locations:
        async with domain.db.transaction() as tx:
            await webhook_endpoints.wake(tx, locations, domain.clock())


async def take_due(domain: Domain, lease: timedelta, limit: int) -> list[EndpointRow]:
    """Lease endpoints that are due."""
    now = domain.clock()
    async with domain.db.read() as tx:
        first = await webhook_endpoints.next_due(tx)
    if first is None or first > now:
        return []
    async with domain.db.transaction() as tx:
        return await webhook_endpoints.take_due(tx, now, now + lease, limit)
