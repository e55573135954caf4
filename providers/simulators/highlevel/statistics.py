"""Statistics of accounts, not of posts: published posts are counted, all other numbers are zero.

Owns: /statistics. Knows nothing of reactions to a post.
"""

from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.simulators.highlevel import ids, validation, wire
from providers.simulators.highlevel.errors import invalid
from providers.simulators.highlevel.operations import V3
from providers.simulators.highlevel.social_accounts import SimAccount
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.validation import Field, Shape

# Specification, read 2026-11-20: the week before today, compared with the week before that.
DAYS = 7
PLATFORMS = ("facebook", "instagram", "linkedin", "google", "pinterest", "youtube", "tiktok")


def _platforms(name: str, value: Any) -> list[str]:
    right = isinstance(value, list) and all(each in PLATFORMS for each in value)
    return [] if right else [f"each value in {name} must be one of the following values: {', '.join(PLATFORMS)}"]


_SHAPE: Shape = {
    "profileIds": Field(validation.some(validation.texts, most=100), True),
    "platforms": Field(_platforms),
}
_RANGE = validation.nested({"startDate": Field(validation.instant, True), "endDate": Field(validation.instant, True)})
_V3_SHAPE: Shape = {**_SHAPE, "currentRange": Field(_RANGE), "prevRange": Field(_RANGE)}


def _counted(account: SimAccount) -> bool:
    """Return whether an account has statistics: TikTok's only if business, LinkedIn's only if a page."""
    if account.platform == "linkedin":
        return account.type == "page"
    return account.platform != "tiktok" or account.type == "business"


def _range(vendor: Vendor, body: dict[str, Any]) -> tuple[datetime, datetime]:
    given = body.get("currentRange")
    if given is not None:
        start, end = (validation.parse_instant(given[name]) for name in ("startDate", "endDate"))
        if start is not None and end is not None:
            return start, end
    today = vendor.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=DAYS), today


async def statistics(request: Request) -> Response:
    """Return the statistics of up to 100 profiles: 201 under 2021-07-28, 200 under v3."""
    vendor, v3, body = wire.vendor_of(request), wire.generation(request) == V3, await wire.json_object(request)
    found = validation.problems(_V3_SHAPE if v3 else _SHAPE, body)
    if "prevRange" in body and "currentRange" not in body:
        found.append("currentRange should not be empty when prevRange is given")
    if found:
        raise invalid(*found)
    start, end = _range(vendor, body)
    wanted = [each for each in vendor.accounts.of(wire.location_of(request)) if each.profile_id in body["profileIds"]]
    posts = _posts(vendor, [each for each in wanted if _counted(each)], start, end)
    answer = {
        "results": _results(posts, start, end),
        "message": "Fetched statistics",
        "traceId": ids.trace_id(vendor.entropy),
    }
    return JSONResponse(answer, 200 if v3 else 201)


def _posts(vendor: Vendor, accounts: list[SimAccount], start: datetime, end: datetime) -> dict[str, int]:
    counts: dict[str, int] = {}
    for account in accounts:
        mine = [row for row in vendor.posts if row.account_id == account.id and start <= row.time < end]
        counts[account.platform] = counts.get(account.platform, 0) + len(mine)
    return counts


def _results(posts: dict[str, int], start: datetime, end: datetime) -> dict[str, Any]:
    total, days = sum(posts.values()), (end - start).days
    nought = {"total": 0, "totalChange": 0, "platforms": {}}
    return {
        "dayRange": [f"{start + timedelta(days=day):%b %d}" for day in range(days)],
        "totals": {"posts": total, "likes": 0, "followers": 0, "impressions": 0, "comments": 0},
        "postPerformance": {
            "posts": {platform: [count] for platform, count in posts.items()},
            **{name: [0] * days for name in ("impressions", "likes", "comments")},
        },
        "breakdowns": {
            "posts": {
                "total": total,
                "totalChange": 0,
                "platforms": {platform: {"value": count, "change": 0} for platform, count in posts.items()},
            },
            "impressions": nought,
            "reach": nought,
            "engagement": {},
        },
        "platformTotals": {"impressions": {}, "followers": {}, "likes": {}},
        "demographics": {},
    }
