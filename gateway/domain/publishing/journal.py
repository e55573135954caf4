"""The moves of the publish journal: each is committed, with the post's state and event, before the call it records.

Owns the transactions of publishing. Every move is a compare-and-swap on (attempt, state, confirmed offset): a worker
that loses it is superseded and must not call the vendor. What to do next is decided in
`gateway/domain/publishing/step.py`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.domain import post_content
from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.leases import Stored
from gateway.domain.publishing import queue
from gateway.domain.quotas import limiter
from gateway.failpoints import reach
from gateway.telemetry import metrics
from storage import attempts, events, posts, uploads
from storage.attempts import AttemptRow
from storage.database import Transaction, advisory_lock
from storage.posts import PostRow
from storage.states import AttemptState, PostState

FINAL = (
    PostState.PUBLISHED,
    PostState.AWAITING_CREATOR,
    PostState.FAILED,
    PostState.CANCELLED,
    PostState.INDETERMINATE,
)
TRANSFERRING = (AttemptState.INIT_SENT, AttemptState.INIT_OK, AttemptState.UPLOADING, AttemptState.FINAL_SENT)
"""The states of the current attempt of a post that is TRANSFERRING."""

TURN_DELAY = timedelta(seconds=1)
"""How long a post waits for its turn, for each post of the account ahead of it."""

MAX_AHEAD = 15
ORDER_TIMEOUT = timedelta(hours=1)
"""How long the younger posts of an account wait for an older one that makes no progress."""

UPDATED = "POST_UPDATED"
"""The type of the event that something of a post changed which callers wait for, but not its state."""

ENDED = (AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.INDETERMINATE, AttemptState.ABANDONED)
"""The states in which an attempt stays when another one takes its place."""


@dataclass(frozen=True, slots=True)
class Work:
    """A post and its current attempt, as last read."""

    post: PostRow
    attempt: AttemptRow


Learnt = Callable[[PostRow], dict[str, Any]]
"""What was learnt of a post, as columns that add to those that it has when they are stored."""


def subject(post: PostRow) -> str:
    """Return the post's resource name."""
    return names.POST.format(post.location, post.id)


def snapshot(post: PostRow) -> dict[str, Any]:
    """Return the post as stored in an event: everything that callers may see."""
    stored = post.model_dump(mode="json", exclude={"due_at", "addresses_sealed", "traceparent"})
    return {**stored, "content": post_content.shown_content(stored["content"])}


async def record_event(tx: Transaction, post: PostRow, now: datetime, *, type: str = "POST_STATE_CHANGED") -> None:
    """Append the event of a post's new state, or another one of it, with a snapshot of the post."""
    payload = {"post": snapshot(post)}
    await events.append(tx, post.location, type=type, subject=subject(post), payload=payload, now=now)


async def record_state(tx: Transaction, post: PostRow, now: datetime) -> None:
    """Append the event of a post's new state; if that is final, note that the post's uploads are no longer needed."""
    await record_event(tx, post, now)
    if post.state in FINAL and post.uploads:
        await uploads.release(tx, post.location, post.uploads, now)


async def read(domain: Domain, location: str, post: str) -> tuple[PostRow | None, AttemptRow | None]:
    """Return the current post and its newest attempt; None for each that does not exist."""
    async with domain.db.read() as tx:
        return await attempts.find_newest(tx, location, post)


async def open_first(domain: Domain, post: PostRow) -> Work:
    """Start the first attempt of a post that was just created; raises Superseded if any column of it has changed."""
    return await open_attempt(domain, post, None, at_version=post.version, state=PostState.QUEUED)


async def open_attempt(
    domain: Domain, post: PostRow, previous: AttemptRow | None, *, at_version: int | None = None, **values: Any
) -> Work:
    """Start a new attempt in place of the previous one; `values` are columns of the post, such as its state.

    Raises Superseded, with `at_version` also if any column of the post has changed since.
    """
    now = domain.clock()
    replaced = previous if previous is not None and previous.state not in ENDED else None
    if replaced is not None:
        reach("publish.before-commit.ABANDONED")
    reach("publish.before-commit.INTENT")
    stored = _lease(domain, post, values.get("due_at"), values.get("state", post.state), now)
    async with limiter.transaction(domain) as tx:
        if replaced is not None:
            await _move_attempt(tx, replaced, AttemptState.ABANDONED, now)
        number = post.attempt + 1
        changed = await posts.change(
            tx,
            post.location,
            post.id,
            now,
            expect=[post.state],
            at_attempt=post.attempt,
            at_version=at_version,
            attempt=number,
            differences=None,
            **_with_lease(values, stored),
        )
        if changed is None:
            raise Superseded
        attempt = AttemptRow(
            location=post.location,
            post=post.id,
            number=number,
            state=AttemptState.INTENT,
            create_time=now,
            update_time=now,
        )
        await attempts.insert(tx, attempt)
        if changed.state != post.state:
            await record_event(tx, changed, now)
    _committed(domain, post, stored)
    if replaced is not None:
        reach("publish.after-commit.ABANDONED")
    reach("publish.after-commit.INTENT")
    return Work(changed, attempt)


