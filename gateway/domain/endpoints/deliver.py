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
from gateway.telemetry import metrics
from providers.http.post import Answer
from storage import events, webhook_endpoints
from storage.database import Transaction
from storage.due_rows import reserving
from storage.events import EventRow
from storage.fair import FairPlaces
from storage.states import DisableReason, EndpointState
from storage.webhook_endpoints import EndpointRow, RetryRow

log = structlog.get_logger(__name__)

Render = Callable[[EventRow], str]
"""Returns the JSON body of an event's delivery."""

BATCH = 20
LEASE = timedelta(seconds=60)
TURN_SECONDS = 10.0
"""After how long a turn begins nothing more but one try: with the two longest tries it ends within the lease."""

MAX_WAITING = 1000
"""How many events wait for one endpoint; beyond that the oldest are given up."""

FAULT_DELAY = timedelta(minutes=5)
GONE = 410


@dataclass(slots=True)
class _Turn:
    """What a turn has found out so far; stored at its end."""

    row: EndpointRow
    target: Target
    render: Render
    over: Callable[[], bool]
    delivered: int
    failures: int
    failing_since: datetime | None
    last_success_time: datetime | None
    last_error: str
    done: list[int] = field(default_factory=list)
    waiting: list[RetryRow] = field(default_factory=list)
    gone: bool = False
    lost: bool = False

    @property
    def away(self) -> bool:
        """Whether nothing more is tried in this turn than shows whether the endpoint is back."""
        return self.gone or self.lost or self.failures >= retry_schedule.MANY_FAILURES

    def note(self, retry: RetryRow, answer: Answer, now: datetime) -> None:
        """Note how a try of an event ended: one that was not taken waits, unless it has for too long."""
        if answer.taken:
            self.failures, self.failing_since, self.last_success_time = 0, None, now
            self.done.append(retry.number)
            return
        self.failures += 1
        self.failing_since = self.failing_since or now
        self.last_error = answer.error
        self.gone = answer.status == GONE
        if retry_schedule.is_over(retry.first_time, now):
            self.done.append(retry.number)
            return
        retry.tries += 1
        retry.retry_at = now + retry_schedule.delay(retry.tries, answer.retry_after)
        self.waiting.append(retry)


async def deliver(domain: Domain, render: Render, row: EndpointRow, stopping: Callable[[], bool]) -> None:
    """Try what is due of a leased endpoint, new events first, and store how it went.

    Raises DatabaseUnavailable, KeyMissing.
    """
    end = asyncio.get_running_loop().time() + TURN_SECONDS
    async with domain.db.read() as tx:
        target = await sealed.target(domain, tx, row, domain.clock())
    turn = _Turn(
        row,
        target,
        render,
        lambda: stopping() or asyncio.get_running_loop().time() >= end,
        row.delivered,
        row.failures,
        row.failing_since,
        row.last_success_time,
        row.last_error,
    )
    probing = turn.away
    tried = await _try_new(domain, turn, 1 if probing else BATCH)
    # One event shows whether an endpoint is back, and one that went away in this turn is left in peace.
    if (probing and not tried) or not turn.away:
        await _try_again(domain, turn, 1 if probing else BATCH)
    await _store(domain, turn)


async def _try_new(domain: Domain, turn: _Turn, limit: int) -> int:
    """Try events for the first time, and return how many were."""
    row = turn.row
    async with domain.db.read() as tx:
        # Read first: what is committed after it belongs to the next turn, whatever its type.
        last = await events.last(tx, row.location)
        found = await events.after(tx, row.location, turn.delivered, upto=last, types=row.types, limit=limit)
    for count, event in enumerate(found):
        if turn.over() or (turn.away and count):
            return count
        now = domain.clock()
        first = RetryRow(
            location=row.location, endpoint=row.id, number=event.number, tries=0, first_time=now, retry_at=now
        )
        if not await _try(domain, turn, event, first):
            return count
        turn.delivered = event.number
    if len(found) < limit:
        turn.delivered = last
    return len(found)


async def _try_again(domain: Domain, turn: _Turn, limit: int) -> None:
    """Try events that wait and whose time has come; one of them however late it is, so that new ones delay none."""
    row = turn.row
    async with domain.db.read() as tx:
        waiting = await webhook_endpoints.retries(tx, row.location, row.id, limit)
    for count, retry in enumerate(waiting):
        if retry.retry_at > domain.clock() or (count and (turn.over() or turn.away)):
            return
        async with domain.db.read() as tx:
            found = await events.after(tx, row.location, retry.number - 1, upto=retry.number, limit=1)
        if not found:
            turn.done.append(retry.number)
        elif not await _try(domain, turn, found[0], retry):
            return


