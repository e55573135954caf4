"""Writing a comment: sent once, and after a lost answer looked for, never sent again.

Owns that rule. A row is committed before the call; what the call certainly did not do removes it, and frees the
caller's request id.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway import reasons
from gateway.aip import names
from gateway.domain import idempotency, vendor_errors
from gateway.domain.context import Domain
from gateway.domain.engagement import read
from gateway.domain.engagement.read import Reached, SeenComment
from gateway.domain.idempotency import RequestKey
from gateway.errors import Conflict, OutcomeUnknown
from providers.errors import Ambiguous, ContractBroken, ProviderError
from providers.models.engagement import Comment
from storage import comments
from storage.comments import CommentRow
from storage.states import CommentState

log = structlog.get_logger(__name__)

CALL_SPAN = timedelta(minutes=5)
"""Longer than a call can take, slots and a newer token included: who sent it no longer waits for its answer."""

CLOCK_SLACK = timedelta(minutes=2)
"""How far a vendor's clock may be behind ours."""

LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class NewComment:
    """What a caller wants to say: below `post`, a post of ours, or below `reply_to`, the vendor's id of a comment."""

    location: str
    account: str
    text: str
    post: str = ""
    reply_to: str = ""


async def create(domain: Domain, new: NewComment, key: RequestKey | None) -> SeenComment:
    """Write a comment: one vendor call, and one more when its answer is lost.

    With a `request_id` that was used before, the first call's comment is given, or looked for. Raises what
    `engagement.connected` and `engagement.vendor_post` raise, Conflict while the first call runs, OutcomeUnknown when
    nobody can say whether it was written, ProviderError when it certainly was not.
    """
    first = await idempotency.earlier(domain.db, key)
    reached = await read.connected(domain, new.location, new.account)
    if first is None:
        reached.facet.check_comment(reached.ref, new.text)
        parent = await read.vendor_post(domain, reached, new.post) if new.post else new.reply_to
        row = _row(domain, new, parent)
        async with domain.db.transaction() as tx:
            first = await idempotency.claim(tx, key, row.id, row.sent_time)
            if first is None:
                await comments.insert(tx, row)
        if first is None:
            # Whoever asked may go away: what the vendor answers is kept all the same.
            return await domain.tokens.guard(_send(domain, reached, new, row, key))
    async with domain.db.read() as tx:
        row = await comments.get(tx, new.location, first)
    return await _again(domain, reached, new, row)


def _row(domain: Domain, new: NewComment, parent: str) -> CommentRow:
    return CommentRow(
        location=new.location, id=domain.new_id(), account=new.account, parent=parent, sent_time=domain.clock()
    )


async def _send(
    domain: Domain, reached: Reached, new: NewComment, row: CommentRow, key: RequestKey | None
) -> SeenComment:
    """Make the one call."""
    try:
        made = await reached.facet.create_comment(
            reached.access, reached.ref, text=new.text, parent=row.parent, reply=not new.post
        )
    except (Ambiguous, ContractBroken) as error:
        log.warning("comments.answer_lost", location=row.location, account=row.account, code=error.code)
        return await _look(domain, reached, new, row, error)
    except ProviderError:
        async with domain.db.transaction() as tx:
            await comments.remove(tx, row.location, row.id)
            await idempotency.release(tx, key)
        raise
    return await _keep(domain, new, row, made)


async def _again(domain: Domain, reached: Reached, new: NewComment, row: CommentRow) -> SeenComment:
    """Return what an earlier call wrote, as it was then, or look for it."""
    if row.state == CommentState.DONE:
        return _seen(new, _comment(row.payload))
    if domain.clock() < row.sent_time + CALL_SPAN:
        raise Conflict("It is being sent in this moment.", metadata={"account": _name(row)}, resource=_name(row))
    return await _look(domain, reached, new, row, None)


async def _look(
    domain: Domain, reached: Reached, new: NewComment, row: CommentRow, error: ProviderError | None
) -> SeenComment:
    """Look for the comment among the latest where it should stand; raises OutcomeUnknown when it is not there."""
    try:
        listed = await reached.facet.list_comments(reached.access, reached.ref, parent=row.parent, limit=LOOKED_AT)
    except ProviderError as trouble:
        raise _unknown(row, error or trouble) from None
    alike = [each for each in listed.comments if _may_be(each, new, row)]
    async with domain.db.read() as tx:
        others = await comments.claimed(tx, row.location, row.account, [each.id for each in alike])
    free = [each for each in alike if each.id not in others]
    own = [each for each in free if each.own] or free
    if len(own) != 1:
        # None, or several of which nobody can say which is this one.
        raise _unknown(row, error)
    return await _keep(domain, new, row, own[0])


def _may_be(found: Comment, new: NewComment, row: CommentRow) -> bool:
    """Return whether a comment says what was sent, and not before it was sent."""
    said = found.text.strip() == new.text.strip()
    return said and found.publish_time is not None and found.publish_time >= row.sent_time - CLOCK_SLACK


def _unknown(row: CommentRow, error: ProviderError | None) -> OutcomeUnknown:
    told = reasons.metadata_of(error) if error is not None else {}
    text = "Look at the post; the same request_id looks again, and sends nothing."
    return OutcomeUnknown(text, metadata={**told, "account": _name(row)}, resource=_name(row))


async def _keep(domain: Domain, new: NewComment, row: CommentRow, made: Comment) -> SeenComment:
    written = replace(made, own=True)
    async with domain.db.transaction() as tx:
        await comments.done(tx, row.location, row.id, written.id, _payload(written))
    return _seen(new, written)


def _seen(new: NewComment, comment: Comment) -> SeenComment:
    return SeenComment(comment, new.post, new.reply_to)


def _name(row: CommentRow) -> str:
    return names.ACCOUNT.format(row.location, row.account)


def _payload(comment: Comment) -> dict[str, Any]:
    time = comment.publish_time.isoformat() if comment.publish_time else None
    return {**asdict(comment), "publish_time": time}


def _comment(payload: dict[str, Any]) -> Comment:
    time = payload["publish_time"]
    uris = tuple(payload["attachment_uris"])
    moment = datetime.fromisoformat(time) if time else None
    return Comment(**{**payload, "attachment_uris": uris, "publish_time": moment})


async def set_liked(domain: Domain, location: str, account: str, comment: str, *, liked: bool) -> None:
    """Like a comment or take that back: one vendor call, which may be made again.

    Raises as `connected` does, ProviderError.
    """
    reached = await read.connected(domain, location, account)
    try:
        await reached.facet.set_liked(reached.access, reached.ref, comment, liked=liked)
    except Ambiguous as error:
        raise vendor_errors.safe_to_repeat(error) from None