async def abandon(tx: Transaction, attempt: AttemptRow, now: datetime) -> None:
    """End an attempt that submitted nothing, within `tx`; raises Superseded if it has changed since it was read."""
    await _move_attempt(tx, attempt, AttemptState.ABANDONED, now)


async def move(
    domain: Domain,
    work: Work,
    to: AttemptState,
    *,
    post_state: PostState | None = None,
    post: dict[str, Any] | None = None,
    learnt: Learnt | None = None,
    before_move: Callable[[Transaction], Awaitable[None]] | None = None,
    unchanged: bool = False,
    working: bool = False,
    **attempt_values: Any,
) -> Work:
    """Move the attempt, and the post with it; raises Superseded if the attempt has changed since it was read, and with
    `unchanged` also if any column of the post has.

    `post` are further columns of the post, and `learnt` those that add to what it has; an event is recorded if the
    post's state changes. `before_move` runs first, in the same transaction. With `working` the lease on the post is
    renewed, because its step goes on.
    """
    reach(f"publish.before-commit.{to}")
    async with limiter.transaction(domain) as tx:
        if before_move is not None:
            await before_move(tx)
        now = domain.clock()
        stored = domain.leases.working(now) if working else None
        stored = stored or _lease(domain, work.post, (post or {}).get("due_at"), post_state or work.post.state, now)
        moved = await move_with(
            tx,
            work,
            to,
            now,
            post_state=post_state,
            post=_with_lease(post or {}, stored),
            learnt=learnt,
            unchanged=unchanged,
            **attempt_values,
        )
    _committed(domain, work.post, stored)
    count_state(domain, work.post, moved.post)
    reach(f"publish.after-commit.{to}")
    return moved


def count_state(domain: Domain, before: PostRow | None, post: PostRow) -> None:
    """Count for the metrics that a post has got another state than `before`, which has been committed."""
    if before is None or before.state != post.state:
        domain.telemetry.record(metrics.POSTS, post.provider, post.state, agency=post.agency)


async def move_with(
    tx: Transaction,
    work: Work,
    to: AttemptState,
    now: datetime,
    *,
    post_state: PostState | None = None,
    post: dict[str, Any] | None = None,
    learnt: Learnt | None = None,
    unchanged: bool = False,
    **attempt_values: Any,
) -> Work:
    """Move as `move` does, within the given transaction."""
    attempt = await _move_attempt(tx, work.attempt, to, now, **attempt_values)
    row, columns = work.post, dict(post or {})
    if learnt is not None:
        # The attempt is locked now: nobody else adds to the post until this is committed.
        columns |= learnt(await posts.look(tx, row.location, row.id))
    if post_state is not None or columns or unchanged:
        at_version = work.post.version if unchanged else None
        row = await _change_post(tx, work.post, now, post_state or work.post.state, columns, at_version)
    return Work(row, attempt)


async def claim_submit(
    domain: Domain,
    work: Work,
    *,
    before_move: Callable[[Transaction], Awaitable[None]] | None = None,
    **attempt_values: Any,
) -> Work | None:
    """Move to INIT_SENT; None if another post of the account is being transferred or comes first.

    Posts of one account go out in the order of their creation, but a post that waits for something lets others pass.
    `before_move` runs in the same transaction once it is the post's turn.
    """
    now = domain.clock()
    reach("publish.before-commit.INIT_SENT")
    async with limiter.transaction(domain) as tx:
        # Replicas of different versions share this lock: its key must not change.
        await advisory_lock(tx, f"hand-over|{work.post.location}|{work.post.account}")
        if await _count_ahead(tx, work.post, now):
            return None
        if before_move is not None:
            await before_move(tx)
        attempt = await _move_attempt(
            tx, work.attempt, AttemptState.INIT_SENT, now, announce_time=now, **attempt_values
        )
        values = {"error": None, "next_attempt_time": None}
        # What is submitted is the post as it was read: a caller may have changed its words since.
        row = await _change_post(tx, work.post, now, PostState.TRANSFERRING, values, work.post.version)
    count_state(domain, work.post, row)
    reach("publish.after-commit.INIT_SENT")
    return Work(row, attempt)


