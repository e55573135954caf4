"""Webhooks from their arrival to their end: proved, kept once, applied, tried again until that worked.

Owns the life of a delivery. It is committed, sealed as it came, before it is answered; what one makes of posts and
connections is `gateway/domain/webhooks/post_events.py`. Nothing of its body is ever logged.
"""

from collections.abc import Mapping
from datetime import timedelta

from gateway import log
from gateway.domain.context import Domain
from gateway.domain.publishing import retry_policy
from gateway.domain.webhooks import grant_events, post_events
from gateway.domain.webhooks import result as webhook_result
from gateway.domain.webhooks.result import Result
from providers.errors import WebhookRefused
from providers.models.webhooks import Webhook, WebhookKind
from storage import jobs, webhooks
from storage.database import Transaction
from storage.webhooks import WebhookRow

_log = log.get("gateway.webhooks")

TASK = "webhook"
QUEUE = "webhooks"
"""A queue of their own: no hand-over and no question to a vendor holds up what a vendor says by itself."""

LEASE = timedelta(seconds=30)
"""How long a job may leave a delivery alone before the sweeper looks for it."""

SWEEP_LIMIT = 500
PATIENCE = 5
"""How often a publish that nobody knows is looked for again: its id may be on its way in the answer to an init."""

_PLACE = "~webhooks"
"""Where the bodies' data key belongs to: no location can have this name."""


async def receive(domain: Domain, provider: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Prove a delivery and keep it, committed when this returns; False when the same one is kept already.

    Header names are lower-case. Raises WebhookRefused, Misconfigured, CapabilityMissing, DatabaseUnavailable.
    """
    now = domain.clock()
    webhook = domain.providers[provider].webhooks.read(headers, body, now=now)
    row = WebhookRow(
        provider=provider,
        dedupe_key=webhook.dedupe_key,
        id=domain.new_id(),
        event=webhook.event,
        subject=webhook.subject,
        body_sealed=b"",
        receive_time=now,
        occur_time=webhook.occur_time,
        due_at=now + LEASE,
    )
    async with domain.db.transaction() as tx:
        seal = await domain.sealer.for_location(tx, _PLACE)
        row.body_sealed = seal.seal("webhooks", row.id, "body", 1, body)
        fresh = await webhooks.insert(tx, row)
        if fresh:
            await _enqueue(tx, row.id)
    _log.info("webhook", provider=provider, name=webhook.event, id=row.id if fresh else "", again=not fresh)
    return fresh


async def apply(domain: Domain, id: str) -> None:
    """Do what follows from a delivery and say so on its row; what fails is due again later.

    Safe to call at any time and by several at once. Raises DatabaseUnavailable: the sweeper finds the row again.
    """
    async with domain.db.read() as tx:
        row = await webhooks.find(tx, id)
    if row is None or row.due_at is None:
        return
    try:
        result = await _result(domain, row)
    except Exception as error:  # whatever it is, the delivery must not be lost
        _log.error("webhook not applied", name=row.event, id=row.id, tries=row.tries, error=type(error).__name__)
        await _put_off(domain, row)
        return
    if result.outcome == webhooks.UNKNOWN_PUBLISH and row.tries < PATIENCE:
        await _put_off(domain, row)
        return
    await _finish(domain, row, result)


async def _result(domain: Domain, row: WebhookRow) -> Result:
    try:
        webhook = domain.providers[row.provider].webhooks.parse(await _body(domain, row))
    except WebhookRefused as error:
        # It could be read when it came: this version of the program cannot.
        return Result(f"refused: {error.code}")
    return await _meaning(domain, row, webhook)


async def _meaning(domain: Domain, row: WebhookRow, webhook: Webhook) -> Result:
    if webhook.kind is WebhookKind.GRANT_REMOVED:
        return await grant_events.grant_removed(domain, row.provider, webhook, webhook.occur_time or row.receive_time)
    if webhook.kind is WebhookKind.INSTALLED:
        return await grant_events.installed(domain, row.provider, webhook)
    if webhook.kind is WebhookKind.UNKNOWN:
        return await grant_events.unknown(domain, row.provider, webhook)
    return await post_events.publish(domain, row.provider, webhook)


async def _body(domain: Domain, row: WebhookRow) -> bytes:
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, _PLACE)
    return seal.open("webhooks", row.id, "body", 1, row.body_sealed)


async def _put_off(domain: Domain, row: WebhookRow) -> None:
    async with domain.db.transaction() as tx:
        await webhooks.put_off(tx, row.id, domain.clock() + retry_policy.retry_delay(row.tries))


async def _finish(domain: Domain, row: WebhookRow, result: Result) -> None:
    """Say what came of it, with its events, once: whoever is second finds it said."""
    async with domain.db.transaction() as tx:
        if not await webhooks.finish(tx, row.id, result.outcome):
            return
        for note in result.notes:
            await webhook_result.write(tx, note, domain.clock(), row.dedupe_key)
    _log.info("webhook applied", provider=row.provider, name=row.event, id=row.id, outcome=result.outcome)


async def _enqueue(tx: Transaction, id: str) -> None:
    await jobs.enqueue(tx, TASK, queue=QUEUE, queueing_lock=f"webhook|{id}", id=id)


async def wake(domain: Domain, id: str) -> None:
    """Make a delivery that was not applied yet due now: whoever worked on it is gone."""
    async with domain.db.transaction() as tx:
        await webhooks.wake(tx, id, domain.clock())


async def sweep(domain: Domain, limit: int = SWEEP_LIMIT) -> int:
    """Put every delivery that is due into the queue; give how many. Any number of replicas may sweep at once."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        due = await webhooks.take_due(tx, now, now + LEASE, limit)
        for id in due:
            await _enqueue(tx, id)
    return len(due)
