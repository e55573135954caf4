"""Figures of accounts and comments below their posts, as the vendor gives them now.

Owns how an account is reached for them, and which of our posts the vendor means. Nothing is kept; writing a comment is
`gateway/domain/engagement/write.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.aip import names
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import read
from gateway.domain.context import Domain
from gateway.errors import FieldInvalid, ReauthorizationRequired, StateForbids
from providers.interface import Engagement
from providers.models.engagement import AccountRef, Comment, Figures, Span
from storage import attempts, posts
from storage.accounts import AccountRow
from storage.database import Transaction
from storage.errors import NotFound

MAX_DAYS = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Reached:
    """An account through its grant, and the facet that speaks for it."""

    row: AccountRow
    ref: AccountRef
    access: ConnectionAccess
    facet: Engagement


@dataclass(frozen=True, slots=True)
class SeenComment:
    """A comment as the vendor gave it, and the id of the post of ours that it stands below, if any."""

    comment: Comment
    post: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of comments; `next_cursor` is the vendor's, empty at the end."""

    comments: list[SeenComment]
    next_cursor: str


async def connected(domain: Domain, location: str, account: str) -> Reached:
    """Return an account; raises storage's NotFound, ReauthorizationRequired for one that no grant reaches."""
    row = await read.stored(domain, location, account)
    if row.state == "DETACHED":
        name = names.CONNECTION.format(row.location, row.connection)
        raise ReauthorizationRequired(metadata={"connection": name}, resource=name)
    ref = AccountRef(row.provider_account_id, row.platform, row.kind, dict(row.provider_data))
    access = ConnectionAccess(domain, row.provider, row.location, row.connection)
    return Reached(row, ref, access, domain.providers[row.provider].engagement)


async def figures(domain: Domain, location: str, account: str, start: datetime | None, end: datetime | None) -> Figures:
    """Read an account's figures: one vendor call.

    Raises as `connected` does, FieldInvalid (the days), ProviderError.
    """
    span = _span(start, end, domain.clock())
    reached = await connected(domain, location, account)
    return await reached.facet.figures(reached.access, reached.ref, span)


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
    """List comments below a post of ours, below the vendor's comment `reply_to`, or below all posts: one vendor call.

    Raises what `connected` raises, storage's NotFound and StateForbids for the post, ProviderError.
    """
    reached = await connected(domain, location, account)
    parent = await vendor_post(domain, reached, post) if post else reply_to
    found = await reached.facet.list_comments(
        reached.access, reached.ref, parent=parent, top=top, cursor=cursor, limit=limit
    )
    async with domain.db.read() as tx:
        ours = await _ours(tx, reached.row, {each.post_id for each in found.comments} - {""})
    return Page([SeenComment(each, ours.get(each.post_id, "")) for each in found.comments], found.next_cursor)


async def vendor_post(domain: Domain, reached: Reached, post: str) -> str:
    """Return the vendor's id of a post of ours; raises storage's NotFound, StateForbids while it has none."""
    row = reached.row
    async with domain.db.read() as tx:
        found = await posts.get(tx, row.location, post)
        if found.account != row.id:
            raise NotFound("post", post)
        attempt = await attempts.find(tx, row.location, post, found.attempt)
    if attempt is None or not attempt.publish_id:
        name = names.POST.format(row.location, post)
        raise StateForbids(found.state, "The vendor has no post of it yet.", resource=name)
    return attempt.publish_id


async def _ours(tx: Transaction, account: AccountRow, vendor_ids: Iterable[str]) -> dict[str, str]:
    """Return our posts' ids by the vendor's, as far as they are the account's."""
    found: dict[str, str] = {}
    for vendor_id in sorted(vendor_ids):
        for attempt in await attempts.by_publish_id(tx, vendor_id):
            if attempt.location == account.location:
                row = await posts.find(tx, attempt.location, attempt.post)
                if row is not None and row.account == account.id:
                    found[vendor_id] = row.id
    return found