async def save_publish_id(domain: Domain, work: Work, publish_id: str) -> None:
    """Store a publish id with an attempt that another worker moved on without one, so that it can be polled."""
    location, id, number = work.attempt.location, work.attempt.post, work.attempt.number
    async with limiter.transaction(domain) as tx:
        attempt = await attempts.find(tx, location, id, number)
        if attempt is None or attempt.publish_id:
            return
        if await attempts.move(tx, attempt, attempt.state, domain.clock(), publish_id=publish_id) is None:
            return
        if attempt.state == AttemptState.INDETERMINATE:
            await posts.set_due(tx, location, id, domain.clock(), also_idle=True)


async def turn_delay(domain: Domain, post: PostRow) -> timedelta:
    """Return how long a post waits for the posts of its account ahead of it; 0 if it may be submitted now.

    Only a check that saves the work before the submit; `claim_submit` decides. The more posts are ahead, the longer the
    delay.
    """
    async with domain.db.read() as tx:
        return TURN_DELAY * await _count_ahead(tx, post, domain.clock())


async def _count_ahead(tx: Transaction, post: PostRow, now: datetime) -> int:
    """Count the posts of the account ahead of this one, up to MAX_AHEAD."""
    older = await posts.count_older_ready(tx, post, now, now - ORDER_TIMEOUT, MAX_AHEAD)
    transferring = await attempts.another_transferring(tx, post.location, post.account, post.id, TRANSFERRING)
    return min(older + transferring, MAX_AHEAD)


async def defer(domain: Domain, work: Work, until: datetime, *, told: bool = False, **post_values: Any) -> None:
    """Make the post due at `until`; `post_values` are columns that callers see, such as the error it waits for, and
    with `told` they are told of them in an event.
    """
    stored = _lease(domain, work.post, until, work.post.state, domain.clock())
    until = until if stored is None else stored.until
    async with limiter.transaction(domain) as tx:
        if post_values:
            changed = await posts.change(
                tx,
                work.post.location,
                work.post.id,
                domain.clock(),
                expect=[work.post.state],
                at_attempt=work.post.attempt,
                due_at=until,
                **post_values,
            )
            stored = None if changed is None else stored
            if told and changed is not None:
                await record_event(tx, changed, domain.clock(), type=UPDATED)
        else:
            await posts.set_due(tx, work.post.location, work.post.id, until)
    _committed(domain, work.post, stored)


async def set_due(domain: Domain, post: PostRow, until: datetime) -> None:
    """Make a post due at `until`, whatever the state of its attempt."""
    stored = _lease(domain, post, until, post.state, domain.clock())
    async with limiter.transaction(domain) as tx:
        await posts.set_due(tx, post.location, post.id, until if stored is None else stored.until)
    _committed(domain, post, stored)


def _lease(domain: Domain, post: PostRow, due: datetime | None, state: PostState, now: datetime) -> Stored | None:
    """Return how to store that a post, which will be in a state, is due next; None if that is not changed."""
    if due is None:
        return None
    alone = not queue.polled_in_batch(domain, post, state)
    return domain.leases.due(post.location, post.id, state, due, now, alone=alone)


def _with_lease(values: Mapping[str, Any], stored: Stored | None) -> dict[str, Any]:
    """Return columns of a post, with when it is stored as due."""
    return dict(values) if stored is None else {**values, "due_at": stored.until}


def _committed(domain: Domain, post: PostRow, stored: Stored | None) -> None:
    if stored is not None:
        domain.leases.committed(post.location, post.id, stored)


async def _move_attempt(
    tx: Transaction, attempt: AttemptRow, to: AttemptState, now: datetime, **values: Any
) -> AttemptRow:
    moved = await attempts.move(tx, attempt, to, now, **values)
    if moved is None:
        raise Superseded
    return moved


async def _change_post(
    tx: Transaction,
    post: PostRow,
    now: datetime,
    state: PostState,
    values: dict[str, Any],
    at_version: int | None = None,
) -> PostRow:
    changed = await posts.change(
        tx,
        post.location,
        post.id,
        now,
        expect=[post.state],
        at_attempt=post.attempt,
        at_version=at_version,
        state=state,
        **values,
    )
    if changed is None:
        raise Superseded
    if changed.state != post.state:
        await record_state(tx, changed, now)
    return changed
