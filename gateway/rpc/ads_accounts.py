"""AdAccountService and AdReportService: ad accounts, as whom they show ads, and their reports.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from gateway.aip import names
from gateway.domain.ads import accounts, metrics, read, specs
from gateway.domain.ads.metrics import Report
from gateway.domain.ads.tree import Place
from gateway.domain.context import Domain
from gateway.errors import FieldInvalid
from gateway.rpc import ads_money, ads_to_proto
from gateway.rpc.ads import place
from gateway.rpc.convert import keyset_in_location
from gateway.rpc.request import RequestGuard, or_not_found
from providers.models.ads import MONEY_METRICS, AdMetric, ReportDimension, ReportLevel, ReportQuery, ReportRow
from socialgateway.ads.v1 import (
    ad_account_pb2,
    ad_account_service_pb2,
    ad_account_service_pb2_grpc,
    ad_report_service_pb2,
    ad_report_service_pb2_grpc,
)
from storage.ad_accounts import AdAccountRow

MAX_IDENTITIES = 100
_PATTERNS = {
    ReportLevel.CAMPAIGN: names.CAMPAIGN,
    ReportLevel.AD_GROUP: names.AD_GROUP,
    ReportLevel.AD: names.AD,
}


class AdAccountService(ad_account_service_pb2_grpc.AdAccountServiceServicer):
    """Serves ad accounts."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard

    async def GetAdAccount(
        self, request: ad_account_service_pb2.GetAdAccountRequest, context: Any
    ) -> ad_account_pb2.AdAccount:
        """Return an ad account as it was last read."""
        location, id = names.AD_ACCOUNT.parse(request.name)
        await self._guard.authorize(location)
        return ads_to_proto.account(await or_not_found(request.name, accounts.get(self._domain, location, id)))

    async def ListAdAccounts(
        self, request: ad_account_service_pb2.ListAdAccountsRequest, context: Any
    ) -> ad_account_service_pb2.ListAdAccountsResponse:
        """List the ad accounts of a location."""
        location = names.location(request.parent)
        await self._guard.authorize(location)
        page = self._guard.read_page(request)

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[AdAccountRow]:
            return await accounts.page(self._domain, location, after=keyset_in_location(cursor), limit=limit)

        items, token = await self._guard.list_page(
            request, page, rows_after, ads_to_proto.account, lambda row: (row.create_time.isoformat(), row.id)
        )
        return ad_account_service_pb2.ListAdAccountsResponse(ad_accounts=items, next_page_token=token)

    async def ListAdIdentities(
        self, request: ad_account_service_pb2.ListAdIdentitiesRequest, context: Any
    ) -> ad_account_service_pb2.ListAdIdentitiesResponse:
        """List as whom an ad account may show ads."""
        named = place(names.AD_ACCOUNT, request.parent, "parent")
        await self._guard.authorize(named.location)
        page = self._guard.read_vendor_page(request, maximum=MAX_IDENTITIES)
        listing = read.identities(self._domain, named, cursor=page.cursor, limit=page.limit)
        found = await or_not_found(request.parent, listing)
        identities = [ads_to_proto.identity(each) for each in found.identities]
        items, token = self._guard.split_vendor_page(request, page, identities, found.next_cursor)
        return ad_account_service_pb2.ListAdIdentitiesResponse(identities=items, next_page_token=token)


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
        rows = [_row(each, report, wanted) for each in report.page.rows]
        items, token = self._guard.split_vendor_page(request, page, rows, report.page.next_cursor)
        zone = specs.load_account(report.account.payload).time_zone
        return ad_report_service_pb2.QueryAdMetricsResponse(rows=items, next_page_token=token, time_zone=zone)


def _query(request: ad_report_service_pb2.QueryAdMetricsRequest) -> ReportQuery:
    service = ad_report_service_pb2
    level = service.AdReportLevel.Name(request.level).removeprefix("AD_REPORT_LEVEL_")
    dimensions = [service.AdDimension.Name(each).removeprefix("AD_DIMENSION_") for each in request.dimensions]
    wanted = [service.AdMetric.Name(each).removeprefix("AD_METRIC_") for each in request.metrics]
    start, end = _date(request.start_date, "start_date"), _date(request.end_date, "end_date")
    if end < start:
        raise FieldInvalid("end_date", "must not be before start_date")
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


def _below(request: ad_report_service_pb2.QueryAdMetricsRequest, named: Place, level: ReportLevel) -> list[Place]:
    """Return what the report is restricted to."""
    if request.names and level not in _PATTERNS:
        raise FieldInvalid("names", "is not for a report about the whole ad account")
    found = [place(_PATTERNS[level], each, f"names[{index}]") for index, each in enumerate(request.names)]
    for index, each in enumerate(found):
        if (each.location, each.ad_account) != (named.location, named.ad_account):
            raise FieldInvalid(f"names[{index}]", "must be below the parent")
    return found


def _row(row: ReportRow, report: Report, wanted: ReportQuery) -> ad_report_service_pb2.AdMetricRow:
    currency = specs.load_account(report.account.payload).currency
    message = ad_report_service_pb2.AdMetricRow(provider_id=row.id, resource=report.names.get(row.id, ""))
    for dimension in wanted.dimensions:
        if dimension in row.dimensions:
            kind = ad_report_service_pb2.AdDimension.Value(f"AD_DIMENSION_{dimension.name}")
            message.dimensions.add(dimension=kind, value=row.dimensions[dimension])
    for metric in wanted.metrics:
        _write(message, metric, row.metrics, currency)
    return message


def _write(
    message: ad_report_service_pb2.AdMetricRow,
    metric: AdMetric,
    found: Mapping[AdMetric, Decimal | None],
    currency: str,
) -> None:
    """Add a metric that the vendor has a number for."""
    number = found.get(metric)
    if number is None:
        return
    value = message.metrics.add(metric=ad_report_service_pb2.AdMetric.Value(f"AD_METRIC_{metric.name}"))
    if metric in MONEY_METRICS:
        value.money.CopyFrom(ads_money.to_proto(number, currency))
    else:
        value.number = float(number)
