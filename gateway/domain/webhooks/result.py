"""What came of a delivery: its outcome in a word, and the events that report it.

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
KNOWN = "known"
STALE = "stale"
CONTRADICTED = "contradicted"
NOT_OURS = "no_connection"
SHOWN = "shown"

MAX_CONTENT = 8192
AVAILABILITY = {
    WebhookKind.PUBLICLY_AVAILABLE: "POST_PUBLICLY_AVAILABLE",
    WebhookKind.NO_LONGER_AVAILABLE: "POST_NO_LONGER_AVAILABLE",
}
UNKNOWN = "PROVIDER_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Note:
    """An event to be written; one about a `post` carries the post as it is then."""

    location: str
    type: str
    subject: str
    payload: dict[str, Any] = field(repr=False)
    post: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a delivery, in a word or two, and the events that say so."""

    outcome: str
    notes: Sequence[Note] = ()


async def live_connections(domain: Domain, provider: str, webhook: Webhook) -> list[ConnectionRow]:
    """Return the connections that the news are for, in every location."""
    if not webhook.subject:
        return []
    async with domain.db.read() as tx:
        rows = await connections.of_subject(tx, provider, webhook.subject)
    return [row for row in rows if row.status != ConnectionStatus.DISCONNECTED]


async def has_live_connection(domain: Domain, provider: str, webhook: Webhook) -> bool:
    """Return whether a connection of the webhook's user exists here and is not disconnected."""
    return bool(await live_connections(domain, provider, webhook))


def bounded(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content as it is, or the beginning of its JSON when it is long."""
    text = json.dumps(content, ensure_ascii=False)
    return content if len(text) <= MAX_CONTENT else {"truncated": text[:MAX_CONTENT]}


async def write(tx: Transaction, note: Note, now: datetime, event_id: str) -> None:
    """Write a note's event with this transaction; whether a post can be seen is told only when that changes."""
    payload = note.payload
    if note.post:
        post = await posts.get(tx, note.location, note.post, lock=True)
        if note.type in AVAILABILITY.values() and await _told(tx, note) == note.type:
            return
        payload = {**payload, "post": journal.snapshot(post)}
    await events.append(
        tx,
        note.location,
        type=note.type,
        subject=note.subject,
        payload=payload,
        now=now,
        provider_event_id=event_id,
    )


async def _told(tx: Transaction, note: Note) -> str:
    """Return which of the two was told last of the same public post."""
    number, last = 0, ""
    while page := await events.after(tx, note.location, number, subject=note.subject, limit=100):
        number = page[-1].number
        for event in page:
            same = event.payload.get("provider_post_id") == note.payload["provider_post_id"]
            last = event.type if event.type in AVAILABILITY.values() and same else last
    return last
