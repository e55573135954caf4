"""LocationService: lists, moves and deletes locations.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Sequence
from typing import Any

from gateway.aip import names
from gateway.caller import current_caller
from gateway.domain.admin import deletion, locations
from gateway.domain.admin.agencies import name_of as agency_name
from gateway.domain.admin.locations import LocationView
from gateway.rpc.admin_agencies import deletion_to_proto
from gateway.rpc.admin_guard import AdminDomain, AdminGuard
from gateway.rpc.convert import write_times
from gateway.rpc.request import or_not_found
from socialgateway.admin.v1 import location_pb2, location_service_pb2, location_service_pb2_grpc


class LocationService(location_service_pb2_grpc.LocationServiceServicer):
    """Serves locations to administrators."""

    def __init__(self, admin: AdminDomain, guard: AdminGuard) -> None:
        """Serve `admin` to the callers that `guard` admits."""
        self._domain = admin.domain
        self._guard = guard

    async def GetLocation(
        self, request: location_service_pb2.GetLocationRequest, context: Any
    ) -> location_pb2.Location:
        """Return a location."""
        location = names.location(request.name, path="name")
        return to_proto(await or_not_found(request.name, locations.get(self._domain, current_caller.get(), location)))

    async def ListLocations(
        self, request: location_service_pb2.ListLocationsRequest, context: Any
    ) -> location_service_pb2.ListLocationsResponse:
        """List the locations of an agency, or of all."""
        agency = self._guard.agency_or_all(request.parent, path="parent")
        page = self._guard.guard.read_page(request)

        async def views_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[LocationView]:
            return await locations.page(self._domain, agency, after=str(cursor[0]) if cursor else "", limit=limit)

        items, token = await self._guard.guard.list_page(
            request, page, views_after, to_proto, lambda view: (view.row.location,)
        )
        return location_service_pb2.ListLocationsResponse(locations=items, next_page_token=token)

    async def MoveLocation(
        self, request: location_service_pb2.MoveLocationRequest, context: Any
    ) -> location_pb2.Location:
        """Give a location to another agency."""
        caller = self._guard.operator()
        location = names.location(request.name, path="name")
        to = self._guard.agency(request.destination_agency, path="destination_agency")
        discard, confirmed = request.discard_connections, request.confirmation
        moving = locations.move(self._domain, caller, location, to, discard=discard, confirmed=confirmed)
        return to_proto(await or_not_found(request.destination_agency, moving))

    async def DeleteLocation(
        self, request: location_service_pb2.DeleteLocationRequest, context: Any
    ) -> location_pb2.Location:
        """Begin to delete a location."""
        location = names.location(request.name, path="name")
        beginning = deletion.begin_location(self._domain, current_caller.get(), location, request.confirmation)
        return to_proto(await or_not_found(request.name, beginning))


def to_proto(view: LocationView) -> location_pb2.Location:
    """Return a location."""
    message = location_pb2.Location(
        name=locations.name_of(view.row.location),
        agency=agency_name(view.row.agency),
        claim=view.row.claim,
        connection_count=view.connections,
        deletion=deletion_to_proto(view.deletion),
    )
    write_times(message, create_time=view.row.create_time)
    return message
