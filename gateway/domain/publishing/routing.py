"""Routing: which of several accounts of one network user publishes a post, and why.

Owns which accounts are the same user, and that a post is rerouted only while nothing of it can have been published.
Whether an account can publish it at all (capability, health, quota) is `preflight`.
"""

from collections.abc import Sequence

import structlog

from gateway import reasons
from gateway.domain import post_content
from gateway.domain.context import Domain
from gateway.domain.preflight import check
from gateway.domain.preflight.check import Checked, Problem
from gateway.domain.publishing import journal
from gateway.domain.publishing.journal import Work
from gateway.errors import DomainError
from providers.errors import ProviderError
from storage import accounts, attempts
from storage.accounts import AccountRow
from storage.posts import PostRow
from storage.states import PostState

log = structlog.get_logger(__name__)

ANY = "ANY"
NAMED = "The account that the caller named."
REROUTE_REASONS = frozenset(
    {
        "REAUTHORIZATION_REQUIRED",
        "SCOPE_NOT_GRANTED",
        "CAPABILITY_MISSING",
        "CREATOR_RULE_BROKEN",
        "QUOTA_EXCEEDED",
        "PROVIDER_DAILY_CAP",
    }
)
"""Reasons that concern the account, not the post: another account may be able to publish it."""

MAX_ALTERNATIVES = 5


async def choose(domain: Domain, post: PostRow, faults: Sequence[Problem] = ()) -> Checked:
    """Check a new post, and route it to another account of the same user if the named one cannot publish it and the
    caller allows that: up to one vendor call per checked account.

    `faults` are problems found before. Raises what `preflight.check` raises for the named account.
    """
    try:
        return await check.check(domain, post, faults)
    except (DomainError, ProviderError) as refusal:
        if post.route_policy != ANY:
            raise
        found = await _find_alternative(domain, post, faults)
        if found is None:
            raise
        other, checked = found
        _reroute(post, other, refusal)
        return checked


async def switch(domain: Domain, work: Work, refusal: DomainError | ProviderError) -> Work | None:
    """INTENT, and the account cannot publish the post now: reroute it, once a round; None if that is not possible.

    This attempt has submitted nothing, and the earlier ones are known to have published nothing.
    """
    post = work.post
    if post.route_policy != ANY or post.named_account or reasons.reason_of(refusal) not in REROUTE_REASONS:
        return None
    async with domain.db.read() as tx:
        if await attempts.in_doubt(tx, post.location, post.id):
            return None
    rerouted = PostRow(**post.model_dump())
    found = await _find_alternative(domain, rerouted, ())
    if found is None:
        return None
    _reroute(rerouted, found[0], refusal)
    columns = ["account", "connection", "provider", "named_account", "route_reason"]
    if post_content.fetched_by(rerouted) != post_content.fetched_by(post):
        columns.append("content")
    values = {name: getattr(rerouted, name) for name in columns}
    log.info("publish.rerouted", location=post.location, post=post.id, provider=rerouted.provider)
    return await journal.open_attempt(domain, post, work.attempt, state=PostState.QUEUED, error=None, **values)


async def _find_alternative(
    domain: Domain, post: PostRow, faults: Sequence[Problem]
) -> tuple[AccountRow, Checked] | None:
    """Return the first other account of the same user that can publish the post now, with the result of its check."""
    for other in await _same_user(domain, post):
        candidate = PostRow(**{**post.model_dump(), "account": other.id})
        try:
            checked = await check.check(domain, candidate, faults)
        except (DomainError, ProviderError) as error:
            log.info("publish.no_route", location=post.location, post=post.id, reason=reasons.reason_of(error))
            continue
        post.connection, post.provider, post.content = candidate.connection, candidate.provider, candidate.content
        return other, checked
    return None


def _reroute(post: PostRow, other: AccountRow, refusal: DomainError | ProviderError) -> None:
    post.named_account, post.account = post.account, other.id
    post.route_reason = f"The account that the caller named could not carry it: {reasons.reason_of(refusal)}."


async def _same_user(domain: Domain, post: PostRow) -> list[AccountRow]:
    async with domain.db.read() as tx:
        named = await accounts.find(tx, post.location, post.account)
        if named is None or not named.username:
            return []
        namesakes = await accounts.by_username(tx, post.location, named.username)
    others = [each for each in namesakes if each.id != named.id and same_user(each, named)]
    return sorted(others, key=lambda each: _comes_last(domain, each))[:MAX_ALTERNATIVES]


def _comes_last(domain: Domain, account: AccountRow) -> bool:
    """Return whether an account is chosen after the others: its vendor must be able to reach us, and a lost answer of
    its leaves more in doubt than one to a file.
    """
    return domain.providers[account.provider].table.fetches_media(account.platform)


def same_user(one: AccountRow, other: AccountRow) -> bool:
    """Return whether two accounts are the same user of one network: vendors' ids differ, so the handle decides.

    A handle is unique on its network at any time; accounts of different networks are never the same.
    """
    handles = {one.username.lower(), other.username.lower()}
    return len(handles) == 1 and "" not in handles and network(one.platform) == network(other.platform)


def network(platform: str) -> str:
    """Return the network of a platform: planners list a network's business accounts as a platform of their own."""
    return platform.removesuffix("_business") if platform.startswith("tiktok") else platform
