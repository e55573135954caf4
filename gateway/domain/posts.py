"""Posts as callers see them: created, read, listed, watched, asked about, tried again.

Owns what may be done with a post and when. Creating one is one transaction (post, event, job) and returns at once;
carrying it to the vendor is `gateway/domain/publishing.py`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.domain import idempotency, journal, reconciling, routes, seeking, steps, verdicts
from gateway.domain.context import Domain
from gateway.domain.errors import FieldInvalid, ResourceExists, UploadExpired
from gateway.domain.idempotency import RequestKey
from gateway.domain.journal import FINAL, Overtaken, Work
from storage import events, jobs, posts, uploads
from storage.database import Transaction
from storage.errors import AlreadyExists
from storage.posts import PostRow
from storage.states import PostState

LEASE = timedelta(seconds=30)
"""How long a job may leave a post alone before the sweeper looks for it."""

SWEEP_LIMIT = 500
FALLBACK_SECONDS = 5.0
CHECKPOINT_SECONDS = 30.0
PUBLISH_TASK = "publish"
POLL_TASK = "poll"
POLLED = (PostState.PROCESSING, PostState.SCHEDULED)
HAND_OVERS = "hand-overs"
POLLS = "polls"


@dataclass(frozen=True, slots=True)
class NewPost:
    """What a caller asks for; `content` is as `gateway/domain/sources.py` writes it, with `cover_offset_ms` or `cover`
    for a video, `cover_index`, `title` and `auto_add_music` for photos, when given.
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
    faults: Sequence[FieldInvalid] = (),
    validate_only: bool = False,
) -> PostRow:
    """Check everything that can be checked, then queue the post: at most one vendor call (creator info, when it is
    old).

    `faults` are fields that could not be read: they are told with everything else that is wrong. With a `request_id`
    that made a post before, that post is given as it is now. Raises what `preflight.check` raises.
    """
    async with domain.db.read() as tx:
        first = await idempotency.seen(tx, key)
    if first is not None:
        return await get(domain, new.location, first)
    row = _row(domain, new)
    checked = await routes.choose(domain, row, faults)
    row.total_bytes = checked.total_bytes
    if validate_only:
        return row
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, row.id, row.create_time)
        if first is None:
            return await _insert(tx, row)
    return await get(domain, new.location, first)


def _row(domain: Domain, new: NewPost) -> PostRow:
    now = domain.clock()
    values = {name: getattr(new, name) for name in NewPost.__slots__}
    return PostRow(
        **values,
        connection="",
        provider="",
        state=PostState.QUEUED,
        route_reason=routes.NAMED,
        queue_time=now,
        create_time=now,
        update_time=now,
        due_at=now + LEASE,
    )


async def _insert(tx: Transaction, row: PostRow) -> PostRow:
    await hold_uploads(tx, row.location, row.uploads)
    try:
        await posts.insert(tx, row)
    except AlreadyExists:
        raise ResourceExists(journal.subject(row)) from None
    await journal.announce(tx, row, row.create_time)
    await enqueue(tx, row)
    return row


async def hold_uploads(tx: Transaction, location: str, ids: Sequence[str]) -> None:
    """Hold the uploads' rows, so that their bytes cannot go between the check and the post that needs them."""
    for id in sorted(ids):
        upload = await uploads.get(tx, location, id, lock=True)
        if upload.state != "COMPLETE":
            raise UploadExpired(resource=f"locations/{location}/uploads/{upload.id}")


async def enqueue(tx: Transaction, row: PostRow) -> None:
    """Put the post's next step into the queue with this transaction; one step of a post runs at a time."""
    name = f"post|{row.location}|{row.id}"
    # Hand-overs take long and wait in a queue of their own, so that they never hold up a question to a vendor.
    queue = HAND_OVERS if row.state in ("QUEUED", "TRANSFERRING") else POLLS
    await jobs.enqueue(tx, PUBLISH_TASK, queue=queue, lock=name, queueing_lock=name, location=row.location, post=row.id)


