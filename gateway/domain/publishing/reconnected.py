"""Moving a post that a planner has scheduled to the account's new id, after the account was reconnected under one.

Owns the one edit that does it, which may be repeated, and when it must not be made. Whether an account was reconnected
is found out by `gateway/domain/accounts/sync.py`.
"""

from datetime import timedelta
from typing import Any

import structlog

from gateway.domain import post_content, vendor_errors
from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, retry_policy
from gateway.domain.publishing.journal import Work
from providers.capabilities import Capability
from providers.errors import ProviderError, Rejected
from storage import accounts
from storage.accounts import AccountRow
from storage.attempts import ACCOUNT
from storage.states import PostState

log = structlog.get_logger(__name__)

MOVING = "moving"
"""The key in `AttemptRow.media` that marks an edit that was begun and may still be without its end: what the planner
keeps otherwise may be ours then, if UpdatePost changed the post meanwhile.
"""

AHEAD = timedelta(minutes=2)
"""How far ahead the time of a post must be: an edit that arrives after it might publish the post."""


def is_behind(work: Work, provider_account_id: str) -> bool:
    """Return whether a post was submitted for another of the vendor's ids than the account's current one."""
    submitted_for = work.attempt.media.get(ACCOUNT)
    return bool(submitted_for) and submitted_for != provider_account_id


async def follow(domain: Domain, work: Work) -> Work | None:
    """Edit the planner's record if it names an id that the account no longer has: up to four vendor calls.

    Return None if that did not work, or must not be done: the post is deferred, and looked at again then. Callers see
    what was refused, or what they have to decide.
    """
    post = work.post
    if not work.attempt.media.get(ACCOUNT) or post.state == PostState.CANCELLING:
        return work
    if not domain.providers[post.provider].table.can(Capability.POST_EDIT):
        return work
    async with domain.db.read() as tx:
        account = await accounts.get(tx, post.location, post.account)
    if not is_behind(work, account.provider_account_id):
        return work
    obstacle = _obstacle(domain, work)
    if obstacle is not None:
        await _defer(domain, work, obstacle)
        return None
    media = {**work.attempt.media, MOVING: True}
    work = await journal.move(domain, work, work.attempt.state, unchanged=True, media=media)
    return await _edit(domain, work, account)


async def _edit(domain: Domain, work: Work, account: AccountRow) -> Work | None:
    """Make the edit, and note the new id with the attempt."""
    post = work.post
    provider = domain.providers[post.provider]
    request = post_content.publish_request(post, account, post_content.placeholder(post), provider.table)
    access = moves.access_of(domain, post)
    try:
        await provider.records.edit(access, work.attempt.publish_id, request)
    except ProviderError as error:
        log.warning("publish.not_moved", location=post.location, post=post.id, code=error.code)
        if isinstance(error, Rejected):
            await _defer(domain, work, vendor_errors.as_stored(error), media=_ended(work))
        else:
            await _defer(domain, work, None)
        return None
    media = {**_ended(work), ACCOUNT: account.provider_account_id}
    columns: dict[str, Any] = {"error": None, "differences": {}}
    try:
        return await journal.move(domain, work, work.attempt.state, post=columns, unchanged=True, media=media)
    except Superseded:
        # The planner may have the old words or the old time again: the new ones are sent at once.
        await journal.set_due(domain, post, domain.clock())
        raise


def _ended(work: Work) -> dict[str, Any]:
    return {name: value for name, value in work.attempt.media.items() if name != MOVING}


def _obstacle(domain: Domain, work: Work) -> dict[str, Any] | None:
    """Return why a post must not be moved without its caller, as the error of the post."""
    post = work.post
    if post.schedule_time is None or post.schedule_time <= domain.clock() + AHEAD:
        # The edit would publish it, perhaps weeks late, and twice if it were repeated.
        text = (
            "The account was reconnected when the post's time was over, or nearly: give it a new time by UpdatePost, "
            "or end it by CancelPost."
        )
        return vendor_errors.stored_error("STATE_FORBIDS", text, provider=post.provider)
    if post.differences and MOVING not in work.attempt.media:
        fields = ", ".join(sorted(post.differences))
        text = (
            f"The account was reconnected, and the planner keeps the post otherwise than it was sent ({fields}): send "
            "what is to be published by UpdatePost, or end it by CancelPost."
        )
        return vendor_errors.stored_error("STATE_FORBIDS", text, provider=post.provider, fields=fields)
    return None


async def _defer(domain: Domain, work: Work, error: dict[str, Any] | None, **attempt_values: Any) -> None:
    polls = work.attempt.polls
    moved = await journal.move(domain, work, work.attempt.state, polls=polls + 1, **attempt_values)
    shown = {} if error is None else {"error": error}
    await moves.defer(domain, moved, retry_policy.poll_delay(polls, retry_policy.POST_ID_POLL_MAX), **shown)
