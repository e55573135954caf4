"""AgencyService: creates, suspends and deletes agencies.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Sequence
from typing import Any

from gateway.aip import names, paging
from gateway.domain.admin import agencies, deletion, quotas
from gateway.domain.admin.agencies import AgencyView
from gateway.domain.admin.quotas import AccountQuotas
from gateway.domain.endpoints import manage
from gateway.domain.endpoints.manage import EndpointView
from gateway.rpc.admin_guard import AdminDomain, AdminGuard
from gateway.rpc.convert import write_times
from gateway.rpc.quotas import to_proto as quota_to_proto
from gateway.rpc.request import or_not_found
from gateway.rpc.webhook_endpoints import to_proto as endpoint_to_proto
from socialgateway.admin.v1 import agency_pb2, agency_service_pb2, agency_service_pb2_grpc
from socialgateway.v1 import quota_pb2
from storage.admin_jobs import AdminJobRow

MAX_ACCOUNTS = 100


class AgencyService(agency_service_pb2_grpc.AgencyServiceServicer):
    """Serves agencies."""

    def __init__(self, admin: AdminDomain, guard: AdminGuard) -> None:
        """Serve `admin` to the callers that `guard` admits."""
        self._domain, self._store = admin.domain, admin.store
        self._guard = guard

    async def CreateAgency(self, request: agency_service_pb2.CreateAgencyRequest, context: Any) -> agency_pb2.Agency:
        """Create an agency."""
        self._guard.operator()
        agency = names.check_own_id(request.agency_id, path="agency_id")
        key = self._guard.request_key(agency, request)
        return to_proto(await agencies.create(self._domain, agency, request.agency.display_name, key))

    async def GetAgency(self, request: agency_service_pb2.GetAgencyRequest, context: Any) -> agency_pb2.Agency:
        """Return an agency."""
        agency = self._guard.agency(request.name)
        return to_proto(await or_not_found(request.name, agencies.get(self._domain, agency)))

    async def ListAgencies(
        self, request: agency_service_pb2.ListAgenciesRequest, context: Any
    ) -> agency_service_pb2.ListAgenciesResponse:
        """List all agencies."""
        self._guard.operator()
        page = self._guard.guard.read_page(request)

        async def views_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[AgencyView]:
            return await agencies.page(self._domain, after=str(cursor[0]) if cursor else "", limit=limit)

        items, token = await self._guard.guard.list_page(
            request, page, views_after, to_proto, lambda view: (view.found.agency,)
        )
        return agency_service_pb2.ListAgenciesResponse(agencies=items, next_page_token=token)

    async def SuspendAgency(self, request: agency_service_pb2.SuspendAgencyRequest, context: Any) -> agency_pb2.Agency:
        """Suspend an agency."""
        self._guard.operator()
        agency = self._guard.agency(request.name)
        return to_proto(await or_not_found(request.name, agencies.suspend(self._domain, agency, self._store)))

    async def ResumeAgency(self, request: agency_service_pb2.ResumeAgencyRequest, context: Any) -> agency_pb2.Agency:
        """Resume an agency."""
        self._guard.operator()
        agency = self._guard.agency(request.name)
        return to_proto(await or_not_found(request.name, agencies.resume(self._domain, agency, self._store)))

    async def DeleteAgency(self, request: agency_service_pb2.DeleteAgencyRequest, context: Any) -> agency_pb2.Agency:
        """Begin to delete an agency."""
        self._guard.operator()
        agency = self._guard.agency(request.name)
        beginning = deletion.begin_agency(self._domain, agency, request.confirmation, self._store)
        return to_proto(await or_not_found(request.name, beginning))

    async def ListAgencyQuotas(
        self, request: agency_service_pb2.ListAgencyQuotasRequest, context: Any
    ) -> agency_service_pb2.ListAgencyQuotasResponse:
        """List the quotas of an agency's accounts."""
        agency = self._guard.agency(request.parent, path="parent")
        page = self._guard.guard.read_page(request, maximum=MAX_ACCOUNTS)
        found = await quotas.page_of_agency(self._domain, agency, after=_pair(page.after), limit=page.size + 1)
        shown = found[: page.size]
        more = len(found) > page.size
        last = (shown[-1].account.location, shown[-1].account.id) if more else ()
        return agency_service_pb2.ListAgencyQuotasResponse(
            quotas=[quota for each in shown for quota in _quotas(each)],
            next_page_token=paging.next_token(request, last, secret=self._guard.guard.page_secret) if more else "",
        )

    async def ListAgencyWebhookEndpoints(
        self, request: agency_service_pb2.ListAgencyWebhookEndpointsRequest, context: Any
    ) -> agency_service_pb2.ListAgencyWebhookEndpointsResponse:
        """List the webhook endpoints of an agency's locations."""
        agency = self._guard.agency(request.parent, path="parent")
        page = self._guard.guard.read_page(request)

        async def views_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[EndpointView]:
            return await manage.page_of_agency(self._domain, agency, after=_pair(cursor), limit=limit)

        items, token = await self._guard.guard.list_page(
            request, page, views_after, endpoint_to_proto, lambda view: (view.row.location, view.row.id)
        )
        return agency_service_pb2.ListAgencyWebhookEndpointsResponse(webhook_endpoints=items, next_page_token=token)


def _pair(cursor: tuple[str | int, ...]) -> tuple[str, str]:
    """Return the location and the id behind which a page begins."""
    return (str(cursor[0]), str(cursor[1])) if cursor else ("", "")


def _quotas(found: AccountQuotas) -> list[quota_pb2.Quota]:
    location, account = found.account.location, found.account.id
    return [quota_to_proto(names.QUOTA.format(location, account, each.rule.metric), each) for each in found.standings]


def to_proto(view: AgencyView) -> agency_pb2.Agency:
    """Return an agency."""
    found, row = view.found, view.found.row
    message = agency_pb2.Agency(
        name=agencies.name_of(found.agency),
        display_name=row.display_name,
        state=row.state,
        location_count=found.locations,
        api_key_count=found.keys,
        upload_bytes=row.upload_bytes,
        deletion=deletion_to_proto(view.deletion),
    )
    write_times(message, create_time=row.create_time, suspend_time=row.suspend_time)
    return message


def deletion_to_proto(job: AdminJobRow | None) -> agency_pb2.Deletion | None:
    """Return how far a deletion is, None if there is none."""
    if job is None:
        return None
    message = agency_pb2.Deletion(done_count=job.done, total_count=job.total, last_error=job.last_error)
    write_times(message, create_time=job.create_time)
    return message
