"""Matching posts with what a vendor lists: which of a vendor user's posts are ours, and which could be confused.

Owns the queries over all posts of one vendor user, in every location. Does not know which match is good enough.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Text, and_, cast, exists, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
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
    found = (await tx.execute(select(PostRow).where(_same_vendor_user(post), _has_any(ids)))).scalars()
    return {id for row in found for id in row.public_ids}.intersection(ids)


async def by_provider_post_ids(tx: Transaction, location: str, account: str, ids: Sequence[str]) -> dict[str, str]:
    """Map those of the vendor's post ids that belong to posts of the account to the ids of the posts."""
    query = select(PostRow).where(col(PostRow.location) == location, col(PostRow.account) == account, _has_any(ids))
    found = list((await tx.execute(query)).scalars())
    return {id: row.id for row in found for id in row.public_ids if id in ids}


def _has_any(ids: Sequence[str]) -> ColumnElement[bool]:
    """Match the posts with any of these ids; the previous version of the code stores one alone."""
    wanted, first = [id for id in ids if id], col(PostRow.provider_post_id)
    return or_(and_(first != "", first.in_(wanted)), col(PostRow.provider_post_ids).op("&&")(cast(wanted, ARRAY(Text))))


def _same_vendor_user(post: PostRow) -> ColumnElement[bool]:
    """Match the posts of the vendor user behind the post's account, who may be connected in many locations."""
    user = select(col(AccountRow.provider_account_id)).where(
        col(AccountRow.location) == post.location, col(AccountRow.id) == post.account
    )
    accounts = select(col(AccountRow.location), col(AccountRow.id)).where(
        col(AccountRow.provider) == post.provider, col(AccountRow.provider_account_id) == user.scalar_subquery()
    )
    return tuple_(col(PostRow.location), col(PostRow.account)).in_(accounts)
