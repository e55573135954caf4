"""An account's figures at HighLevel: seven days, or in v3 the days that are asked for, per account and never per post.

Owns /statistics. Knows no comments. What is asked is one account, so that every sum is its own.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.capabilities import Capability, Support
from providers.errors import CapabilityMissing, OptionUnsupported
from providers.highlevel import account_oauth, wire
from providers.highlevel.client import Call, Client, opened
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import place_of
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.engagement import AccountRef, Figures, Metric, Series, Span

SCOPE = "socialplanner/statistics.readonly"
PATH = "/social-media-posting/statistics"
DAYS = 7
# Specifications of both generations, read 2026-11-20.
PLATFORMS = ("facebook", "instagram", "linkedin", "google", "pinterest", "youtube", "tiktok")
# "NOTE: Linkedin (PAGE only) and Tiktok (BUSINESS only) are supported." For others the answer holds noughts.
_ONLY = {"linkedin": "page", "tiktok": "business"}
_BUSINESS = "tiktok-business"


async def figures(client: Client, access: Access, account: AccountRef, span: Span | None) -> Figures:
    """Read the figures of one account; see the interface.

    Under 2021-07-28 the days are the seven before today, and which zone's today is not documented.
    """
    platform = platform_of(account)
    span = _span(client, span)
    body = wire.allowed(
        ("profileIds", "platforms", "currentRange", "prevRange"),
        {
            "profileIds": [_profile(account)],
            "platforms": [platform],
            "currentRange": _range(span),
            "prevRange": _range(_before(span)),
        },
    )
    query = {"locationId": (await place_of(access)).location_id}
    call = Call("POST", PATH, SCOPE, query, body, write=False, again=True)
    said = await client.ask(access, call, opened)
    if not said.results:
        raise contract("HighLevel's answer has no figures.", log_id=said.log_id)
    return Figures(read_series(said.results, platform), span)


def platform_of(account: AccountRef) -> str:
    """Return what statistics call the account's network; raises CapabilityMissing where they have none of it."""
    theirs = account_oauth.theirs(account.platform)
    platform, kind = ("tiktok", "business") if theirs == _BUSINESS else (theirs, account.kind)
    if platform not in PLATFORMS:
        raise _none(f"HighLevel has no figures of {platform[:40]!r}.")
    if _ONLY.get(platform, kind) != kind:
        raise _none(f"HighLevel has figures of a {platform} {_ONLY[platform]} only.")
    return platform


def _none(note: str) -> CapabilityMissing:
    return CapabilityMissing(Capability.ACCOUNT_METRICS, Support.IMPOSSIBLE, note, provider=PROVIDER)


def _profile(account: AccountRef) -> str:
    profile = account.data.get("profile_id", "")
    if not profile:
        raise _none("HighLevel named no profile of this account.")
    return profile


def _span(client: Client, span: Span | None) -> Span | None:
    """Return the days to ask for; v3 is always told, so that it is known which they are."""
    if not client.config.v3:
        if span is None:
            return None
        text = "HighLevel's API version 2021-07-28 gives the last seven days only (GATEWAY_HIGHLEVEL_API_VERSION)."
        raise OptionUnsupported(text, field="start_time", provider=PROVIDER)
    if span is not None:
        return span
    today = client.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    return Span(today - timedelta(days=DAYS), today)


def _before(span: Span | None) -> Span | None:
    """Return the span that the changes are against: as long, just before."""
    return Span(span.start - (span.end - span.start), span.start) if span else None


def _range(span: Span | None) -> dict[str, str] | None:
    # v3's example ends a range in the last millisecond of its last day (specification, read 2026-11-20).
    return {"startDate": _iso(span.start), "endDate": _iso(span.end - timedelta(milliseconds=1))} if span else None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_series(results: Mapping[str, Any], platform: str) -> tuple[Series, ...]:
    """Read what stands under the account's network.

    A sum over all networks is taken where it is not 0: it is then this account's, and a 0 there may mean that HighLevel
    has no such figure of it.
    """
    count = len(found) if isinstance(found := results.get("dayRange"), list) else 0
    made = (_series(results, metric, platform, count) for metric in Metric)
    return tuple(each for each in made if each.total is not None or each.days)


def _series(results: Mapping[str, Any], metric: Metric, platform: str, count: int) -> Series:
    breakdowns = strict_json.mapping(results, "breakdowns")
    broken = strict_json.mapping(strict_json.mapping(breakdowns, metric), "platforms")
    row, summed = strict_json.mapping(broken, platform), strict_json.mapping(results, "platformTotals")
    run = strict_json.mapping(strict_json.mapping(summed, metric), platform)
    engaged = strict_json.mapping(strict_json.mapping(breakdowns, "engagement"), platform)
    told = (row.get("value"), engaged.get(metric), run.get("total"))
    total = next((number for value in told if (number := wire.integer(value)) is not None), None)
    whole = wire.integer(strict_json.mapping(results, "totals").get(metric)) or None
    return Series(
        metric,
        whole if total is None else total,
        _percent(row.get("change")),
        _days(run.get("series"), count) or _days(_performance(results, metric, platform), count),
    )


def _performance(results: Mapping[str, Any], metric: Metric, platform: str) -> object:
    """Return the numbers by day: those of posts stand by network, the others are noughts or this one's."""
    performance = strict_json.mapping(results, "postPerformance")
    if metric is Metric.POSTS:
        return strict_json.mapping(performance, "posts").get(platform)
    found = performance.get(metric)
    return found if isinstance(found, list) and any(found) else None


def _days(value: object, count: int) -> tuple[int, ...]:
    """Return one number a day, or nothing: a row that is not as long as the days cannot be told apart."""
    numbers = [wire.integer(each) for each in value] if isinstance(value, list) else []
    known = tuple(each for each in numbers if each is not None)
    return known if len(known) == len(numbers) == count else ()


def _percent(value: object) -> float | None:
    if isinstance(value, float):
        return value
    number = wire.integer(value) if isinstance(value, int) else None
    return None if number is None else float(number)
