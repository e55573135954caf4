"""Comments below the account's own posts: lists, replies, likes, hiding, deleting.

Owns: /business/comment/…. A cursor counts comments from the beginning of the list: one that comes or goes moves the
others under it.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.accounts import SimAccount, SimComment, SimVideo
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.wire import (
    Values,
    authorize_call,
    choice,
    envelope,
    integer,
    json_body,
    json_list,
    required,
    vendor_of,
)

READ, MANAGE = "comment.list", "comment.list.manage"
MOST = 30
MOST_INCLUDED = 3


def _video(account: SimAccount, values: Values) -> SimVideo:
    [video_id] = required(values, "video_id")
    if video_id not in account.videos:
        raise VendorError(40007, "video_id: the video does not exist or is not of this account")
    return account.videos[video_id]


def _comment(video: SimVideo, comment_id: str) -> SimComment:
    if comment_id not in video.comments:
        raise VendorError(40007, "comment_id: the comment does not exist")
    return video.comments[comment_id]


def shown(video: SimVideo, comment: SimComment, *, replies: int = 0) -> dict[str, Any]:
    """Return a comment as the API shows it, with the first of its replies when they are asked for."""
    below = sorted(
        (each for each in video.comments.values() if each.parent == comment.comment_id), key=lambda each: each.created
    )
    row: dict[str, Any] = {
        "comment_id": comment.comment_id,
        "video_id": comment.video_id,
        "user_id": f"user-{comment.username}",
        "unique_identifier": f"uid-{comment.username}",
        "create_time": str(int(comment.created.timestamp())),
        "text": comment.text,
        "likes": comment.likes + comment.liked,
        "replies": len(below),
        "owner": comment.owner,
        "liked": comment.liked,
        "pinned": comment.pinned,
        "status": "HIDDEN" if comment.hidden else "PUBLIC",
        "username": comment.username,
        "display_name": comment.display_name,
        "profile_image": f"https://p16-sign.tiktokcdn.com/sim/{comment.username}.webp?x-expires=1780000000",
    }
    if comment.parent:
        row["parent_comment_id"] = comment.parent
    if replies:
        row["reply_list"] = [shown(video, each) for each in below[:replies]]
    return row


def _page(request: Request, video: SimVideo, values: Values, found: list[SimComment]) -> Response:
    """Return a page of comments in the chosen order."""
    field = choice(values, "sort_field", ("likes", "replies", "create_time"), "create_time")
    order = choice(values, "sort_order", ("asc", "desc", "smart"), "smart")
    if choice(values, "status", ("PUBLIC", "ALL"), "ALL") == "PUBLIC":
        found = [each for each in found if not each.hidden]
    rows = [shown(video, each, replies=_included(values)) for each in found]
    keys = {"create_time": lambda row: (int(row["create_time"]), row["comment_id"])}
    rows.sort(key=keys.get(field, lambda row: (row[field], row["comment_id"])), reverse=order != "asc")
    cursor = integer(values, "cursor", 0)
    count = integer(values, "max_count", 20, least=1, most=MOST)
    end = min(cursor + count, len(rows))
    data = {"comments": rows[cursor:end], "cursor": end, "has_more": end < len(rows)}
    return envelope(vendor_of(request), data)


def _included(values: Values) -> int:
    return MOST_INCLUDED if str(values.get("include_replies", "")).lower() == "true" else 0


async def comment_list(request: Request) -> Response:
    """Return a page of the comments directly below a post."""
    values = dict(request.query_params)
    video = _video(authorize_call(request, "comment.list", READ, values), values)
    wanted = json_list(values, "comment_ids", [])
    if len(wanted) > MOST:
        raise VendorError(40011, f"comment_ids: at most {MOST}")
    found = [each for each in video.comments.values() if not each.parent and (not wanted or each.comment_id in wanted)]
    return _page(request, video, values, found)


async def reply_list(request: Request) -> Response:
    """Return a page of the replies below a comment."""
    values = dict(request.query_params)
    video = _video(authorize_call(request, "reply.list", READ, values), values)
    [comment_id] = required(values, "comment_id")
    parent = _comment(video, comment_id)
    found = [each for each in video.comments.values() if each.parent == parent.comment_id]
    return _page(request, video, values, found)


async def create(request: Request) -> Response:
    """Write a comment below a post."""
    return await _write(request, "comment.create", reply=False)


async def reply_create(request: Request) -> Response:
    """Write a reply below a comment; replies are one level deep."""
    return await _write(request, "reply.create", reply=True)


async def _write(request: Request, operation: str, *, reply: bool) -> Response:
    values, vendor = await json_body(request), vendor_of(request)
    account = authorize_call(request, operation, MANAGE, values)
    video, parent = _video(account, values), ""
    if reply:
        [comment_id] = required(values, "comment_id")
        parent = _comment(video, comment_id).comment_id
        if video.comments[parent].parent:
            raise VendorError(40002, "comment_id: replies are one level deep")
    [text] = required(values, "text")
    if len(text) > vendor.config.comment_length:
        raise VendorError(40002, f"text: must have at most {vendor.config.comment_length} characters")
    made = vendor.add_comment(
        video.id, text, parent=parent, owner=True, username=account.username, display_name=account.display_name
    )
    vendor.written.append((operation, made.comment_id, text))
    return envelope(vendor, shown(video, made))


async def like(request: Request) -> Response:
    """Like a comment as the account, or take the like back."""
    return await _act(request, "comment.like", ("LIKE", "UNLIKE"), "liked")


async def hide(request: Request) -> Response:
    """Hide a comment from everybody but its author, or show it again."""
    return await _act(request, "comment.hide", ("HIDE", "UNHIDE"), "hidden")


async def pin(request: Request) -> Response:
    """Pin a comment to the top, or let it go."""
    return await _act(request, "comment.pin", ("PIN", "UNPIN"), "pinned")


async def _act(request: Request, operation: str, actions: tuple[str, str], attribute: str) -> Response:
    values, vendor = await json_body(request), vendor_of(request)
    account = authorize_call(request, operation, MANAGE, values)
    [comment_id] = required(values, "comment_id")
    comment = _comment(_video(account, values), comment_id)
    action = choice(values, "action", actions)
    setattr(comment, attribute, action == actions[0])
    vendor.written.append((operation, comment_id, action))
    if attribute == "hidden":
        vendor.tell(account, comment, "set_to_hidden" if comment.hidden else "set_to_public")
    return envelope(vendor, {})


async def delete(request: Request) -> Response:
    """Delete a comment that the account itself wrote; others can only be hidden."""
    values, vendor = await json_body(request), vendor_of(request)
    account = authorize_call(request, "comment.delete", MANAGE, values)
    [comment_id] = required(values, "comment_id")
    comment = account.comment(comment_id)
    if comment is None:
        raise VendorError(40007, "comment_id: the comment does not exist")
    if not comment.owner:
        raise VendorError(40001, "comment_id: only own comments can be deleted")
    vendor.remove_comment(comment_id)
    vendor.written.append(("comment.delete", comment_id, ""))
    return envelope(vendor, {})
