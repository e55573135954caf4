"""The Display API: profile and public videos, with a scope for each field.

Owns: user/info, video/list, video/query. Knows nothing of publishing.
"""

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok.errors import VendorError
from providers.simulators.tiktok.users import Account, SimVideo, profile, video_fields
from providers.simulators.tiktok.wire import authorize_call, envelope, field_list, integer, json_object, vendor_of

_BASIC = "open_id union_id avatar_url avatar_url_100 avatar_large_url display_name"
_PROFILE = "bio_description profile_deep_link is_verified username"
_STATS = "follower_count following_count likes_count video_count"
_VIDEO = (
    "id create_time cover_image_url share_url video_description duration height width title embed_html embed_link "
    "like_count comment_count share_count view_count"
)
USER_FIELDS = {
    **dict.fromkeys(_BASIC.split(), "user.info.basic"),
    **dict.fromkeys(_PROFILE.split(), "user.info.profile"),
    **dict.fromkeys(_STATS.split(), "user.info.stats"),
}
VIDEO_FIELDS = dict.fromkeys(_VIDEO.split(), "video.list")
MOST = 20


async def user_info(request: Request) -> Response:
    """Return the chosen fields of the user's profile."""
    grant = authorize_call(request, "user.info", "user.info.basic", "user.info.profile", "user.info.stats")
    vendor = vendor_of(request)
    fields = field_list(request, USER_FIELDS, grant)
    every = profile(vendor.accounts[grant.open_id])
    return envelope(vendor, {"user": {name: every[name] for name in fields}})


def _pick(account: Account, videos: list[SimVideo], fields: list[str]) -> list[dict[str, object]]:
    rows = (video_fields(account.user.username, video) for video in videos)
    return [{name: row[name] for name in fields} for row in rows]


async def video_list(request: Request) -> Response:
    """Return a page of public videos, newest first. The cursor is in milliseconds, and may be any time."""
    grant = authorize_call(request, "video.list", "video.list")
    vendor = vendor_of(request)
    fields = field_list(request, VIDEO_FIELDS, grant)
    body = await json_object(request) if await request.body() else {}
    count = integer(body.get("max_count", 10), "max_count")
    cursor = integer(body.get("cursor", 0), "cursor")
    if not 1 <= count <= MOST or cursor < 0:
        raise VendorError("invalid_params", "max_count or cursor is out of range")
    account = vendor.accounts[grant.open_id]
    older = [video for video in account.videos if not cursor or video.created_ms < cursor]
    newest_first = sorted(older, key=lambda video: video.created_ms, reverse=True)
    page = newest_first[:count]
    data = {
        "videos": _pick(account, page, fields),
        "cursor": page[-1].created_ms if page else cursor,
        "has_more": len(newest_first) > count,
    }
    return envelope(vendor, data)


async def video_query(request: Request) -> Response:
    """Return the videos of up to 20 ids that belong to the user; other ids are left out."""
    grant = authorize_call(request, "video.query", "video.list")
    vendor = vendor_of(request)
    fields = field_list(request, VIDEO_FIELDS, grant)
    filters = (await json_object(request)).get("filters")
    wanted = filters.get("video_ids") if isinstance(filters, dict) else None
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise VendorError("invalid_params", "filters.video_ids is not a list of strings")
    if not 1 <= len(wanted) <= MOST:
        raise VendorError("invalid_params", f"filters.video_ids has none or more than {MOST}")
    account = vendor.accounts[grant.open_id]
    found = [video for video in account.videos if str(video.id) in wanted]
    return envelope(vendor, {"videos": _pick(account, found, fields)})
