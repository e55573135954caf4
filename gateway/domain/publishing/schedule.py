"""The gateway's own schedule: it keeps a post until its time where the vendor has no clock.

Owns when a kept post is released to be submitted, and that none is submitted before its time. How late one may still go
out is `retry_policy.latest`.
"""

from gateway.domain import post_content
from gateway.domain.context import Domain
from gateway.domain.publishing import journal
from gateway.domain.publishing.journal import Work
from gateway.domain.publishing.moves import NextWork
from storage import posts
from storage.attempts import AttemptRow
from storage.posts import PostRow
from storage.states import AttemptState, PostState


def is_waiting(domain: Domain, post: PostRow) -> bool:
    """Return whether the post waits here for its time, and no vendor has it."""
    return post.state == PostState.SCHEDULED and post_content.is_kept(post, domain.providers[post.provider].table)


def is_early(domain: Domain, post: PostRow) -> bool:
    """Return whether the gateway keeps the post, and its time has not come."""
    return post_content.is_early(post, domain.providers[post.provider].table, domain.clock())


async def release(domain: Domain, post: PostRow, attempt: AttemptRow | None) -> NextWork:
    """SCHEDULED, and due: queue the post as of its time, in a new round of attempts, so that its next step submits it.

    Raises Superseded if any column of the post has changed since it was read: it may have been moved, or cancelled.
    """
    assert post.schedule_time is not None  # noqa: S101 - it is kept for that time
    now = domain.clock()
    if now < post.schedule_time:
        # The clock was set back after the post became due.
        if post.due_at is not None:
            async with domain.db.transaction() as tx:
                await posts.move_due(tx, [(post.location, post.id, post.due_at)], post.schedule_time)
        return None
    await journal.open_attempt(
        domain,
        post,
        attempt,
        at_version=post.version,
        state=PostState.QUEUED,
        queue_time=post.schedule_time,
        round_start=post.attempt + 1,
        due_at=now,
    )
    return None


async def keep(domain: Domain, work: Work) -> NextWork:
    """INTENT, before the post's time, because the clock was set back or another account took it over: wait for it."""
    values = {"due_at": work.post.schedule_time, "next_attempt_time": None, "error": None}
    await journal.move(
        domain, work, AttemptState.ABANDONED, post_state=PostState.SCHEDULED, post=values, unchanged=True
    )
    return None
