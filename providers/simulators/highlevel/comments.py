"""Comments of v3: reply, list, like and unlike.

Owns: /comments. Knows nothing of where comments come from: a control adds them.
"""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.highlevel import validation, wire
from providers.simulators.highlevel.errors import Refusal, invalid, not_found
from providers.simulators.highlevel.planner_resources import Comment, comment_json
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.validation import Field, Shape

# v3's specification, read 2026-11-20.
LIKED = ("facebook", "linkedin", "community", "tiktok", "bluesky")
PLATFORMS = (*LIKED, "instagram", "youtube", "threads")
TIKTOK_CONTENT = 150

_ATTACHMENT: Shape = {"url": Field(validation.text, True), "type": Field(validation.one_of("image"), True)}
_MENTION: Shape = {
    "name": Field(validation.text, True),
    "id": Field(validation.text, True),
    "offset": Field(validation.number, True),
    "length": Field(validation.number, True),
    "slug": Field(validation.text),
}
_CREATE: Shape = {
    "parentId": Field(validation.text, True),
    "isParentThread": Field(validation.flag, True),
    "content": Field(validation.text, True),
    "attachments": Field(validation.each(_ATTACHMENT, complaint="attachments must be an array")),
    "mentions": Field(validation.each(_MENTION, complaint="mentions must be an array")),
    "notifyAllGroupMembers": Field(validation.flag),
}
_LIST: Shape = {
    "originIds": Field(validation.some(validation.texts), True),
    "fromDate": Field(validation.instant),
    "toDate": Field(validation.instant),
    "sortBy": Field(validation.one_of("top", "latest")),
    "search": Field(validation.text),
    "skip": Field(validation.between(0, 10**9)),
    "limit": Field(validation.between(1, 100)),
    "parentId": Field(validation.text),
}


def _platform(request: Request, known: tuple[str, ...] = PLATFORMS) -> str:
    platform = wire.path_param(request, "platform")
    if platform not in known:
        raise invalid(f"platform must be one of the following values: {', '.join(known)}")
    return platform


def _shown(vendor: Vendor, comment: Comment) -> dict[str, Any]:
    return comment_json(comment, sum(each.parent_id == comment.id for each in vendor.comments.values()))


async def create(request: Request) -> Response:
    """Reply to a comment, or comment on a published post. The ids are HighLevel's."""
    vendor, platform, body = wire.vendor_of(request), _platform(request), await wire.json_object(request)
    content = validation.limited(TIKTOK_CONTENT) if platform == "tiktok" else validation.text
    shape = {**_CREATE, "content": Field(content, True)}
    wire.check_shape(shape, body)
    comment = vendor.add_comment(
        location_id=wire.location_of(request),
        platform=platform,
        parent_id=body["parentId"],
        content=body["content"],
        author="HighLevel",
    )
    if comment is None:
        raise not_found("Parent")
    comment.author = comment.origin_id or comment.author
    comment.is_read = True
    return wire.envelope(request, "Created comment", _shown(vendor, comment), 201)


def _own(request: Request, platform: str) -> Comment:
    comment = wire.vendor_of(request).comments.get(wire.mongo_id(request))
    if comment is None or (comment.platform, comment.location_id) != (platform, wire.location_of(request)):
        raise not_found("Comment")
    return comment


async def like(request: Request) -> Response:
    """Like a comment; 400 when it is already liked."""
    comment = _own(request, _platform(request, LIKED))
    if comment.liked:
        raise Refusal(400, "Comment is already liked")
    comment.liked = True
    return wire.envelope(request, "Liked comment", status=201)


async def unlike(request: Request) -> Response:
    """Unlike a comment; 400 when it is not liked."""
    comment = _own(request, _platform(request, LIKED))
    if not comment.liked:
        raise Refusal(400, "Comment is not liked")
    comment.liked = False
    return wire.envelope(request, "Unliked comment")


def _matches(comment: Comment, body: dict[str, Any]) -> bool:
    since = validation.parse_instant(body.get("fromDate")) or datetime.min.replace(tzinfo=UTC)
    until = validation.parse_instant(body.get("toDate")) or datetime.max.replace(tzinfo=UTC)
    wanted = comment.origin_id in body["originIds"] and since <= comment.time <= until
    parent = body.get("parentId") or comment.parent_id
    return wanted and parent == comment.parent_id and (body.get("search") or "") in comment.content


async def listing(request: Request) -> Response:
    """Return a page of comments, the latest first. Here skip and limit are numbers."""
    vendor, platform, body = wire.vendor_of(request), _platform(request), await wire.json_object(request)
    found = validation.problems(_LIST, body)
    if ("fromDate" in body) != ("toDate" in body):
        found.append("fromDate and toDate must be given together")
    if found:
        raise invalid(*found)
    here = [each for each in vendor.comments.values() if each.location_id == wire.location_of(request)]
    rows = [each for each in here if each.platform == platform and _matches(each, body)]
    rows.sort(key=lambda each: each.liked if body.get("sortBy") == "top" else each.time, reverse=True)
    skip, limit = int(body.get("skip", 0)), int(body.get("limit", 20))
    meta = {
        "total": len(rows),
        "totalUnread": sum(not each.is_read for each in rows),
        "skip": skip,
        "limit": limit,
        "hasMore": skip + limit < len(rows),
    }
    shown = [_shown(vendor, each) for each in rows[skip : skip + limit]]
    return wire.envelope(request, "Fetched comments", {"comments": shown, "meta": meta}, 201)
