"""What a vendor told by itself, and what it makes of posts and connections.

Owns that a webhook moves nothing that a poll could not have moved: the same verdicts, by compare-and-swap, so that of
both only one counts. What contradicts our journal is shown, never believed in silence. A disconnected connection's
news move nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway import log
from gateway.domain import agencies, health, journal, reconciling, steps, verdicts
from gateway.domain.context import Domain
from gateway.domain.journal import Overtaken, Work
from providers.errors import GrantRevoked, Rejected
from providers.models.grants import GrantKind
from providers.models.publishing import PublishPhase, PublishStatus
from providers.models.webhooks import Webhook, WebhookKind
from storage import attempts, connections, events, posts, tokens
from storage.attempts import AttemptRow
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import GrantOrigin
from storage.webhooks import UNKNOWN_AGENCY, UNKNOWN_PUBLISH

_log = log.get("gateway.webhooks")

APPLIED = "applied"
KNOWN = "known"
STALE = "stale"
CONTRADICTED = "contradicted"
NOT_OURS = "no_connection"
SHOWN = "shown"

MAX_CONTENT = 8192
TRIES = 5
"""How often a move that somebody else overtook is looked at again at once."""

HANDED_OVER = ("INIT_OK", "UPLOADING", "FINAL_SENT")
OPEN = ("PROCESSING", "INDETERMINATE")
LATE = ("PUBLISHED", "AWAITING_CREATOR")

PHASES = {
    WebhookKind.PUBLISH_FAILED: PublishPhase.FAILED,
    WebhookKind.PUBLISHED: PublishPhase.PUBLISHED,
    WebhookKind.PUBLICLY_AVAILABLE: PublishPhase.PUBLISHED,
    WebhookKind.AWAITING_CREATOR: PublishPhase.AWAITING_CREATOR,
}
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


async def publish(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Apply news of a publish to each of our attempts that carries its id. Raises Overtaken when it loses too often."""
    found, ours = await _attempts(domain, provider, webhook)
    if not ours:
        # An announcement that was never answered may be the one; or another delivery has just found it so.
        await reconciling.adopt(domain, webhook, provider)
        found, ours = await _attempts(domain, provider, webhook)
    if not found:
        return Result(NOT_OURS if ours or not await _lives(domain, provider, webhook) else UNKNOWN_PUBLISH)
    outcomes, notes = set(), []
    for attempt in found:
        outcome = await _tell(domain, attempt, webhook)
        outcomes.add(outcome)
        notes += _notes(attempt, provider, webhook, outcome)
    return Result("+".join(sorted(outcomes)), notes)


async def _attempts(domain: Domain, provider: str, webhook: Webhook) -> tuple[list[AttemptRow], bool]:
    """Return the attempts that the news are for, and whether there are any of that id at all.

    Whose post went out for somebody else, or whose connection was disconnected, is none of them.
    """
    async with domain.db.read() as tx:
        carrying = await attempts.by_publish_id(tx, webhook.publish_id)
        # Of two attempts of one post the newer took the publish over from the older.
        in_order = sorted(carrying, key=lambda attempt: attempt.number)
        newest = {(attempt.location, attempt.post): attempt for attempt in in_order}
        found = [attempt for attempt in newest.values() if await _concerns(tx, attempt, provider, webhook.subject)]
    return found, bool(carrying)


async def _concerns(tx: Transaction, attempt: AttemptRow, provider: str, subject: str) -> bool:
    post = await posts.find(tx, attempt.location, attempt.post)
    if post is None or post.provider != provider:
        return False
    connection = await connections.find(tx, post.location, post.connection)
    return connection is not None and connection.provider_subject == subject and connection.status != "DISCONNECTED"


async def _live(domain: Domain, provider: str, webhook: Webhook) -> list[ConnectionRow]:
    """Return the connections that the news are for, in every location."""
    if not webhook.subject:
        return []
    async with domain.db.read() as tx:
        rows = await connections.of_subject(tx, provider, webhook.subject)
    return [row for row in rows if row.status != "DISCONNECTED"]


