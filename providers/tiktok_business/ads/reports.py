"""What ads cost and achieved: one page of TikTok's synchronous report.

Owns `/report/integrated/get/`, its names of metrics and dimensions, and its spans of days. Every metric is text there,
and `-` where there is no number.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from providers.errors import OptionUnsupported
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.ads import AdMetric, ReportDimension, ReportLevel, ReportPage, ReportQuery, ReportRow
from providers.tiktok_business.ads import words
from providers.tiktok_business.ads.calls import MAX_PAGE, Calls, next_page, page_of, rows_of
from providers.tiktok_business.ads.capabilities import REPORTS
from providers.tiktok_business.ads.refused import unsupported
from providers.tiktok_business.errors import contract
from providers.tiktok_business.wire import query_value
from providers.tiktok_common import values

PATH = "/report/integrated/get/"
LEVELS: Mapping[ReportLevel, tuple[str, str]] = {
    ReportLevel.ACCOUNT: ("AUCTION_ADVERTISER", "advertiser_id"),
    ReportLevel.CAMPAIGN: ("AUCTION_CAMPAIGN", "campaign_id"),
    ReportLevel.AD_GROUP: ("AUCTION_ADGROUP", "adgroup_id"),
    ReportLevel.AD: ("AUCTION_AD", "ad_id"),
}
METRICS: Mapping[AdMetric, str] = {
    AdMetric.SPEND: "spend",
    AdMetric.IMPRESSIONS: "impressions",
    AdMetric.REACH: "reach",
    AdMetric.FREQUENCY: "frequency",
    AdMetric.CLICKS: "clicks",
    AdMetric.CLICK_RATE: "ctr",
    AdMetric.COST_PER_CLICK: "cpc",
    AdMetric.COST_PER_THOUSAND_IMPRESSIONS: "cpm",
    AdMetric.COST_PER_THOUSAND_REACHED: "cost_per_1000_reached",
    AdMetric.CONVERSIONS: "conversion",
    AdMetric.CONVERSION_RATE: "conversion_rate",
    AdMetric.COST_PER_CONVERSION: "cost_per_conversion",
    AdMetric.RESULTS: "result",
    AdMetric.RESULT_RATE: "result_rate",
    AdMetric.COST_PER_RESULT: "cost_per_result",
    AdMetric.VIDEO_PLAYS: "video_play_actions",
    AdMetric.VIDEO_WATCHED_2_SECONDS: "video_watched_2s",
    AdMetric.VIDEO_WATCHED_6_SECONDS: "video_watched_6s",
    AdMetric.VIDEO_WATCHED_25_PERCENT: "video_views_p25",
    AdMetric.VIDEO_WATCHED_50_PERCENT: "video_views_p50",
    AdMetric.VIDEO_WATCHED_75_PERCENT: "video_views_p75",
    AdMetric.VIDEO_COMPLETED: "video_views_p100",
    AdMetric.AVERAGE_PLAY_SECONDS: "average_video_play",
    AdMetric.LIKES: "likes",
    AdMetric.COMMENTS: "comments",
    AdMetric.SHARES: "shares",
    AdMetric.FOLLOWS: "follows",
    AdMetric.PROFILE_VISITS: "profile_visits",
}
TIMES: Mapping[ReportDimension, str] = {
    ReportDimension.DAY: "stat_time_day",
    ReportDimension.HOUR: "stat_time_hour",
}
AUDIENCE: Mapping[ReportDimension, str] = {
    ReportDimension.COUNTRY: "country_code",
    ReportDimension.AGE: "age",
    ReportDimension.GENDER: "gender",
    ReportDimension.LANGUAGE: "language",
    ReportDimension.PLATFORM: "platform",
    ReportDimension.PLACEMENT: "placement",
    ReportDimension.INTEREST: "interest_category",
}
MOST_DAYS, MOST_DAYS_BY_DAY, MOST_DAYS_BY_HOUR = 365, 30, 1
MAX_IDS = 100


async def report(
    calls: Calls, access: Access, account_id: str, query: ReportQuery, *, cursor: str, limit: int
) -> ReportPage:
    """Read one page; see the interface."""
    check(query)
    page = page_of(cursor)
    sent = {**request(query), "page": page, "page_size": max(1, min(limit, MAX_PAGE))}
    envelope = await calls.read(access, PATH, account_id, sent, scope=REPORTS)
    if not isinstance(envelope.data.get("list"), list):
        raise contract("TikTok's answer has no list.", envelope)
    following, total = next_page(envelope.data, page)
    return ReportPage(tuple(_read(row, query) for row in rows_of(envelope.data)), following, total)


def check(query: ReportQuery) -> None:
    """Raise OptionUnsupported for what the report does not have; no call."""
    check_combination(query)
    times = [each for each in query.dimensions if each in TIMES]
    if (wrong := _span_error(query, times)) is not None:
        raise wrong


def check_combination(query: ReportQuery) -> None:
    """Raise OptionUnsupported for what no report has, whatever its span."""
    times = [each for each in query.dimensions if each in TIMES]
    others = [each for each in query.dimensions if each in AUDIENCE]
    if not query.metrics:
        raise unsupported("metrics", "A report has a metric at least.")
    if len(times) > 1 or len(others) > 2 or len(set(query.dimensions)) != len(query.dimensions):
        raise unsupported("dimensions", "A report is split by days or hours, and by two more dimensions at most.")
    if (query.start is None) != (query.end is None):
        raise unsupported("end", "A span of days has a start and an end.")
    if len(query.ids) > MAX_IDS:
        raise unsupported("ids", f"A report is of {MAX_IDS} nodes at most.")


def _span_error(query: ReportQuery, times: list[ReportDimension]) -> OptionUnsupported | None:
    if query.start is None or query.end is None:
        return unsupported("dimensions", "Of the whole time there are no days.") if times else None
    by = {ReportDimension.DAY: MOST_DAYS_BY_DAY, ReportDimension.HOUR: MOST_DAYS_BY_HOUR}
    most = by[times[0]] if times else MOST_DAYS
    days = (query.end - query.start) // timedelta(days=1) + 1
    if not 1 <= days <= most:
        return unsupported("end", f"TikTok reports 1 to {most} days like this, not {days}.")
    return None


def request(query: ReportQuery) -> dict[str, Any]:
    """Return the parameters of a report."""
    level, id = LEVELS[query.level]
    names = {**TIMES, **AUDIENCE}
    by_audience = any(each in AUDIENCE for each in query.dimensions)
    span: dict[str, Any] = {"query_lifetime": True}
    if query.start is not None and query.end is not None:
        span = {"start_date": query.start.isoformat(), "end_date": query.end.isoformat()}
    filtering = _filtering(query, id)
    return {
        "report_type": "AUDIENCE" if by_audience else "BASIC",
        "service_type": "AUCTION",
        "data_level": level,
        "dimensions": [id, *(names[each] for each in query.dimensions)],
        "metrics": [METRICS[each] for each in query.metrics],
        **span,
        **({"filtering": filtering} if filtering else {}),
    }


def _filtering(query: ReportQuery, id: str) -> list[dict[str, str]]:
    """Return the filters, each with JSON text as its value."""
    found = []
    if query.ids and query.level is not ReportLevel.ACCOUNT:
        found.append({"field_name": f"{id}s", "filter_type": "IN", "filter_value": query_value(list(query.ids))})
    if query.include_deleted and query.level is not ReportLevel.ACCOUNT:
        name = f"{id.removesuffix('_id')}_status"
        found.append({"field_name": name, "filter_type": "IN", "filter_value": query_value(["STATUS_ALL"])})
    return found


def _read(row: Mapping[str, Any], query: ReportQuery) -> ReportRow:
    dimensions, metrics = strict_json.mapping(row, "dimensions"), strict_json.mapping(row, "metrics")
    names = {**TIMES, **AUDIENCE}
    return ReportRow(
        id=values.identifier(dimensions.get(LEVELS[query.level][1])),
        metrics={each: words.money(metrics, METRICS[each]) for each in query.metrics},
        dimensions={each: dimension_text(each, dimensions.get(names[each])) for each in query.dimensions},
    )


def dimension_text(dimension: ReportDimension, value: object) -> str:
    """Return a dimension as text; a day comes with a time of midnight, an hour with minutes and seconds."""
    text = value if isinstance(value, str) else values.identifier(value)
    if dimension is ReportDimension.DAY:
        return text[:10]
    return text[:13].replace(" ", "T") if dimension is ReportDimension.HOUR else text
