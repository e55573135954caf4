"""Comments and likes: a comment is sent once; after a lost answer, or a refusal that proves nothing, it is looked up,
never sent again.

Owns that rule. A row is committed before the call; a call that did nothing removes the row and releases the caller's
request id.
"""

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway import reasons
from gateway.aip import names
from gateway.domain import idempotency, vendor_errors
from gateway.domain.concurrency import until_free
from gateway.domain.context import Domain
from gateway.domain.engagement import read, store
from gateway.domain.engagement.read import ConnectedAccount, FetchedComment, has_store
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import Conflict, FieldInvalid, OutcomeUnknown, StateForbids
from providers.capabilities import Capability
from providers.errors import Ambiguous, ContractBroken, NotFound, ProviderError
from providers.models.engagement import Comment
from storage import comments, engagement
from storage.comments import CommentRow
from storage.states import CommentState

log = structlog.get_logger(__name__)

CALL_SPAN = timedelta(minutes=5)
"""Longer than a call can take, including the wait for a slot and for a new token: after that its answer is lost."""

CLOCK_SLACK = timedelta(minutes=2)
"""How far a vendor's clock may be behind ours."""

MAX_LOOKED_UP = 100
"""How many of the latest comments are looked through after a lost answer."""


@dataclass(frozen=True, slots=True)
class NewComment:
    """A comment to be written below our `post`, the vendor's `video`, or `reply_to`, the vendor's id of a comment."""

    location: str
    account: str
    text: str
    post: str = ""
    reply_to: str = ""
    video: str = ""


async def create(domain: Domain, new: NewComment, key: RequestKey | None, *, agency: str) -> FetchedComment:
    """Write a comment: one vendor call, and a second one if the answer is lost.

    With a `request_id` that was used before, the first call's comment is returned, or looked up. Raises what
    `read.connected` and `read.vendor_post` raise, FieldInvalid (the video of an account without stored comments),
    Conflict while the first call runs, LocationForbidden if the location is no longer `agency`'s, OutcomeUnknown if it
    is not known whether it was written, ProviderError if it certainly was not.
    """
    first = await idempotency.earlier(domain.db, key)
    target = await read.connected(domain, new.location, new.account)
    if new.video and not has_store(domain, target.row):
        raise FieldInvalid("comment.video", "is for accounts whose comments are kept: name the post")
    if first is None:
        target.facet.check_comment(target.ref, new.text)
        parent = new.reply_to or new.video or await read.vendor_post(domain, target, new.post)
        if new.reply_to:
            await read.video_of(domain, target, new.reply_to)
        row = _new_row(domain, new, parent)
        async with domain.db.transaction() as tx:
            await keep_own(tx, new.location, agency)
            first = await idempotency.claim(tx, key, row.id, row.sent_time)
            if first is None:
                await comments.insert(tx, row)
        if first is None:
            # The vendor's answer is stored even if the caller disconnects.
            return await domain.tokens.guard(_send(domain, target, new, row, key))
    async with domain.db.read() as tx:
        row = await comments.get(tx, new.location, first)
    return await _resume(domain, target, new, row)


def _new_row(domain: Domain, new: NewComment, parent: str) -> CommentRow:
    return CommentRow(
        location=new.location, id=domain.new_id(), account=new.account, parent=parent, sent_time=domain.clock()
    )


async def _send(
    domain: Domain, target: ConnectedAccount, new: NewComment, row: CommentRow, key: RequestKey | None
) -> FetchedComment:
    """Make the one call."""
    try:
        made = await target.facet.create_comment(
            target.access,
            target.ref,
            text=new.text,
            parent=row.parent,
            reply=bool(new.reply_to),
            post=await _video_of(domain, target, new),
        )
    except (Ambiguous, ContractBroken) as error:
        log.warning("comments.answer_lost", location=row.location, account=row.account, code=error.code)
        return await _look_up(domain, target, new, row, error)
    except ProviderError as error:
        found = await _look_after_refusal(domain, target, new, row, error) if error.unproven else None
        if found is not None:
            return await _store(domain, target, new, row, found)
        await _forget(domain, row, key)
        raise
    return await _store(domain, target, new, row, made)