async def _lives(domain: Domain, provider: str, webhook: Webhook) -> bool:
    return bool(await _live(domain, provider, webhook))


async def _tell(domain: Domain, attempt: AttemptRow, webhook: Webhook) -> str:
    """Move the attempt; who is overtaken looks at what the other one made of it."""
    for _ in range(TRIES):
        try:
            return await _move(domain, attempt, webhook)
        except Overtaken:
            continue
    raise Overtaken


async def _move(domain: Domain, told: AttemptRow, webhook: Webhook) -> str:
    async with domain.db.read() as tx:
        post = await posts.get(tx, told.location, told.post)
        attempt = await attempts.find(tx, told.location, told.post, told.number)
    phase = PHASES.get(webhook.kind)
    if attempt is None or phase is None:
        return KNOWN
    ids = (webhook.post_id,) if webhook.post_id else ()
    failed = {"fail_code": webhook.reason, "fail_kind": webhook.fail_kind, "fail_quota": webhook.fail_quota}
    status = PublishStatus(phase, post_ids=ids, **failed)  # type: ignore[arg-type]
    work = Work(post, attempt)
    if post.attempt == attempt.number and attempt.state in HANDED_OVER:
        return await _ahead(domain, work, status)
    if post.attempt == attempt.number and attempt.state in OPEN:
        await verdicts.settle(domain, work, status)
        return APPLIED
    if post.attempt == attempt.number and attempt.state in LATE:
        return await _late(domain, work, status)
    # Given up, called back, or replaced by a newer attempt: that it failed is no news, that it went out is.
    if phase is PublishPhase.FAILED:
        return KNOWN
    return APPLIED if await _instead(domain, work, status) else CONTRADICTED


async def _instead(domain: Domain, old: Work, status: PublishStatus) -> bool:
    """A replaced attempt went out after all: stop the newer one, if it can still be stopped, and let the old one count.

    False when the newer one may post as well, or when there is none.
    """
    post, now = old.post, domain.clock()
    async with domain.db.transaction() as tx:
        newest = await attempts.find(tx, post.location, post.id, post.attempt)
        if newest is None or newest.number == old.attempt.number or not _can_be_stopped(domain, post, newest):
            return False
        values = {"publish_id": old.attempt.publish_id, "final_sent_time": old.attempt.final_sent_time or now}
        shown = {"due_at": now, "error": None}
        moved = await journal.move_with(
            tx, Work(post, newest), "PROCESSING", now, post_state="PROCESSING", post=shown, **values
        )
    await verdicts.settle(domain, moved, status)
    return True


def _can_be_stopped(domain: Domain, post: PostRow, newest: AttemptRow) -> bool:
    """Return whether nothing gets published by an attempt whose worker finds it moved on."""
    waiting = newest.state in ("INTENT", "INIT_OK", "UPLOADING")
    return waiting or (newest.state == "INIT_SENT" and not steps.acts_at_once(domain, post))


async def _ahead(domain: Domain, work: Work, status: PublishStatus) -> str:
    """The vendor is done before its answer to the last bytes was seen."""
    if status.phase is PublishPhase.FAILED:
        await verdicts.settle(domain, work, status)
    else:
        await verdicts.processing(domain, work, status)
    return APPLIED


async def _late(domain: Domain, work: Work, status: PublishStatus) -> str:
    """After the end: an id that was missing, or a draft that its creator published; never a step back."""
    if status.phase is PublishPhase.FAILED:
        return CONTRADICTED
    published = status.phase is PublishPhase.PUBLISHED and work.post.state == "AWAITING_CREATOR"
    if not published and (not status.post_ids or work.post.provider_post_id):
        return KNOWN
    await verdicts.learn_late(domain, work, status)
    return APPLIED


