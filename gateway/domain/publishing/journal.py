"""The moves of the publish journal: each commits before the call that it announces, with the post's state and its
event.

Owns the transactions of publishing. Every move is a compare-and-swap on (attempt, state, confirmed offset): who loses
it has been overtaken, and must neither announce nor send. What to do next is decided in
`gateway/domain/publishing/step.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.failpoints import reach
from storage import attempts, events, posts
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
HANDING_OVER = (AttemptState.INIT_SENT, AttemptState.INIT_OK, AttemptState.UPLOADING, AttemptState.FINAL_SENT)
TURN_DELAY = timedelta(seconds=1)
"""How long a post waits that may not be handed over yet."""

MOST_BEFORE = 15
ORDER_KEPT = timedelta(hours=1)
"""How long the younger posts of an account wait for an older one that does not move at all."""

_ENDED = (AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.INDETERMINATE, AttemptState.ABANDONED)


@dataclass(frozen=True, slots=True)
class Work:
    """A post and the attempt at hand, as last read."""

    post: PostRow
    attempt: AttemptRow


def subject(post: PostRow) -> str:
    """Return the post's resource name."""
    return names.POST.format(post.location, post.id)


def snapshot(post: PostRow) -> dict[str, Any]:
    """Return the post as an event keeps it: all that a caller may see of it."""
    return post.model_dump(mode="json", exclude={"due_at"})


async def record_event(tx: Transaction, post: PostRow, now: datetime) -> None:
    """Write the event of a post's new state, with the post as it is then."""
    payload = {"post": snapshot(post)}
    await events.append(tx, post.location, type="POST_STATE_CHANGED", subject=subject(post), payload=payload, now=now)


async def read(domain: Domain, location: str, post: str) -> tuple[PostRow | None, AttemptRow | None]:
    """Return the post and its newest attempt as they stand now."""
    async with domain.db.read() as tx:
        row = await posts.find(tx, location, post)
        attempt = None if row is None else await attempts.find(tx, location, post, row.attempt)
    return row, attempt