async def _try(domain: Domain, turn: _Turn, event: EventRow, retry: RetryRow) -> bool:
    """Deliver one event and note how it went; return False without trying when the endpoint is somebody else's now."""
    async with domain.db.read() as tx:
        # A caller may have changed, stopped or removed it, or its location may have another owner.
        turn.lost = not await webhook_endpoints.leased(tx, turn.row)
    if turn.lost:
        return False
    answer = await send(domain, turn.target, event, turn.render)
    turn.note(retry, answer, domain.clock())
    domain.telemetry.record(metrics.DELIVERIES, "taken" if answer.taken else "failed")
    await domain.sleep(1 / turn.row.max_per_second)
    return True


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
    """Store the turn, unless the lease is over or a caller changed the endpoint: then its events are tried again."""
    row, now = turn.row, domain.clock()
    over = turn.failing_since is not None and retry_schedule.is_over(turn.failing_since, now)
    async with domain.db.transaction() as tx:
        if not await webhook_endpoints.leased(tx, row, lock=True):
            return
        for number in turn.done:
            await webhook_endpoints.drop_retry(tx, row.location, row.id, number)
        for retry in turn.waiting:
            await webhook_endpoints.keep_retry(tx, retry)
        if turn.waiting and (given_up := await webhook_endpoints.trim_retries(tx, row.location, row.id, MAX_WAITING)):
            log.warning("webhook_endpoint.given_up", location=row.location, endpoint=row.id, count=given_up)
        await webhook_endpoints.record(
            tx,
            row,
            delivered=turn.delivered,
            failures=turn.failures,
            failing_since=turn.failing_since,
            last_success_time=turn.last_success_time,
            last_error=turn.last_error,
            due_at=await _next(tx, turn, now),
        )
        if turn.gone or over:
            await _disable(tx, row, DisableReason.GONE if turn.gone else DisableReason.FAILING, now)
        else:
            await webhook_endpoints.wake(tx, [row.location], now, most_failures=retry_schedule.MANY_FAILURES)


async def _next(tx: Transaction, turn: _Turn, now: datetime) -> datetime | None:
    """Return when the endpoint is due again though nothing new happens, None if then there is nothing to do."""
    if turn.failures >= retry_schedule.MANY_FAILURES:
        return now + retry_schedule.probe_delay(turn.failures)
    first = next(iter(await webhook_endpoints.retries(tx, turn.row.location, turn.row.id, 1)), None)
    return first.retry_at if first else None


async def _disable(tx: Transaction, row: EndpointRow, reason: DisableReason, now: datetime) -> None:
    """Disable an endpoint, and say so in an event, which other endpoints and streams hear of."""
    values = {"state": EndpointState.DISABLED, "disable_reason": reason, "due_at": None}
    await webhook_endpoints.change(tx, row.location, row.id, now, **values)
    subject = manage.name_of(row)
    await events.append(tx, row.location, type="WEBHOOK_ENDPOINT_DISABLED", subject=subject, payload={}, now=now)
    log.warning("webhook_endpoint.disabled", location=row.location, endpoint=row.id, reason=reason)


async def put_off(domain: Domain, row: EndpointRow, delay: timedelta, error: str = "") -> None:
    """End a lease without a turn, or after one that failed for a reason of our own, and come back after a while."""
    values: dict[str, Any] = {"due_at": domain.clock() + delay}
    async with domain.db.transaction() as tx:
        await webhook_endpoints.record(tx, row, **values, **({"last_error": error} if error else {}))


async def wake(domain: Domain, locations: Sequence[str] | None) -> None:
    """Make the endpoints due that have events to deliver, of these locations, or with None of all."""
    if locations is not None and not locations:
        return
    async with domain.db.read() as tx:
        # Most locations have none, and every event of theirs ends here.
        if not await webhook_endpoints.any_in(tx, locations):
            return
    async with domain.db.transaction() as tx:
        await webhook_endpoints.wake(tx, locations, domain.clock(), most_failures=retry_schedule.MANY_FAILURES)


async def take_due(domain: Domain, places: FairPlaces) -> list[EndpointRow]:
    """Lease the endpoints that are due and whose turn it is, and take a place for each."""
    now = domain.clock()
    async with domain.db.read() as tx:
        first = await webhook_endpoints.next_due(tx)
    if first is None or first > now:
        return []
    async with domain.db.read() as tx:
        # Those that hold places are among the ones that are due.
        due = await webhook_endpoints.DUE.find(tx, now, places.size + 1, places.turns)
    found: list[EndpointRow] = []
    with reserving(places, due) as reserved:
        if reserved.tenants:
            async with domain.db.transaction() as tx:
                found = await webhook_endpoints.take_due(tx, list(reserved.tenants), now, now + LEASE)
            reserved.keep((row.location, row.id) for row in found)
    return found