def _notes(attempt: AttemptRow, provider: str, webhook: Webhook, outcome: str) -> list[Note]:
    payload: dict[str, Any] = {"provider": provider, "event": webhook.event}
    subject = f"locations/{attempt.location}/posts/{attempt.post}"
    if outcome == CONTRADICTED:
        _log.error("webhook contradicts the journal", name=webhook.event, location=attempt.location, post=attempt.post)
        kept = {"number": attempt.number, "state": attempt.state, "fail_code": attempt.fail_code}
        payload |= {"content": bounded(webhook.raw), "attempt": kept}
        return [Note(attempt.location, UNKNOWN, subject, payload, attempt.post)]
    if webhook.kind in AVAILABILITY:
        payload |= {"provider_post_id": webhook.post_id}
        return [Note(attempt.location, AVAILABILITY[webhook.kind], subject, payload, attempt.post)]
    return []


async def grant_removed(domain: Domain, provider: str, webhook: Webhook, told: datetime) -> Result:
    """Make every live connection of the user EXPIRED, with the reason, unless it was authorised after `told`; and what
    came from an agency's grant with it.
    """
    rows = await _live(domain, provider, webhook)
    async with domain.db.read() as tx:
        children = [child for row in rows for child in await connections.of_parent(tx, row.location, row.id)]
    outcomes = {await _expire(domain, row, webhook, told) for row in (*rows, *children)}
    return Result("+".join(sorted(outcomes)) or NOT_OURS)


async def installed(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Return an agency's new place its grant: one vendor call for each of the agency's connections here. Without any
    the delivery is looked at again when one comes. Raises Temporary, Ambiguous, ContractBroken.
    """
    agencys = [row for row in await _live(domain, provider, webhook) if row.grant_kind == GrantKind.COMPANY]
    outcomes = {await _install(domain, row, webhook.place) for row in agencys}
    return Result("+".join(sorted(outcomes)) or UNKNOWN_AGENCY)


async def _install(domain: Domain, agency: ConnectionRow, place: str) -> str:
    if not place:
        async with domain.db.transaction() as tx:
            await connections.change(tx, agency.location, agency.id, domain.clock(), verify_at=domain.clock())
        return APPLIED
    try:
        return APPLIED if await agencies.install(domain, agency, place) else KNOWN
    except GrantRevoked as error:
        # The agency's own grant may be the dead one: its next one will see this delivery again.
        return UNKNOWN_AGENCY if error.metadata.get("connection") else f"refused: {error.code}"
    except Rejected as error:
        return f"refused: {error.code}"


async def _expire(domain: Domain, told_of: ConnectionRow, webhook: Webhook, told: datetime) -> str:
    location, id, now = told_of.location, told_of.id, domain.clock()
    message = f"{webhook.reason} The account's owner must authorise it again."
    async with domain.db.transaction() as tx:
        row = await connections.find(tx, location, id, lock=True)
        pair = await tokens.find(tx, location, id)
        if row is None or row.status == "DISCONNECTED":
            return NOT_OURS
        if row.grant_origin == GrantOrigin.STATIC_TOKEN:
            # It was not given to the application, and does not end with it.
            return KNOWN
        # The vendor tells whole seconds; a pair that it gave later than that proves that the grant lives.
        if pair is not None and pair.access_issue_time.replace(microsecond=0) > told:
            return STALE
        if row.status == "EXPIRED":
            values = {"last_error_code": webhook.event, "last_error_message": webhook.reason}
            await health.move(tx, row, now, reason_code="TOKEN_REVOKED", reason_message=message, **values)
            return KNOWN
        error = GrantRevoked(webhook.reason, provider=row.provider, code=webhook.event)
        version = 0 if pair is None else pair.version
        await health.expire(tx, location, id, "TOKEN_REVOKED", error, now, at_version=version, message=message)
    return APPLIED


async def unknown(domain: Domain, provider: str, webhook: Webhook) -> Result:
    """Show an event that nobody knows in each location where its user is connected."""
    first: dict[str, ConnectionRow] = {}
    for row in await _live(domain, provider, webhook):
        first.setdefault(row.location, row)
    payload = {"provider": provider, "event": webhook.event, "content": bounded(webhook.raw)}
    notes = [Note(row.location, UNKNOWN, health.subject(row), payload) for row in first.values()]
    return Result(SHOWN if notes else NOT_OURS, notes)


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
