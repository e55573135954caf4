"""GetPost, ListPosts and RefreshPost.

Owns when the vendor is asked on behalf of a caller. Changes nothing itself: `publishing` applies the vendor's response.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.publishing import journal, moves, reconcile, vendor_lookup, vendor_status
from gateway.domain.publishing.journal import Work
from storage import posts
from storage.posts import PostRow
from storage.states import AttemptState

_REFRESHABLE = (
    AttemptState.PROCESSING,
    AttemptState.PUBLISHED,
    AttemptState.AWAITING_CREATOR,
    AttemptState.INDETERMINATE,
)


async def get(domain: Domain, location: str, post: str) -> PostRow:
    """Return the post as stored; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await posts.get(tx, location, post)


async def many(domain: Domain, location: str, ids: Sequence[str]) -> dict[str, PostRow]:
    """Return those of the posts that are there, by their ids."""
    async with domain.db.read() as tx:
        return {row.id: row for row in await posts.find_many(tx, location, ids)}


async def page(domain: Domain, **filters: Any) -> Sequence[PostRow]:
    """List posts: see `storage.posts.page`."""
    async with domain.db.read() as tx:
        return await posts.page(tx, **filters)


async def refresh(domain: Domain, location: str, post: str) -> PostRow:
    """Ask the vendor for the status of a post: one vendor call, or none if it cannot know more than we do.

    Raises storage's NotFound, and ProviderError if the vendor cannot say.
    """
    row, attempt = await journal.read(domain, location, post)
    if row is None or attempt is None or attempt.state not in _REFRESHABLE:
        return await get(domain, location, post)
    work = Work(row, attempt)
    if not attempt.publish_id:
        look_up = vendor_lookup.search if attempt.state == AttemptState.PROCESSING else reconcile.look_for_proof
        with contextlib.suppress(Superseded):
            await look_up(domain, work)
        return await get(domain, location, post)
    status = await moves.fetch_status(domain, work, "asked-status", background=False)
    with contextlib.suppress(Superseded):
        await vendor_status.apply_requested(domain, work, status)
    return await get(domain, location, post)
