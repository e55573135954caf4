"""Moving a post that a planner has scheduled to the account's new id, after the account was reconnected under one.

Owns the one edit that does it, which may be repeated. Whether an account was reconnected is found out by
`gateway/domain/accounts/sync.py`.
"""

import structlog

from gateway.domain import post_content, vendor_errors
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, retry_policy
from gateway.domain.publishing.journal import Work
from providers.capabilities import Capability
from providers.errors import ProviderError, Rejected
from storage import accounts
from storage.attempts import ACCOUNT
from storage.states import PostState

log = structlog.get_logger(__name__)


async def follow(domain: Domain, work: Work) -> Work | None:
    """Edit the planner's record if it names an id that the account no longer has: up to four vendor calls.

    Return None if that did not work: the post is deferred, and the edit tried again then. Callers see what was refused.
    """
    post, submitted_for = work.post, work.attempt.media.get(ACCOUNT)
    if not submitted_for or post.state == PostState.CANCELLING:
        return work
    if not domain.providers[post.provider].table.can(Capability.POST_EDIT):
        return work
    async with domain.db.read() as tx:
        account = await accounts.get(tx, post.location, post.account)
    if account.provider_account_id == submitted_for:
        return work
    request = post_content.publish_request(post, account, post_content.placeholder(post))
    access = moves.access_of(domain, post)
    try:
        await domain.providers[post.provider].records.edit(access, work.attempt.publish_id, request)
    except ProviderError as error:
        log.warning("publish.not_moved", location=post.location, post=post.id, code=error.code)
        polls = work.attempt.polls
        moved = await journal.move(domain, work, work.attempt.state, polls=polls + 1)
        shown = {"error": vendor_errors.as_stored(error)} if isinstance(error, Rejected) else {}
        delay = retry_policy.poll_delay(polls, retry_policy.POST_ID_POLL_MAX)
        await moves.defer(domain, moved, delay, **shown)
        return None
    media = {**work.attempt.media, ACCOUNT: account.provider_account_id}
    return await journal.move(domain, work, work.attempt.state, post={"error": None}, media=media)
