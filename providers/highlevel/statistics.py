"""Figures of accounts, per account and never per post: what is requested, and how the answer is read.

Owns the shapes of …/statistics. Makes no calls. One account is requested at a time, so every sum is its own.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.capabilities import Capability, Support
from providers.errors import CapabilityMissing, OptionUnsupported
from providers.highlevel import account_oauth, wire
from providers.highlevel.config import PROVIDER
from providers.http import strict_json
from providers.models.engagement import AccountRef, Metric, Series, Span

DEFAULT_DAYS = 7
METRICS = (
    Metric.POSTS,
    Metric.FOLLOWERS,
    Metric.IMPRESSIONS,
    Metric.REACH,
    Metric.LIKES,
    Metric.COMMENTS,
    Metric.SHARES,
)
# Specifications of both versions, read 2026-11-20.
PLATFORMS = ("facebook", "instagram", "linkedin", "google", "pinterest", "youtube", "tiktok")
# "NOTE: Linkedin (PAGE only) and Tiktok (BUSINESS only) are supported." For other kinds the answer contains zeros.
_REQUIRED_KINDS = {"linkedin": "page", "tiktok": "business"}
_BUSINESS = "tiktok-business"


def platform_of(account: AccountRef) -> str:
    """Return the name of the account's network in statistics; raises CapabilityMissing if it has no figures."""
    name = account_oauth.vendor_name(account.platform)
    platform, kind = ("tiktok", "business") if name == _BUSINESS else (name, account.kind)
    if platform not in PLATFORMS:
        raise _missing(f"HighLevel has no figures of {platform[:40]!r}.")
    if _REQUIRED_KINDS.get(platform, kind) != kind:
        raise _missing(f"HighLevel has figures of a {platform} {_REQUIRED_KINDS[platform]} only.")
    return platform


def _missing(note: str) -> CapabilityMissing:
    return CapabilityMissing(Capability.ACCOUNT_METRICS, Support.IMPOSSIBLE, note, provider=PROVIDER)


def span_to_request(span: Span | None, now: datetime, *, v3: bool) -> Span | None:
    """Return the days to request, None if they cannot be chosen; v3 always gets them, so that they are known.

    Raises OptionUnsupported for a span that API version 2021-07-28 cannot return.
    """
    if not v3:
        if span is None:
            return None
        text = "HighLevel's API version 2021-07-28 gives the last seven days only (GATEWAY_HIGHLEVEL_API_VERSION)."
        raise OptionUnsupported(text, field="start_time", provider=PROVIDER)
    if span is not None:
        return span
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Span(today - timedelta(days=DEFAULT_DAYS), today)


def request_body(account: AccountRef, platform: str, span: Span | None) -> dict[str, Any]:
    """Return the body for one account; the previous span, of the same length, is what changes are relative to.

    Raises CapabilityMissing for an account without a profile id.
    """
    profile = account.data.get("profile_id", "")
    if not profile:
        raise _missing("HighLevel reported no profile id of this account.")
    body: dict[str, Any] = {"profileIds": [profile], "platforms": [platform]}
    if span is None:
        return body
    previous = Span(span.start - (span.end - span.start), span.start)
    return {**body, "currentRange": _range(span), "prevRange": _range(previous)}


def _range(span: Span) -> dict[str, str]:
    # v3's example ends a range in the last millisecond of its last day (specification, read 2026-11-20).
    return {"startDate": _iso(span.start), "endDate": _iso(span.end - timedelta(milliseconds=1))}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_series(results: Mapping[str, Any], platform: str) -> tuple[Series, ...]:
    """Read the figures under the account's network.

    The sum over all networks is used only if it is not 0: it is then this account's, whereas a 0 may mean that
    HighLevel has no such figure of it.
    """
    count = len(found) if isinstance(found := results.get("dayRange"), list) else 0
    series = (_series(results, metric, platform, count) for metric in METRICS)
    return tuple(each for each in series if each.total is not None or each.days)


def _series(results: Mapping[str, Any], metric: Metric, platform: str, count: int) -> Series:
    breakdowns = strict_json.mapping(results, "breakdowns")
    by_platform = strict_json.mapping(strict_json.mapping(breakdowns, metric), "platforms")
    row, platform_totals = strict_json.mapping(by_platform, platform), strict_json.mapping(results, "platformTotals")
    daily = strict_json.mapping(strict_json.mapping(platform_totals, metric), platform)
    engagement = strict_json.mapping(strict_json.mapping(breakdowns, "engagement"), platform)
    candidates = (row.get("value"), engagement.get(metric), daily.get("total"))
    total = next((number for value in candidates if (number := wire.integer(value)) is not None), None)
    overall = wire.integer(strict_json.mapping(results, "totals").get(metric)) or None
    return Series(
        metric,
        overall if total is None else total,
        _percent(row.get("change")),
        _days(daily.get("series"), count) or _days(_post_performance(results, metric, platform), count),
    )


def _post_performance(results: Mapping[str, Any], metric: Metric, platform: str) -> object:
    """Return the numbers per day: posts are broken down by network; other metrics are this network's, or all zeros."""
    performance = strict_json.mapping(results, "postPerformance")
    if metric is Metric.POSTS:
        return strict_json.mapping(performance, "posts").get(platform)
    found = performance.get(metric)
    return found if isinstance(found, list) and any(found) else None


def _days(value: object, count: int) -> tuple[int, ...]:
    """Return one number per day; empty if there are more or fewer than `count`, as they cannot be matched to days."""
    numbers = [wire.integer(each) for each in value] if isinstance(value, list) else []
    known = tuple(each for each in numbers if each is not None)
    return known if len(known) == len(numbers) == count else ()


def _percent(value: object) -> float | None:
    if isinstance(value, float):
        return value
    number = wire.integer(value) if isinstance(value, int) else None
    return None if number is None else float(number)
