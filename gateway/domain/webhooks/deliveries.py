"""Webhook deliveries: verified, stored once, applied, and retried until that succeeds.

Owns the life cycle of a delivery. Its sealed body is committed before it is answered; what it changes in posts and
connections is decided in `post_events.py`, `grant_events.py` and
`comment_events.py`. Nothing of the body is ever logged.
"""

from collections.abc import Mapping

from gateway import log
from gateway.domain.concurrency import LEASE
from gateway.domain.context import Domain
from gateway.domain.publishing import retry_policy
from gateway.domain.webhooks import comment_events, grant_events, post_events
from gateway.domain.webhooks import result as webhook_result
from gateway.domain.webhooks.result import Result
from providers.errors import WebhookRefused
from providers.models.webhooks import Webhook, WebhookKind
from storage import webhooks
from storage.database import DatabaseUnavailable, notify
from storage.due_rows import reserving
from storage.fair import FairPlaces, Tenant
from storage.webhooks import WebhookRow

_log = log.get("gateway.webhooks")

TASK = "webhook"
QUEUE = "webhooks"
"""Where processes of versions before leases of deliveries put them."""

MAX_UNKNOWN_TRIES = 5
"""How often a delivery about an unknown publish is retried: the response with its id may still be on its way."""

_KEY_LOCATION = "~webhooks"
"""The location whose data key seals the bodies; no real location can have this name."""


async def receive(domain: Domain, provider: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Verify a delivery and store it, committed when this returns; return False if it was stored before.

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
        due_at=now,
    )
    async with domain.db.transaction() as tx:
        seal = await domain.sealer.for_location(tx, _KEY_LOCATION)
        row.body_sealed = seal.seal("webhooks", row.id, "body", 1, body)
        inserted = await webhooks.insert(tx, row)
        if inserted:
            await notify(tx, webhooks.TOPIC, "")
    _log.info("webhook", provider=provider, name=webhook.event, id=row.id if inserted else "", again=not inserted)
    return inserted


async def apply(domain: Domain, id: str) -> None:
    """Apply a delivery and store the outcome in its row; if that fails, the delivery is due again later.

    Safe to call at any time, also concurrently. Raises DatabaseUnavailable: the sweeper finds the row again.
    """
    async with domain.db.read() as tx:
        row = await webhooks.find(tx, id)
    if row is None or row.due_at is None:
        return
    try:
        result = await _apply(domain, row)
    except DatabaseUnavailable:
        # Not a failure of the delivery: it is due again when its lease ends.
        raise
    except Exception as error:  # whatever the error is, the delivery must not be lost
        _log.error("webhook not applied", name=row.event, id=row.id, tries=row.tries, error=type(error).__name__)
        await _postpone(domain, row)
        return
    if result.outcome == webhooks.UNKNOWN_PUBLISH and row.tries < MAX_UNKNOWN_TRIES:
        await _postpone(domain, row)
        return
    await _finish(domain, row, result)


async def _apply(domain: Domain, row: WebhookRow) -> Result:
    try:
        webhook = domain.providers[row.provider].webhooks.parse(await _body(domain, row))
    except WebhookRefused as error:
        # It could be read when it arrived, but not by this version of the program.
        return Result(f"refused: {error.code}")
    return await _dispatch(domain, row, webhook)


async def _dispatch(domain: Domain, row: WebhookRow, webhook: Webhook) -> Result:
    if webhook.kind is WebhookKind.GRANT_REMOVED:
        return await grant_events.grant_removed(domain, row.provider, webhook, webhook.occur_time or row.receive_time)
    if webhook.kind is WebhookKind.INSTALLED:
        return await grant_events.installed(domain, row.provider, webhook)
    if webhook.kind is WebhookKind.COMMENT:
        return await comment_events.apply(domain, row.provider, webhook, row.dedupe_key)
    if webhook.kind is WebhookKind.UNKNOWN:
        return await grant_events.unknown(domain, row.provider, webhook)
    return await post_events.apply_publish_event(domain, row.provider, webhook)


async def _body(domain: Domain, row: WebhookRow) -> bytes:
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, _KEY_LOCATION)
    return seal.open("webhooks", row.id, "body", 1, row.body_sealed)


async def _postpone(domain: Domain, row: WebhookRow) -> None:
    async with domain.db.transaction() as tx:
        await webhooks.put_off(tx, row.id, domain.clock() + retry_policy.retry_delay(row.tries))


async def _finish(domain: Domain, row: WebhookRow, result: Result) -> None:
    """Store the outcome together with its events, once: a concurrent second call finds the delivery finished."""
    async with domain.db.transaction() as tx:
        if not await webhooks.finish(tx, row.id, result.outcome):
            return
        for event in result.events:
            await webhook_result.write(tx, event, domain.clock(), row.dedupe_key)
    _log.info("webhook applied", provider=row.provider, name=row.event, id=row.id, outcome=result.outcome)


async def take_due(domain: Domain, places: FairPlaces) -> tuple[list[tuple[Tenant, str]], bool]:
    """Lease the deliveries that are due and whose turn it is, and take a place for each; return them, and whether more
    are due. Any number of replicas may do so at once.
    """
    now = domain.clock()
    async with domain.db.read() as tx:
        due = await webhooks.DUE.find(tx, now, places.size + 1, places.turns)
    mine: list[tuple[Tenant, str]] = []
    with reserving(places, due) as reserved:
        if reserved.tenants:
            async with domain.db.transaction() as tx:
                leased = set(await webhooks.take_due(tx, [id for _, id in reserved.tenants], now, now + LEASE))
            mine = [(tenant, id) for (_, id), tenant in reserved.tenants.items() if id in leased]
            reserved.keep((tenant.location, id) for tenant, id in mine)
    return mine, len(due) > len(mine)