async def _look_after_refusal(
    domain: Domain, target: ConnectedAccount, new: NewComment, row: CommentRow, refusal: ProviderError
) -> Comment | None:
    """Return the comment that was refused and written all the same, None if it was not; raises OutcomeUnknown."""
    await _mark_refused(domain, row)
    try:
        candidates = await _candidates(domain, target, new, row)
    except NotFound:
        return None
    except ProviderError:
        raise _unknown(row, refusal) from None
    # Most refusals are true, so that the same words of another person are no proof: only our own comment is.
    if len(candidates) > 1 or any(not each.own for each in candidates):
        raise _unknown(row, refusal)
    return candidates[0] if candidates else None


async def _resume(domain: Domain, target: ConnectedAccount, new: NewComment, row: CommentRow) -> FetchedComment:
    """Return the comment that an earlier call wrote, as it was then, or look it up."""
    if row.state == CommentState.DONE:
        return _fetched(new, _from_json(row.payload))
    if domain.clock() < row.sent_time + CALL_SPAN:
        raise Conflict("It is being sent in this moment.", metadata={"account": _name(row)}, resource=_name(row))
    return await _look_up(domain, target, new, row, None)


async def _look_up(
    domain: Domain, target: ConnectedAccount, new: NewComment, row: CommentRow, error: ProviderError | None
) -> FetchedComment:
    """Find the comment among the latest ones below its parent; raises OutcomeUnknown if it is not there."""
    try:
        candidates = await _candidates(domain, target, new, row)
    except ProviderError as lookup_error:
        raise _unknown(row, error or lookup_error) from None
    # Where the vendor says who wrote a comment, the same words of another person are no proof, nor after a refusal.
    only_own = has_store(domain, target.row) or row.payload.get(comments.REFUSED)
    if len(candidates) != 1 or (only_own and not candidates[0].own):
        raise _unknown(row, error)
    return await _store(domain, target, new, row, candidates[0])


async def _candidates(domain: Domain, target: ConnectedAccount, new: NewComment, row: CommentRow) -> list[Comment]:
    """Return the comments among the latest ones below the parent that may be the one that was sent: one vendor call."""
    listed = await target.facet.list_comments(
        target.access, target.ref, parent=row.parent, post=await _video_of(domain, target, new), limit=MAX_LOOKED_UP
    )
    alike = [each for each in listed.comments if _matches(each, new, row)]
    async with domain.db.read() as tx:
        claimed = await comments.claimed(tx, row.location, row.account, [each.id for each in alike])
    unclaimed = [each for each in alike if each.id not in claimed]
    return [each for each in unclaimed if each.own] or unclaimed


async def _video_of(domain: Domain, target: ConnectedAccount, new: NewComment) -> str:
    return await read.video_of(domain, target, new.reply_to) if new.reply_to else ""


def _matches(found: Comment, new: NewComment, row: CommentRow) -> bool:
    """Return whether a comment has the text that was sent, and was published no earlier than that."""
    same_text = found.text.strip() == new.text.strip()
    return same_text and found.publish_time is not None and found.publish_time >= row.sent_time - CLOCK_SLACK


def _unknown(row: CommentRow, error: ProviderError | None) -> OutcomeUnknown:
    metadata = reasons.metadata_of(error) if error is not None else {}
    text = "Look at the post; the same request_id looks again, and sends nothing."
    return OutcomeUnknown(text, metadata={**metadata, "account": _name(row)}, resource=_name(row))


@until_free
async def _mark_refused(domain: Domain, row: CommentRow) -> None:
    """Store the refusal, so that no later look takes the comment of another person for this one."""
    async with domain.db.transaction() as tx:
        await comments.refused(tx, row.location, row.id)


