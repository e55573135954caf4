"""Statistics of accounts, not of posts: published posts are counted, all other numbers are zero.

Owns: /statistics. Knows nothing of reactions to a post.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Range:
    """A range of whole days, or of parts of them.

    v3's example ends in the last millisecond of its last day (specification, read 2026-11-20), and an end at midnight
    does not touch the day that begins there.
    """

    start: datetime
    end: datetime

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Range":
        """Return the range of a valid body."""
        start, end = (validation.parse_instant(body[name]) for name in ("startDate", "endDate"))
        if start is None or end is None:
            raise ValueError("it has no dates")
        return cls(start, end)

    @property
    def days(self) -> int:
        """How many days it touches; 0 when it does not end after its start."""
        if self.end <= self.start:
            return 0
        last = self.end - timedelta(microseconds=1)
        return (last.date() - self.start.date()).days + 1

    def day_of(self, time: datetime) -> int | None:
        """Return the number of a time's day, from 0; None outside the range."""
        day = (time.astimezone(self.start.tzinfo).date() - self.start.date()).days
        return day if self.start <= time <= self.end and day < self.days else None


def _platforms(name: str, value: Any) -> list[str]:
    right = isinstance(value, list) and all(each in PLATFORMS for each in value)
    return [] if right else [f"each value in {name} must be one of the following values: {', '.join(PLATFORMS)}"]


_SHAPE: Shape = {
    "profileIds": Field(validation.some(validation.texts, most=100), True),
    "platforms": Field(_platforms),
}
_DATES = validation.nested({"startDate": Field(validation.instant, True), "endDate": Field(validation.instant, True)})


def _dates(name: str, value: Any) -> list[str]:
    """Check a range; its end "must be after startDate" (v3's specification, read 2026-11-20)."""
    found = _DATES(name, value)
    if not found and Range.of(value).days < 1:
        found.append(f"{name}.endDate must be after startDate")
    return found


_V3_SHAPE: Shape = {**_SHAPE, "currentRange": Field(_dates), "prevRange": Field(_dates)}


def _counted(account: SimAccount) -> bool:
    """Return whether an account has statistics: TikTok's only if business, LinkedIn's only if a page."""
    if account.platform == "linkedin":
        return account.type == "page"
    return account.platform != "tiktok" or account.type == "business"


def _range(vendor: Vendor, body: dict[str, Any]) -> Range:
    if body.get("currentRange") is not None:
        return Range.of(body["currentRange"])
    today = vendor.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return Range(today - timedelta(days=DAYS), today)


async def statistics(request: Request) -> Response:
    """Return the statistics of up to 100 profiles: 201 under 2021-07-28, 200 under v3."""
    vendor, v3, body = wire.vendor_of(request), wire.generation(request) == V3, await wire.json_object(request)
    found = validation.problems(_V3_SHAPE if v3 else _SHAPE, body)
    if "prevRange" in body and "currentRange" not in body:
        found.append("currentRange should not be empty when prevRange is given")
    if found:
        raise invalid(*found)
    chosen = _range(vendor, body)
    wanted = [each for each in vendor.accounts.of(wire.location_of(request)) if each.profile_id in body["profileIds"]]
    posts = _posts(vendor, [each for each in wanted if _counted(each)], chosen)
    answer = {
        "results": _results(posts, chosen),
        "message": "Fetched statistics",
        "traceId": ids.trace_id(vendor.entropy),
    }
    return JSONResponse(answer, 200 if v3 else 201)


def _posts(vendor: Vendor, accounts: list[SimAccount], chosen: Range) -> dict[str, list[int]]:
    """Return the number of posts per network and day."""
    counts: dict[str, list[int]] = {}
    for account in accounts:
        days = counts.setdefault(account.platform, [0] * chosen.days)
        for row in vendor.posts:
            day = chosen.day_of(row.time)
            if row.account_id == account.id and day is not None:
                days[day] += 1
    return counts


def _results(posts: dict[str, list[int]], chosen: Range) -> dict[str, Any]:
    totals = {platform: sum(counts) for platform, counts in posts.items()}
    total, days = sum(totals.values()), chosen.days
    nought = {"total": 0, "totalChange": 0, "platforms": {}}
    return {
        "dayRange": [f"{chosen.start + timedelta(days=day):%b %d}" for day in range(days)],
        "totals": {"posts": total, "likes": 0, "followers": 0, "impressions": 0, "comments": 0},
        "postPerformance": {
            "posts": posts,
            **{name: [0] * days for name in ("impressions", "likes", "comments")},
        },
        "breakdowns": {
            "posts": {
                "total": total,
                "totalChange": 0,
                "platforms": {platform: {"value": count, "change": 0} for platform, count in totals.items()},
            },
            "impressions": nought,
            "reach": nought,
            "engagement": {},
        },
        "platformTotals": {"impressions": {}, "followers": {}, "likes": {}},
        "demographics": {},
    }
