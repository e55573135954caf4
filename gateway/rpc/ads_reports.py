"""AdReportService: what ads brought and cost, page by page or as a long report.

Owns the conversions. Makes no decisions.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from gateway.aip import names
from gateway.aip.sizes import bounded, fitting
from gateway.domain.ads import metrics, reports, specs
from gateway.domain.ads.reports import KEPT, ReportPlace
from gateway.domain.ads.tree import Place
from gateway.domain.context import Domain
from gateway.errors import FieldInvalid, ResourceNotFound
from gateway.rpc import ads_money
from gateway.rpc.ads import place
from gateway.rpc.convert import write_times
from gateway.rpc.request import RequestGuard, or_not_found
from gateway.status import from_stored
from providers.models.ads import MONEY_METRICS, AdMetric, ReportDimension, ReportLevel, ReportQuery, ReportRow
from socialgateway.ads.v1 import ad_report_pb2, ad_report_service_pb2, ad_report_service_pb2_grpc
from storage.ad_reports import AdReportRow
from storage.errors import NotFound

_PATTERNS = {
    ReportLevel.CAMPAIGN: names.CAMPAIGN,
    ReportLevel.AD_GROUP: names.AD_GROUP,
    ReportLevel.AD: names.AD,
}


class AdReportService(ad_report_service_pb2_grpc.AdReportServiceServicer):
    """Serves reports of ad accounts."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard

    async def QueryAdMetrics(
        self, request: ad_report_service_pb2.QueryAdMetricsRequest, context: Any
    ) -> ad_report_service_pb2.QueryAdMetricsResponse:
        """Return one page of a report."""
        named = place(names.AD_ACCOUNT, request.parent, "parent")
        await self._guard.authorize(named.location)
        page = self._guard.read_vendor_page(request)
        wanted = _query(request)
        asking = metrics.query(
            self._domain, named, wanted, _below(request, named, wanted.level), cursor=page.cursor, limit=page.limit
        )
        report = await or_not_found(request.parent, asking)
        account = specs.load_account(report.account.payload)
        rows = [_row(each, report.names, account.currency, wanted) for each in report.page.rows]
        items, token = self._guard.split_vendor_page(request, page, rows, report.page.next_cursor)
        return ad_report_service_pb2.QueryAdMetricsResponse(
            rows=items, next_page_token=token, time_zone=account.time_zone
        )

    async def CreateAdReport(
        self, request: ad_report_service_pb2.CreateAdReportRequest, context: Any
    ) -> ad_report_pb2.AdReport:
        """Ask for a long report."""
        named = place(names.AD_ACCOUNT, request.parent, "parent")
        caller = await self._guard.authorize(named.location)
        key = self._guard.request_key(caller, named.location, request)
        wanted = _query(request.ad_report, "ad_report.")
        below = _below(request.ad_report, named, wanted.level, "ad_report.")
        making = reports.create(self._domain, named, wanted, below, key, agency=caller.agency)
        return report_to_proto(await or_not_found(request.parent, making))

    async def GetAdReport(
        self, request: ad_report_service_pb2.GetAdReportRequest, context: Any
    ) -> ad_report_pb2.AdReport:
        """Return a long report as it was last read."""
        named = ReportPlace(*names.AD_REPORT.parse(request.name))
        await self._guard.authorize(named.location)
        return report_to_proto(await or_not_found(request.name, reports.get(self._domain, named)))

    async def StreamAdReport(
        self, request: ad_report_service_pb2.StreamAdReportRequest, context: Any
    ) -> AsyncIterator[ad_report_service_pb2.StreamAdReportResponse]:
        """Stream the rows of a long report."""
        named = ReportPlace(*names.AD_REPORT.parse(request.name))
        await self._guard.authorize(named.location)
        wanted = specs.load_query((await or_not_found(request.name, reports.get(self._domain, named))).query)
        zone_told = False
        try:
            async for some in reports.stream(self._domain, named):
                account = specs.load_account(some.account.payload)
                rows = [bounded(_row(each, some.names, account.currency, wanted)) for each in some.rows]
                for message in _messages(rows):
                    if not zone_told:
                        message.time_zone, zone_told = account.time_zone, True
                    yield message
        except NotFound:
            raise ResourceNotFound(request.name) from None


