"""CreatePost: one transaction (post, event, lease) that returns at once.

Owns the checks before it and the new row. Delivering the post to the vendor is `gateway/domain/publishing/step.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain import idempotency
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.domain.media import addresses
from gateway.domain.media import uploads as upload_rules
from gateway.domain.posts import read
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
    row = _row(domain, new)
    async with limiter.released_together(domain) as together:
        checked = await routing.choose(together, row, faults)
    row.total_bytes = checked.total_bytes
    if validate_only:
        return row
    row.due_at, begun_here = domain.leases.first(domain.clock())
    async with domain.db.transaction() as tx:
        await keep_own(tx, new.location, agency)
        first = await idempotency.claim(tx, key, row.id, row.create_time)
        if first is None:
            await _insert(domain, tx, row)
            if not begun_here:
                await publish_queue.announce(tx)
    if first is not None:
        return await read.get(domain, new.location, first)
    if begun_here:
        # A copy: the row goes to the caller as it is now.
        known = checked.ready and Known(PostRow(**row.model_dump()), checked.ready)
        domain.leases.begin(row.location, row.id, row.due_at, known)
    return row


def _row(domain: Domain, new: NewPost) -> PostRow:
    now = domain.clock()
    values = {name: getattr(new, name) for name in NewPost.__slots__}
    return PostRow(
        **values,
        connection="",
        provider="",
        state=PostState.QUEUED,
        route_reason=routing.NAMED,
        queue_time=now,
        create_time=now,
        update_time=now,
    )


async def _insert(domain: Domain, tx: Transaction, row: PostRow) -> None:
    await upload_rules.hold(tx, row.location, row.uploads)
    await addresses.hide(domain, tx, row)
    try:
        await posts.insert(tx, row)
    except AlreadyExists:
        raise ResourceExists(journal.subject(row)) from None
    await journal.record_event(tx, row, row.create_time)
