"""CreatePost: one transaction (post, event, lease or due time) that returns at once.

Owns the checks before it and the new row. Delivering the post to the vendor is `gateway/domain/publishing/step.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain import idempotency, post_content
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.domain.media import addresses
from gateway.domain.media import uploads as upload_rules
from gateway.domain.posts import read
from gateway.domain.preflight.check import Checked
from gateway.domain.publishing import journal, routing
from gateway.domain.publishing import queue as publish_queue
from gateway.domain.publishing.submit import Known
from gateway.domain.quotas import limiter
from gateway.errors import FieldInvalid, ResourceExists
from storage import posts
from storage.database import Transaction
from storage.errors import AlreadyExists
from storage.posts import PostRow
from storage.states import PostState


@dataclass(frozen=True, slots=True)
class NewPost:
    """A caller's request for a post.

    `content` comes from `post_content.build_content`: a video may have `cover_offset_ms` or `cover`, photos may have
    `cover_index`, `title` and `auto_add_music`, each only if given.
    """

    location: str
    id: str
    account: str
    mode: str
    caption: str
    content: dict[str, Any]
    uploads: list[str]
    options: dict[str, Any] = field(default_factory=dict)
    provider_extra: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    consent: dict[str, Any] | None = None
    route_policy: str = ""
    schedule_time: datetime | None = None
    late_tolerance_seconds: int | None = None


@dataclass(slots=True)
class Prepared:
    """A post that was checked: its row, and whether this process begins it, which is known once it is stored."""

    row: PostRow
    checked: Checked
    begun_here: bool = False


async def create(
    domain: Domain,
    new: NewPost,
    key: RequestKey | None,
    *,
    agency: str,
    faults: Sequence[FieldInvalid] = (),
    validate_only: bool = False,
) -> PostRow:
    """Check the post and queue it: at most one vendor call, for creator info that is missing or old.

    `faults` are fields that could not be parsed; they are reported together with all other violations. If the key's
    `request_id` already created a post, return that post. Raises what `preflight.check` and `uploads.hold` raise,
    ResourceExists, and LocationForbidden if the location is no longer `agency`'s.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is not None:
        return await read.get(domain, new.location, first)
    prepared = await prepare(domain, new, faults, agency=agency)
    if validate_only:
        return prepared.row
    async with domain.db.transaction() as tx:
        await keep_own(tx, new.location, agency)
        first = await idempotency.claim(tx, key, prepared.row.id, prepared.row.create_time)
        if first is None:
            await insert(domain, tx, prepared)
    if first is not None:
        return await read.get(domain, new.location, first)
    begin(domain, prepared)
    return prepared.row


async def prepare(domain: Domain, new: NewPost, faults: Sequence[FieldInvalid], *, agency: str) -> Prepared:
    """Check a post and return it, not stored yet; raises what `preflight.check` raises."""
    row = _row(domain, new)
    async with limiter.released_together(domain) as together:
        checked = await routing.choose(together, row, faults)
    row.total_bytes, row.agency = checked.total_bytes, agency
    if post_content.is_kept(row, domain.providers[row.provider].table):
        row.state = PostState.SCHEDULED
    return Prepared(row, checked)


async def insert(domain: Domain, tx: Transaction, prepared: Prepared, *, here: bool = True) -> None:
    """Write a post with its event, and with a lease if this process begins it, which it may do only `here`. One that is
    kept here until a later time is due then.

    Raises ResourceExists and what `uploads.hold` raises.
    """
    row, now = prepared.row, domain.clock()
    if row.state == PostState.SCHEDULED:
        row.due_at = row.schedule_time
    else:
        row.due_at, prepared.begun_here = domain.leases.first(now, row.tenant) if here else (now, False)
    await upload_rules.hold(tx, row.location, row.uploads)
    await addresses.hide(domain, tx, row)
    try:
        await posts.insert(tx, row)
    except AlreadyExists:
        raise ResourceExists(journal.subject(row)) from None
    await journal.record_event(tx, row, row.create_time)
    if row.state != PostState.SCHEDULED and not prepared.begun_here:
        await publish_queue.announce(tx)


def begin(domain: Domain, prepared: Prepared) -> None:
    """Take the first step of a committed post in this process, if it has the lease."""
    row = prepared.row
    journal.count_state(domain, None, row)
    if prepared.begun_here and row.due_at is not None:
        # A copy: the row goes to the caller as it is now.
        known = prepared.checked.ready and Known(PostRow(**row.model_dump()), prepared.checked.ready)
        domain.leases.begin(row.tenant, row.id, row.due_at, known)


def _row(domain: Domain, new: NewPost) -> PostRow:
    now = domain.clock()
    values = {name: getattr(new, name) for name in NewPost.__slots__}
    return PostRow(
        **values,
        connection="",
        provider="",
        state=PostState.QUEUED,
        traceparent=domain.telemetry.traceparent(),
        route_reason=routing.NAMED,
        queue_time=now,
        create_time=now,
        update_time=now,
    )