@until_free
async def _forget(domain: Domain, row: CommentRow, key: RequestKey | None) -> None:
    """Remove what was to be sent: the vendor refused it, so that the same request may be made again."""
    async with domain.db.transaction() as tx:
        await comments.remove(tx, row.location, row.id)
        await idempotency.release(tx, key)


@until_free
async def _store(
    domain: Domain, target: ConnectedAccount, new: NewComment, row: CommentRow, made: Comment
) -> FetchedComment:
    written, account = replace(made, own=True), target.row
    async with domain.db.transaction() as tx:
        await comments.done(tx, row.location, row.id, written.id, _to_json(written))
        if has_store(domain, account) and await store.is_attached(tx, account):
            await store.save_comments(tx, account, [written], domain.clock(), domain.engagement_retention)
    return _fetched(new, written)


def _fetched(new: NewComment, comment: Comment) -> FetchedComment:
    return FetchedComment(comment, new.post, new.reply_to)


def _name(row: CommentRow) -> str:
    return names.ACCOUNT.format(row.location, row.account)


def _to_json(comment: Comment) -> dict[str, Any]:
    time = comment.publish_time.isoformat() if comment.publish_time else None
    return {**asdict(comment), "publish_time": time}


def _from_json(payload: dict[str, Any]) -> Comment:
    time = payload["publish_time"]
    uris = tuple(payload["attachment_uris"])
    moment = datetime.fromisoformat(time) if time else None
    return Comment(**{**payload, "attachment_uris": uris, "publish_time": moment, "replies": ()})


async def set_liked(domain: Domain, location: str, account: str, comment: str, *, liked: bool) -> None:
    """Like a comment, or remove the like: one vendor call, which may be repeated.

    Raises what `read.connected` raises, ProviderError.
    """
    target = await read.connected(domain, location, account)
    video = await read.video_of(domain, target, comment)
    await _repeatable(target.facet.set_liked(target.access, target.ref, comment, liked=liked, post=video))
    async with domain.db.transaction() as tx:
        await engagement.change_comment(tx, location, account, comment, liked=liked)


async def set_hidden(domain: Domain, location: str, account: str, comment: str, *, hidden: bool) -> None:
    """Hide a comment from everybody but its author, or show it again: one vendor call, which may be repeated.

    Raises what `read.connected` raises, storage's NotFound, ProviderError.
    """
    target = await read.connected(domain, location, account)
    vendor_errors.require(domain.providers[target.row.provider].table, Capability.COMMENT_HIDE)
    video = await read.video_of(domain, target, comment)
    await _repeatable(target.facet.set_hidden(target.access, target.ref, comment, hidden=hidden, post=video))
    async with domain.db.transaction() as tx:
        await engagement.change_comment(tx, location, account, comment, hidden=hidden)


async def delete(domain: Domain, location: str, account: str, comment: str, key: RequestKey | None) -> None:
    """Delete a comment that the account itself wrote: one vendor call, which may be repeated.

    What is gone at the vendor already is deleted here. Raises what `read.connected` raises, storage's NotFound for a
    comment that was never seen or was deleted, StateForbids for another person's, ProviderError.
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    target = await read.connected(domain, location, account)
    vendor_errors.require(domain.providers[target.row.provider].table, Capability.COMMENT_DELETE)
    video = await read.video_of(domain, target, comment)
    async with domain.db.read() as tx:
        stored = await engagement.find_comment(tx, location, account, comment)
    if stored is not None and not stored.own:
        name = names.COMMENT.format(location, account, comment)
        raise StateForbids("NOT_OWN", "Another person wrote it: it can be hidden.", resource=name)
    with suppress(NotFound):
        await _repeatable(target.facet.delete_comment(target.access, target.ref, comment, post=video))
    async with domain.db.transaction() as tx:
        await idempotency.claim(tx, key, comment, domain.clock())
        await engagement.remove_comment(tx, location, account, comment, domain.clock())


async def _repeatable(call: Awaitable[None]) -> None:
    """Await a call that may be made again, whatever became of its answer."""
    try:
        await call
    except Ambiguous as error:
        raise vendor_errors.safe_to_repeat(error) from None
