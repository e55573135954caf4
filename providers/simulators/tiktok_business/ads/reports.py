"""The synchronous report: what was spent and seen, by node and by day or hour, as text, with `-` for no number.

Owns: /report/integrated/get/. Everything follows from the spend of the ads, so that the levels add up.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok_business.ads.wire import advertiser_of, paged
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.advertisers import SimAdvertiser
from providers.simulators.tiktok_business.marketing.nodes import SimNode
from providers.simulators.tiktok_business.wire import Values, choice, envelope, json_list, vendor_of

LEVELS = {
    "AUCTION_ADVERTISER": "advertiser",
    "AUCTION_CAMPAIGN": "campaign",
    "AUCTION_ADGROUP": "adgroup",
    "AUCTION_AD": "ad",
}
TIMES = ("stat_time_day", "stat_time_hour")
AUDIENCE = ("gender", "age", "country_code", "language", "platform", "placement", "interest_category")
# What the parts of an audience are, and their shares of everything in percent.
PARTS = {"gender": (("MALE", 40), ("FEMALE", 60)), "age": (("AGE_18_24", 70), ("AGE_25_34", 30))}
COUNTED = ("impressions", "clicks", "video_play_actions", "likes", "comments", "shares", "follows", "profile_visits")
WITHOUT_NUMBER = ("conversion", "cost_per_conversion", "conversion_rate", "result", "cost_per_result", "result_rate")
MOST_DAYS = {"stat_time_day": 30, "stat_time_hour": 1, "": 365}
Key = tuple[str, ...]


async def integrated(request: Request) -> Response:
    """Return one page of a report."""
    values, vendor = dict(request.query_params), vendor_of(request)
    advertiser = advertiser_of(request, "report.get", "44", values)
    rows = rows_of(vendor.marketing.of_level("ad", advertiser.advertiser_id), advertiser, values, MOST_DAYS)
    page, info = paged(values, rows)
    return envelope(vendor, {"list": page, "page_info": info})


def rows_of(
    ads: Iterable[SimNode], advertiser: SimAdvertiser, values: Values, most_days: Mapping[str, int]
) -> list[dict[str, dict[str, str]]]:
    """Return all rows of a report of ads; `most_days` is how long its span may be. Raise VendorError."""
    kind = choice(values, "report_type", ("BASIC", "AUDIENCE"))
    level = LEVELS[choice(values, "data_level", tuple(LEVELS))]
    dimensions = _dimensions(values, level, kind)
    metrics = json_list(values, "metrics", ["spend", "impressions"])
    span = _span(values, most_days[next((each for each in dimensions if each in TIMES), "")])
    wanted = _filters(values)
    sums = _sums(advertiser, [each for each in ads if _is_wanted(each, wanted)], level, dimensions, span)
    return [
        {"dimensions": dict(zip(dimensions, key, strict=True)), "metrics": _metrics(cost, metrics)}
        for key, cost in sorted(sums.items())
    ]


def _dimensions(values: Values, level: str, kind: str) -> list[str]:
    found = json_list(values, "dimensions", [])
    times = [each for each in found if each in TIMES]
    others = [each for each in found if each in AUDIENCE]
    known = {f"{level}_id", *TIMES, *(AUDIENCE if kind == "AUDIENCE" else ())}
    if f"{level}_id" not in found or len(times) > 1 or not set(found) <= known or (kind == "AUDIENCE") != bool(others):
        raise VendorError(40002, "dimensions: Must be one id, one time and, of an audience, what it is split by.")
    return found


def _span(values: Values, most_days: int) -> tuple[date, date]:
    if values.get("query_lifetime") == "true":
        return date.min, date.max
    try:
        start, end = (datetime.strptime(values[name], "%Y-%m-%d").date() for name in ("start_date", "end_date"))  # noqa: DTZ007
    except (KeyError, ValueError):
        raise VendorError(40002, "start_date: Not a valid date.") from None
    if not start <= end or (end - start) // timedelta(days=1) >= most_days:
        raise VendorError(40002, f"end_date: at most {most_days} days")
    return start, end


def _filters(values: Values) -> dict[str, list[str]]:
    try:
        rows = json.loads(values.get("filtering", "[]"))
        return {row["field_name"]: json.loads(row["filter_value"]) for row in rows if row["filter_type"] == "IN"}
    except (KeyError, TypeError, ValueError):
        raise VendorError(40002, "filtering: Not a valid list of filters.") from None


def _is_wanted(ad: SimNode, wanted: Mapping[str, list[str]]) -> bool:
    line = [ad.above(level) for level in ("campaign", "adgroup", "ad")]
    if any(each.operation_status == "DELETE" for each in line) and not any(
        "STATUS_ALL" in each for each in wanted.values()
    ):
        return False
    return all(each.id in wanted.get(f"{each.level}_ids", [each.id]) for each in line)


def _sums(
    advertiser: SimAdvertiser, ads: Iterable[SimNode], level: str, dimensions: list[str], span: tuple[date, date]
) -> dict[Key, Decimal]:
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    for ad in ads:
        id = advertiser.advertiser_id if level == "advertiser" else ad.above(level).id
        for (day, hour), cost in ad.spend.items():
            if span[0] <= day <= span[1]:
                for part, share in _parts(dimensions):
                    names = {f"{level}_id": id, "stat_time_day": f"{day} 00:00:00", **part}
                    names["stat_time_hour"] = f"{day} {hour:02}:00:00"
                    sums[tuple(names[each] for each in dimensions)] += cost * share / 100
    return sums


def _parts(dimensions: list[str]) -> list[tuple[dict[str, str], int]]:
    """Return the parts of an audience; of what is not simulated there is one part, which has everything."""
    found: list[tuple[dict[str, str], int]] = [({}, 100)]
    for name in dimensions:
        if name in AUDIENCE:
            of = PARTS.get(name, (("UNKNOWN", 100),))
            found = [({**part, name: text}, share * more // 100) for part, share in found for text, more in of]
    return found


def _metrics(cost: Decimal, wanted: list[str]) -> dict[str, str]:
    impressions = int(cost * 200)
    clicks = impressions // 50
    known = {name: str(impressions // 100) for name in COUNTED}
    known |= {"spend": f"{cost:.2f}", "impressions": str(impressions), "clicks": str(clicks)}
    known |= {"ctr": f"{clicks * 100 / impressions:.2f}" if impressions else "0.00"}
    known |= {"cpc": f"{cost / clicks:.2f}" if clicks else "0.00"}
    known |= {"cpm": f"{cost * 1000 / impressions:.2f}" if impressions else "0.00"}
    known |= dict.fromkeys(WITHOUT_NUMBER, "-")
    return {name: known.get(name, "0") for name in wanted}
