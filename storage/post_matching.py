"""Matching posts with what a vendor lists: which of a vendor user's posts are ours, and which could be confused.

Owns the queries over all posts of one vendor user, in every location. Does not know which match is good enough.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, true, tuple_
from sqlmodel import col

from storage import rows
from storage.accounts import AccountRow
from storage.attempts import AttemptRow
from storage.database import Transaction
from storage.posts import PostRow
from storage.states import PostState


async def has_duplicate(tx: Transaction, post: PostRow, since: datetime, *, without_publish_id: bool = False) -> bool:
    """Return whether another post of the same vendor user, in any location, has the same caption and may be what the
    vendor shows since then.

    With `without_publish_id` a post whose newest attempt has a publish id does not count.
    """
    has_publish_id = exists().where(
        col(AttemptRow.location) == col(PostRow.location),
        col(AttemptRow.post) == col(PostRow.id),
        col(AttemptRow.number) == col(PostRow.attempt),
        col(AttemptRow.publish_id) != "",
    )
    return await rows.any_match(
        tx,
        _same_vendor_user(post),
        tuple_(col(PostRow.location), col(PostRow.id)) != tuple_(post.location, post.id),
        col(PostRow.caption) == post.caption,
        col(PostRow.update_time) >= since,
        col(PostRow.provider_post_id) == "",
        col(PostRow.attempt) > 0,
        col(PostRow.state).not_in((PostState.FAILED, PostState.CANCELLED)),
        ~has_publish_id if without_publish_id else true(),
    )


async def claimed_post_ids(tx: Transaction, post: PostRow, ids: Sequence[str]) -> set[str]:
    """Return those of the vendor's post ids that already belong to posts of the same vendor user, in any location."""
    query = select(col(PostRow.provider_post_id)).where(_same_vendor_user(post), col(PostRow.provider_post_id).in_(ids))
    return set((await tx.execute(query)).scalars())


async def by_provider_post_ids(tx: Transaction, location: str, account: str, ids: Sequence[str]) -> dict[str, str]:
    """Map those of the vendor's post ids that belong to posts of the account to the ids of the posts."""
    query = select(col(PostRow.provider_post_id), col(PostRow.id)).where(
        col(PostRow.location) == location,
        col(PostRow.account) == account,
        col(PostRow.provider_post_id).in_(ids),
        col(PostRow.provider_post_id) != "",
    )
    return {row[0]: row[1] for row in (await tx.execute(query)).all()}


def _same_vendor_user(post: PostRow) -> ColumnElement[bool]:
    """Match the posts of the vendor user behind the post's account, who may be connected in many locations."""
    user = select(col(AccountRow.provider_account_id)).where(
        col(AccountRow.location) == post.location, col(AccountRow.id) == post.account
    )
    accounts = select(col(AccountRow.location), col(AccountRow.id)).where(
        col(AccountRow.provider) == post.provider, col(AccountRow.provider_account_id) == user.scalar_subquery()
    )
    return tuple_(col(PostRow.location), col(PostRow.account)).in_(accounts)