async def get(domain: Domain, location: str, post: str) -> PostRow:
    """Return the post as it is in the database; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await posts.get(tx, location, post)


async def page(domain: Domain, **filters: Any) -> Sequence[PostRow]:
    """List posts: see `storage.posts.page`."""
    async with domain.db.read() as tx:
        return await posts.page(tx, **filters)


async def watch(domain: Domain, location: str, post: str) -> AsyncIterator[PostRow | None]:
    """Yield the post as it is, then after every change, each state in the order it came; ends at a final one.

    None is a sign of life after a silence. Progress within a state may be skipped, states never are.
    """
    with domain.post_signals.watch(posts.cache_key(location, post)) as changed:
        async with domain.db.read() as tx:
            cursor = await events.last(tx, location)
            row = await posts.get(tx, location, post)
        yield row
        silence = 0.0
        while row.state not in FINAL:
            woken = await _wait(changed, FALLBACK_SECONDS)
            changed.clear()
            cursor, news = await _news(domain, row, cursor)
            silence = 0.0 if news else silence + (0.0 if woken else FALLBACK_SECONDS)
            for row in news:
                yield row
                if row.state in FINAL:
                    return
            if silence >= CHECKPOINT_SECONDS:
                silence = 0.0
                yield None


async def _wait(changed: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(changed.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _news(domain: Domain, seen: PostRow, cursor: int) -> tuple[int, list[PostRow]]:
    """Return the states that came after `seen`, from their events, and the post as it is now if that is newer still."""
    name, news = journal.subject(seen), []
    async with domain.db.read() as tx:
        # The row first: every state up to it is then among the events, so none is passed over.
        now = await posts.find(tx, seen.location, seen.id)
        while found := await events.after(tx, seen.location, cursor, subject=name, limit=100):
            cursor = found[-1].number
            news += [PostRow.model_validate(event.payload["post"]) for event in found]
    version = seen.version
    fresh = [row for row in news if row.version > version]
    if now is not None and now.version > max([version, *(row.version for row in fresh)]):
        fresh.append(now)
    return cursor, _in_order(fresh)


def _in_order(rows: list[PostRow]) -> list[PostRow]:
    return sorted(rows, key=lambda row: row.version)


async def refresh(domain: Domain, location: str, post: str) -> PostRow:
    """Ask the vendor now, where it can know more than we do: one vendor call, or none for a post it was never given.

    Raises ProviderError when the vendor cannot say.
    """
    row, attempt = await journal.read(domain, location, post)
    if row is None or attempt is None or attempt.state not in _ASKABLE:
        return await get(domain, location, post)
    if not attempt.publish_id:
        look = seeking.seek if attempt.state == "PROCESSING" else reconciling.look
        with contextlib.suppress(Overtaken):
            await look(domain, Work(row, attempt))
        return await get(domain, location, post)
    work = Work(row, attempt)
    status = await steps.ask(domain, work, "asked-status", background=False)
    with contextlib.suppress(Overtaken):
        await verdicts.learn(domain, work, status)
    async with domain.db.read() as tx:
        return await posts.get(tx, location, post)


_ASKABLE = ("PROCESSING", "PUBLISHED", "AWAITING_CREATOR", "INDETERMINATE")


async def wake(domain: Domain, location: str, post: str) -> None:
    """Make an unfinished post due now: whoever worked on it is gone."""
    async with domain.db.transaction() as tx:
        await posts.set_due(tx, location, post, domain.clock())


async def sweep(domain: Domain, limit: int = SWEEP_LIMIT) -> int:
    """Put every post that is due into the queue; give how many. Any number of replicas may sweep at once."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        due = await posts.take_due(tx, now, now + LEASE, limit)
        for row in due:
            await (_enqueue_poll(tx, row) if _asked_together(domain, row) else enqueue(tx, row))
    return len(due)


def _asked_together(domain: Domain, row: PostRow) -> bool:
    """Return whether one call says how all posts of the connection stand that are due."""
    return row.state in POLLED and domain.providers[row.provider].table.statuses_at_once


async def _enqueue_poll(tx: Transaction, row: PostRow) -> None:
    name = f"poll|{row.location}|{row.connection}"
    place = {"location": row.location, "connection": row.connection}
    await jobs.enqueue(tx, POLL_TASK, queue=POLLS, lock=name, queueing_lock=name, **place)  # type: ignore[arg-type]