def _messages(
    rows: Sequence[ad_report_pb2.AdMetricRow],
) -> Iterator[ad_report_service_pb2.StreamAdReportResponse]:
    """Yield rows in as many messages as their size needs, at least one."""
    done = 0
    while not done or done < len(rows):
        count = fitting(rows[done:])
        yield ad_report_service_pb2.StreamAdReportResponse(rows=rows[done : done + count])
        done += count or 1


def _query(message: Any, path: str = "") -> ReportQuery:
    """Return what a message asks of a report; `path` is where its fields are in the request."""
    level = ad_report_pb2.AdReportLevel.Name(message.level).removeprefix("AD_REPORT_LEVEL_")
    dimensions = [ad_report_pb2.AdDimension.Name(each).removeprefix("AD_DIMENSION_") for each in message.dimensions]
    wanted = [ad_report_pb2.AdMetric.Name(each).removeprefix("AD_METRIC_") for each in message.metrics]
    start, end = _date(message.start_date, f"{path}start_date"), _date(message.end_date, f"{path}end_date")
    if end < start:
        raise FieldInvalid(f"{path}end_date", "must not be before start_date")
    return ReportQuery(
        level=ReportLevel[level],
        metrics=tuple(dict.fromkeys(AdMetric[each] for each in wanted)),
        start=start,
        end=end,
        dimensions=tuple(dict.fromkeys(ReportDimension[each] for each in dimensions)),
    )


def _date(message: Any, path: str) -> date:
    try:
        return date(message.year, message.month, message.day)
    except ValueError:
        raise FieldInvalid(path, "must be a day of the calendar") from None


def _below(message: Any, named: Place, level: ReportLevel, path: str = "") -> list[Place]:
    """Return what the report is restricted to."""
    if message.names and level not in _PATTERNS:
        raise FieldInvalid(f"{path}names", "is not for a report about the whole ad account")
    found = [place(_PATTERNS[level], each, f"{path}names[{index}]") for index, each in enumerate(message.names)]
    for index, each in enumerate(found):
        if (each.location, each.ad_account) != (named.location, named.ad_account):
            raise FieldInvalid(f"{path}names[{index}]", "must be below the parent")
    return found


def report_to_proto(row: AdReportRow) -> ad_report_pb2.AdReport:
    """Return a long report."""
    query = specs.load_query(row.query)
    message = ad_report_pb2.AdReport(
        name=names.AD_REPORT.format(row.location, row.ad_account, row.id),
        state=row.state,
        level=f"AD_REPORT_LEVEL_{query.level.name}",
        dimensions=[f"AD_DIMENSION_{each.name}" for each in query.dimensions],
        metrics=[f"AD_METRIC_{each.name}" for each in query.metrics],
        names=row.names,
        start_date=_day(query.start),
        end_date=_day(query.end),
    )
    if row.error:
        message.error.CopyFrom(from_stored(row.error))
    expire_time = row.create_time + KEPT
    write_times(message, create_time=row.create_time, complete_time=row.complete_time, expire_time=expire_time)
    return message


def _day(day: date | None) -> dict[str, int] | None:
    return None if day is None else {"year": day.year, "month": day.month, "day": day.day}


def _row(row: ReportRow, resources: Mapping[str, str], currency: str, wanted: ReportQuery) -> ad_report_pb2.AdMetricRow:
    message = ad_report_pb2.AdMetricRow(provider_id=row.id, resource=resources.get(row.id, ""))
    for dimension in wanted.dimensions:
        if dimension in row.dimensions:
            kind = ad_report_pb2.AdDimension.Value(f"AD_DIMENSION_{dimension.name}")
            message.dimensions.add(dimension=kind, value=row.dimensions[dimension])
    for metric in wanted.metrics:
        _write(message, metric, row.metrics, currency)
    return message


def _write(
    message: ad_report_pb2.AdMetricRow, metric: AdMetric, found: Mapping[AdMetric, Decimal | None], currency: str
) -> None:
    """Add a metric that the vendor has a number for."""
    number = found.get(metric)
    if number is None:
        return
    value = message.metrics.add(metric=ad_report_pb2.AdMetric.Value(f"AD_METRIC_{metric.name}"))
    if metric in MONEY_METRICS:
        value.money.CopyFrom(ads_money.to_proto(number, currency))
    else:
        value.number = float(number)
