"""The result of a delivery: its outcome in a word, and the events that report it.

Owns the outcomes and the writing of the events. Moves no post and no connection.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain.context import Domain
from gateway.domain.publishing import journal
from providers.models.webhooks import Webhook, WebhookKind
from storage import connections, events, posts
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.states import ConnectionStatus

APPLIED = "applied"
NO_CHANGE = "known"
"""What the webhook reports is already so, or does not concern the row any more."""

SUPERSEDED = "stale"
"""The grant was renewed after the reported removal."""

CONTRADICTED = "contradicted"
NO_CONNECTION = "no_connection"
REPORTED = "shown"
"""Of an unknown kind: only an event reports it."""

MAX_CONTENT = 8192
AVAILABILITY = {
    WebhookKind.PUBLICLY_AVAILABLE: "POST_PUBLICLY_AVAILABLE",
    WebhookKind.NO_LONGER_AVAILABLE: "POST_NO_LONGER_AVAILABLE",
}
UNKNOWN_EVENT = "PROVIDER_UNKNOWN"


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event to be written; one about a `post` contains the post as it is at that time."""

    location: str
    type: str
    subject: str
    payload: dict[str, Any] = field(repr=False)
    post: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a delivery, several joined by `+`, and the events that report it."""

    outcome: str
    events: Sequence[PendingEvent] = ()


async def live_connections(domain: Domain, provider: str, webhook: Webhook) -> list[ConnectionRow]:
    """Return the connections of the webhook's user, in every location, except disconnected ones."""
    if not webhook.subject:
        return []
    async with domain.db.read() as tx:
        rows = await connections.of_subject(tx, provider, webhook.subject)
    return [row for row in rows if row.status != ConnectionStatus.DISCONNECTED]


def truncated(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content unchanged, or the beginning of its JSON if that is longer than MAX_CONTENT characters."""
    text = json.dumps(content, ensure_ascii=False)
    return content if len(text) <= MAX_CONTENT else {"truncated": text[:MAX_CONTENT]}


async def write(tx: Transaction, event: PendingEvent, now: datetime, provider_event_id: str) -> None:
    """Write an event within `tx`; one about a post's availability is written only if that changes."""
    payload = event.payload
    if event.post:
        post = await posts.get(tx, event.location, event.post, lock=True)
        if event.type in AVAILABILITY.values() and await _last_availability(tx, event) == event.type:
            return
        payload = {**payload, "post": journal.snapshot(post)}
    await events.append(
        tx,
        event.location,
        type=event.type,
        subject=event.subject,
        payload=payload,
        now=now,
        provider_event_id=provider_event_id,
    )


async def _last_availability(tx: Transaction, event: PendingEvent) -> str:
    """Return the type of the last availability event of the same public post, empty if there is none."""
    number, last = 0, ""
    while page := await events.after(tx, event.location, number, subject=event.subject, limit=100):
        number = page[-1].number
        for earlier in page:
            same = earlier.payload.get("provider_post_id") == event.payload["provider_post_id"]
            last = earlier.type if earlier.type in AVAILABILITY.values() and same else last
    return last
