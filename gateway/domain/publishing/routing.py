"""Two routes to one network user: which account carries a post, and why.

Owns who counts as the same user, and that a post changes its route only while nothing of it could have been posted. An
account that can carry it at all is what `preflight` says: capability, health and quota.
"""

from collections.abc import Sequence

import structlog

from gateway import reasons
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
AWAY = frozenset(
    {
        "REAUTHORIZATION_REQUIRED",
        "SCOPE_NOT_GRANTED",
        "CAPABILITY_MISSING",
        "CREATOR_RULE_BROKEN",
        "QUOTA_EXCEEDED",
        "PROVIDER_DAILY_CAP",
    }
)
"""Reasons of the route, not of the post: another account may carry it."""

MAX_OTHERS = 5


async def choose(domain: Domain, post: PostRow, known: Sequence[Problem] = ()) -> Checked:
    """Check a post that is to be created, and let another account of the same user carry it if the named one cannot
    and the caller lets it: up to one vendor call for each account that is looked at.

    Raises what `preflight.check` raises for the named account.
    """
    try:
        return await check.check(domain, post, known)
    except (DomainError, ProviderError) as refusal:
        if post.route_policy != ANY:
            raise
        found = await _other(domain, post, known)
        if found is None:
            raise
        other, checked = found
        _carry(post, other, refusal)
        return checked


async def switch(domain: Domain, work: Work, refusal: DomainError | ProviderError) -> Work | None:
    """INTENT, and the account cannot carry the post now: go another way, once a round; None when there is none.

    Nothing was announced by this attempt; of those before it is known that they posted nothing.
    """
    post = work.post
    if post.route_policy != ANY or post.named_account or _reason(refusal) not in AWAY:
        return None
    async with domain.db.read() as tx:
        if await attempts.in_doubt(tx, post.location, post.id):
            return None
    wanted = PostRow(**post.model_dump())
    found = await _other(domain, wanted, ())
    if found is None:
        return None
    _carry(wanted, found[0], refusal)
    columns = ("account", "connection", "provider", "named_account", "route_reason")
    values = {name: getattr(wanted, name) for name in columns}
    log.info("publish.rerouted", location=post.location, post=post.id, provider=wanted.provider)
    return await journal.open_attempt(domain, post, work.attempt, state=PostState.QUEUED, error=None, **values)


async def _other(domain: Domain, post: PostRow, known: Sequence[Problem]) -> tuple[AccountRow, Checked] | None:
    """Find the first other account of the same user that could carry the post now."""
    for other in await _same_user(domain, post):
        tried = PostRow(**{**post.model_dump(), "account": other.id})
        try:
            checked = await check.check(domain, tried, known)
        except (DomainError, ProviderError) as error:
            log.info("publish.no_route", location=post.location, post=post.id, reason=_reason(error))
            continue
        post.connection, post.provider = tried.connection, tried.provider
        return other, checked
    return None


def _carry(post: PostRow, other: AccountRow, refusal: DomainError | ProviderError) -> None:
    post.named_account, post.account = post.account, other.id
    post.route_reason = f"The account that the caller named could not carry it: {_reason(refusal)}."


async def _same_user(domain: Domain, post: PostRow) -> list[AccountRow]:
    async with domain.db.read() as tx:
        named = await accounts.find(tx, post.location, post.account)
        if named is None or not named.username:
            return []
        alike = await accounts.by_username(tx, post.location, named.username)
    return [each for each in alike if each.id != named.id and same_user(each, named)][:MAX_OTHERS]


def same_user(one: AccountRow, other: AccountRow) -> bool:
    """Return whether two accounts are one user of one network: their vendors' ids differ, the handle is one.

    A handle is unique on its network at any time; accounts of different networks are never the same.
    """
    handles = {one.username.lower(), other.username.lower()}
    return len(handles) == 1 and "" not in handles and network(one.platform) == network(other.platform)


def network(platform: str) -> str:
    """Return the network that a platform is on: a planner tells a network's business accounts apart from the others."""
    return platform.removesuffix("_business") if platform.startswith("tiktok") else platform


def _reason(error: DomainError | ProviderError) -> str:
    return error.reason if isinstance(error, DomainError) else reasons.reason_of(error)