async def open_attempt(domain: Domain, post: PostRow, previous: AttemptRow | None, **values: Any) -> Work:
    """Begin a new attempt in place of the previous one; the post goes back to QUEUED when it was further."""
    now = domain.clock()
    replaced = previous if previous is not None and previous.state not in _ENDED else None
    if replaced is not None:
        reach("publish.before-commit.ABANDONED")
    reach("publish.before-commit.INTENT")
    async with domain.db.transaction() as tx:
        if replaced is not None:
            await _swap(tx, replaced, AttemptState.ABANDONED, now)
        number = post.attempt + 1
        changed = await posts.change(
            tx, post.location, post.id, now, expect=[post.state], at_attempt=post.attempt, attempt=number, **values
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
    if replaced is not None:
        reach("publish.after-commit.ABANDONED")
    reach("publish.after-commit.INTENT")
    return Work(changed, attempt)


async def move(
    domain: Domain,
    work: Work,
    to: AttemptState,
    *,
    post_state: PostState | None = None,
    post: dict[str, Any] | None = None,
    first: Callable[[Transaction], Awaitable[None]] | None = None,
    **attempt_values: Any,
) -> Work:
    """Move the attempt, and with it the post; raises Overtaken when the attempt is no longer where it was read.

    `post` are further columns of the post; an event is written when the post's state changes. `first` is done in the
    same transaction.
    """
    reach(f"publish.before-commit.{to}")
    async with domain.db.transaction() as tx:
        if first is not None:
            await first(tx)
        moved = await move_with(tx, work, to, domain.clock(), post_state=post_state, post=post, **attempt_values)
    reach(f"publish.after-commit.{to}")
    return moved


async def move_with(
    tx: Transaction,
    work: Work,
    to: AttemptState,
    now: datetime,
    *,
    post_state: PostState | None = None,
    post: dict[str, Any] | None = None,
    **attempt_values: Any,
) -> Work:
    """Move as `move` does, with this transaction and whatever else it does."""
    attempt = await _swap(tx, work.attempt, to, now, **attempt_values)
    row = work.post
    if post_state is not None or post:
        row = await _change_post(tx, work.post, now, post_state or work.post.state, post or {})
    return Work(row, attempt)


async def claim_submit(domain: Domain, work: Work, **attempt_values: Any) -> Work | None:
    """Announce an init, unless another post of the account is being handed over now, or comes first: then None.

    Posts of one account go out in the order in which they were made; one that waits for something lets others pass.
    """
    now = domain.clock()
    reach("publish.before-commit.INIT_SENT")
    async with domain.db.transaction() as tx:
        await advisory_lock(tx, f"hand-over|{work.post.location}|{work.post.account}")
        if await _before(tx, work.post, now):
            return None
        attempt = await _swap(tx, work.attempt, AttemptState.INIT_SENT, now, announce_time=now, **attempt_values)
        row = await _change_post(tx, work.post, now, PostState.TRANSFERRING, {"error": None, "next_attempt_time": None})
    reach("publish.after-commit.INIT_SENT")
    return Work(row, attempt)


async def save_publish_id(domain: Domain, work: Work, publish_id: str) -> None:
    """Keep a publish id with an attempt that somebody else moved on without one, and let the vendor be asked by it."""
    location, id, number = work.attempt.location, work.attempt.post, work.attempt.number
    async with domain.db.transaction() as tx:
        attempt = await attempts.find(tx, location, id, number)
        if attempt is None or attempt.publish_id:
            return
        if await attempts.move(tx, attempt, attempt.state, domain.clock(), publish_id=publish_id) is None:
            return
        if attempt.state == AttemptState.INDETERMINATE:
            await posts.set_due(tx, location, id, domain.clock(), also_idle=True)


async def turn_delay(domain: Domain, post: PostRow) -> timedelta:
    """Return how long a post waits for those of its account that come before it; 0 when it may be handed over now.

    Only a look, which spares the work before the hand-over. Who stands further behind looks more seldom.
    """
    async with domain.db.read() as tx:
        return TURN_DELAY * await _before(tx, post, domain.clock())


async def _before(tx: Transaction, post: PostRow, now: datetime) -> int:
    """Count whom a post of the account waits for."""
    older = await posts.older_ready(tx, post, now, now - ORDER_KEPT, MOST_BEFORE)
    under_way = await attempts.handing_over(tx, post.location, post.account, post.id, HANDING_OVER)
    return min(older + under_way, MOST_BEFORE)


async def defer(domain: Domain, work: Work, until: datetime, **post_values: Any) -> None:
    """Look at the post again at `until`; `post_values` are shown to callers, such as the error it waits for."""
    async with domain.db.transaction() as tx:
        if post_values:
            await posts.change(
                tx,
                work.post.location,
                work.post.id,
                domain.clock(),
                expect=[work.post.state],
                at_attempt=work.post.attempt,
                due_at=until,
                **post_values,
            )
        else:
            await posts.set_due(tx, work.post.location, work.post.id, until)


async def set_due(domain: Domain, post: PostRow, until: datetime) -> None:
    """Look at a post again at `until`, whatever its attempt says."""
    async with domain.db.transaction() as tx:
        await posts.set_due(tx, post.location, post.id, until)


async def _swap(tx: Transaction, attempt: AttemptRow, to: AttemptState, now: datetime, **values: Any) -> AttemptRow:
    moved = await attempts.move(tx, attempt, to, now, **values)
    if moved is None:
        raise Superseded
    return moved


async def _change_post(
    tx: Transaction, post: PostRow, now: datetime, state: PostState, values: dict[str, Any]
) -> PostRow:
    # Read in this very session it is one object with what comes back: the state from before is kept beside it.
    before = post.state
    changed = await posts.change(
        tx, post.location, post.id, now, expect=[before], at_attempt=post.attempt, state=state, **values
    )
    if changed is None:
        raise Superseded
    if changed.state != before:
        await record_event(tx, changed, now)
    return changed
