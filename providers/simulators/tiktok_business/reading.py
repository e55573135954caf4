"""The reads of an account: its profile with insights, and its videos with theirs, with a scope for each field.

Owns: /business/get/ and /business/video/list/. Knows nothing of comments and publishing.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business import accounts
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.state import Vendor
from providers.simulators.tiktok_business.wire import (
    Values,
    authorize_call,
    check_scope,
    envelope,
    integer,
    json_list,
    vendor_of,
)

DEMOGRAPHICS = ("audience_ages", "audience_genders", "audience_countries", "audience_cities")
PROFILE_FIELDS = {
    "display_name": "user.info.basic",
    "profile_image": "user.info.basic",
    "username": "user.info.username",
    "profile_deep_link": "user.info.profile",
    "bio_description": "user.info.profile",
    "is_verified": "user.info.profile",
    "following_count": "user.info.stats",
    "followers_count": "user.info.stats",
    "total_likes": "user.info.stats",
    "videos_count": "user.info.stats",
    "is_business_account": "user.account.type",
    **dict.fromkeys(DEMOGRAPHICS, "user.insights"),
}
DAILY_FIELDS = dict.fromkeys(accounts.DAILY, "user.insights")
VIDEO_FIELDS = {
    **dict.fromkeys(
        (
            "item_id",
            "media_type",
            "is_ad",
            "create_time",
            "thumbnail_url",
            "share_url",
            "embed_url",
            "caption",
            "video_duration",
        ),
        "video.list",
    ),
    **dict.fromkeys((*accounts.LIFETIME, "impression_sources"), "video.insights"),
}
LOOK_BACK = timedelta(days=60)
MOST_VIDEOS = 20


def _fields(request: Request, values: Values, allowed: Mapping[str, str], default: list[str]) -> list[str]:
    fields = json_list(values, "fields", default)
    for name in fields:
        if name not in allowed:
            raise VendorError(40002, f"fields: {name[:50]} is not a valid field")
    check_scope(request.state.grant, *(allowed[name] for name in fields))
    return fields


async def business_get(request: Request) -> Response:
    """Return the chosen fields of the profile, and the daily values of a span of days."""
    values = dict(request.query_params)
    account, vendor = authorize_call(request, "business.get", "", values), vendor_of(request)
    if vendor.config.profile_needs_stats:
        check_scope(request.state.grant, "user.info.stats", "user.info.profile")
    scopes = {**DAILY_FIELDS, **PROFILE_FIELDS}
    fields = _fields(request, values, scopes, ["display_name", "profile_image"])
    start, end = _span(vendor, values)
    shown = accounts.profile(account)
    data: dict[str, Any] = {name: shown[name] for name in fields if name in shown}
    daily = [name for name in fields if name in DAILY_FIELDS]
    if daily and "user.insights" in request.state.grant.scopes:
        known = _midnight(vendor.now()) - timedelta(days=vendor.config.days_behind)
        data["metrics"] = list(accounts.days(account, start, min(end, known), daily))
    return envelope(vendor, data)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _span(vendor: Vendor, values: Values) -> tuple[datetime, datetime]:
    today = _midnight(vendor.now())
    start = _date(values, "start_date", today - timedelta(days=7))
    end = _date(values, "end_date", today - timedelta(days=1))
    if not start <= end < today or start < today - LOOK_BACK:
        raise VendorError(40002, "start_date: must not be after end_date, nor more than 60 days ago")
    return start, end


def _date(values: Values, name: str, default: datetime) -> datetime:
    if name not in values:
        return default
    try:
        return datetime.strptime(values[name], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise VendorError(40002, f"{name}: Not a valid date.") from None


async def video_list(request: Request) -> Response:
    """Return a page of public posts, newest first; filtered ones take a place on it. The cursor is in milliseconds."""
    values = dict(request.query_params)
    account, vendor = authorize_call(request, "video.list", "video.list", values), vendor_of(request)
    fields = _fields(request, values, VIDEO_FIELDS, ["item_id"])
    count = integer(values, "max_count", 10, least=1, most=MOST_VIDEOS)
    cursor = integer(values, "cursor", int(vendor.now().timestamp() * 1_000) + 1)
    wanted = _filter(values)
    older = [each for each in account.videos.values() if each.created_ms < cursor and wanted in (None, [], [each.id])]
    if wanted:
        older = [each for each in account.videos.values() if each.id in wanted]
    newest = sorted(older, key=lambda video: video.created_ms, reverse=True)
    page = newest[:count]
    rows = [accounts.video_fields(account, each) for each in page if not each.filtered]
    data = {
        "videos": [{name: row[name] for name in fields if name in row} for row in rows],
        "cursor": page[-1].created_ms if page else cursor,
        "has_more": len(newest) > count,
    }
    return envelope(vendor, data)


def _filter(values: Values) -> list[str] | None:
    if "filters" not in values:
        return None
    try:
        filters = json.loads(values["filters"])
    except ValueError:
        filters = None
    ids = filters.get("video_ids") if isinstance(filters, dict) else None
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_VIDEOS or not all(isinstance(each, str) for each in ids):
        raise VendorError(40002, "filters: video_ids must be a list of 1 to 20 strings")
    return ids
