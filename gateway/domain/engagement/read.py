"""Metrics of accounts and comments below their posts, as the vendor returns them now.

Owns how an account is reached for them, and which of our posts the vendor's ids stand for. Stores nothing; writing a
comment is `gateway/domain/engagement/write.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.aip import names
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import read
from gateway.domain.context import Domain
from gateway.errors import FieldInvalid, ReauthorizationRequired, StateForbids
from providers.capabilities import Capability
from providers.errors import ScopeNotGranted
from providers.interface import Engagement, Provider
from providers.models.accounts import ProfilePart
from providers.models.engagement import AccountRef, Comment, Figures, Metric, Span
from storage import attempts, engagement, posts
from storage.accounts import AccountRow
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import AccountState

MAX_DAYS = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """An account, the access that its grant gives, and the facet that is called with both."""

    row: AccountRow
    ref: AccountRef
    access: ConnectionAccess
    facet: Engagement


@dataclass(frozen=True, slots=True)
class FetchedComment:
    """A comment as the vendor returned it, and the id of our post below which it stands, if any."""

    comment: Comment
    post: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of comments; `next_cursor` is the vendor's, empty at the end."""

    comments: list[FetchedComment]
    next_cursor: str


async def connected(domain: Domain, location: str, account: str) -> ConnectedAccount:
    """Return an account with its access; raises storage's NotFound, ReauthorizationRequired if it has no grant."""
    row = await read.stored(domain, location, account)
    if row.state == AccountState.DETACHED:
        name = names.CONNECTION.format(row.location, row.connection)
        raise ReauthorizationRequired(metadata={"connection": name}, resource=name)
    ref = AccountRef(row.provider_account_id, row.platform, row.kind, dict(row.provider_data))
    access = ConnectionAccess(domain, row.provider, row.location, row.connection)
    return ConnectedAccount(row, ref, access, domain.providers[row.provider].engagement)


def has_store(domain: Domain, account: AccountRow) -> bool:
    """Return whether the comments of an account are kept here; else every list is the vendor's."""
    return domain.providers[account.provider].table.has_comments(account.platform)


async def figures(domain: Domain, location: str, account: str, start: datetime | None, end: datetime | None) -> Figures:
    """Return an account's metrics: one vendor call.

    Raises what `connected` raises, FieldInvalid (the days), ProviderError.
    """
    span = _span(start, end, domain.clock())
    target = await connected(domain, location, account)
    return await target.facet.figures(target.access, target.ref, span)


async def account_totals(provider: Provider, access: ConnectionAccess) -> dict[Metric, int | None]:
    """Return what a profile counts, by one vendor call; nothing if the vendor shows no counts, or they are not granted.

    Raises ProviderError.
    """
    table = provider.table
    if table.can(Capability.ACCOUNT_LIST) or ProfilePart.STATS not in table.profile_scopes:
        return {}
    try:
        profile = await provider.accounts.profile(access, frozenset({ProfilePart.STATS}))
    except ScopeNotGranted:
        return {}
    return {
        Metric.FOLLOWERS: profile.follower_count,
        Metric.LIKES: profile.like_count,
        Metric.POSTS: profile.video_count,
    }


def _span(start: datetime | None, end: datetime | None, now: datetime) -> Span | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise FieldInvalid("end_time" if end is None else "start_time", "must be given with the other end of the span")
    for name, moment in (("start_time", start), ("end_time", end)):
        if moment != moment.replace(hour=0, minute=0, second=0, microsecond=0):
            raise FieldInvalid(name, "must be a midnight of UTC")
    if not start < end <= now:
        raise FieldInvalid("end_time", "must be after start_time, and not in the future")
    if end - start > MAX_DAYS:
        raise FieldInvalid("start_time", f"must be at most {MAX_DAYS.days} days before end_time")
    return Span(start, end)


async def page(
    domain: Domain,
    location: str,
    account: str,
    *,
    post: str = "",
    reply_to: str = "",
    top: bool = False,
    cursor: str = "",
    limit: int,
) -> Page:
    """List comments below our post `post`, below the vendor's comment `reply_to`, or below all posts: one vendor call.

    Raises what `connected` raises, storage's NotFound and StateForbids for the post, ProviderError.
    """
    target = await connected(domain, location, account)
    parent = await vendor_post(domain, target, post) if post else reply_to
    found = await target.facet.list_comments(
        target.access, target.ref, parent=parent, top=top, cursor=cursor, limit=limit
    )
    async with domain.db.read() as tx:
        ours = await _our_posts(tx, target.row, {each.post_id for each in found.comments} - {""})
    return Page([FetchedComment(each, ours.get(each.post_id, "")) for each in found.comments], found.next_cursor)


async def vendor_post(domain: Domain, target: ConnectedAccount, post: str) -> str:
    """Return the vendor's id of one of our posts; raises storage's NotFound, StateForbids while it has none."""
    row = target.row
    async with domain.db.read() as tx:
        found = await posts.get(tx, row.location, post)
        if found.account != row.id:
            raise NotFound("post", post)
        attempt = await attempts.find(tx, row.location, post, found.attempt)
    if not domain.providers[row.provider].table.library:
        # Only a planner counts by its own record of a post.
        if found.public_ids:
            return found.public_ids[0]
        attempt = None
    if attempt is None or not attempt.publish_id:
        name = names.POST.format(row.location, post)
        raise StateForbids(found.state, "The vendor has no post of it yet.", resource=name)
    return attempt.publish_id


async def video_of(domain: Domain, target: ConnectedAccount, comment: str) -> str:
    """Return the vendor's id of the video below which a comment stands, where the vendor needs it; else empty.

    Raises storage's NotFound for a comment that was never seen here.
    """
    row = target.row
    if not has_store(domain, row):
        return ""
    async with domain.db.read() as tx:
        stored = await engagement.find_comment(tx, row.location, row.id, comment)
    if stored is None:
        raise NotFound("comment", comment)
    return stored.video


async def _our_posts(tx: Transaction, account: AccountRow, vendor_ids: Iterable[str]) -> dict[str, str]:
    """Return the ids of the account's posts by the vendor's ids."""
    found: dict[str, str] = {}
    for vendor_id in sorted(vendor_ids):
        for attempt in await attempts.by_publish_id(tx, vendor_id):
            if attempt.location == account.location:
                row = await posts.find(tx, attempt.location, attempt.post)
                if row is not None and row.account == account.id:
                    found[vendor_id] = row.id
    return found
