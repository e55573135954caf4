"""WebhookEndpointService: creates and changes the endpoints to which events are delivered.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import masks, names
from gateway.domain.context import Domain
from gateway.domain.endpoints import manage, try_out
from gateway.domain.endpoints.manage import EndpointView, NewEndpoint
from gateway.domain.events.cursors import Cursors
from gateway.domain.events.feeds import Feeds
from gateway.errors import FieldInvalid
from gateway.rpc.convert import duration, keyset_in_location, write_times
from gateway.rpc.event_to_proto import PREFIX
from gateway.rpc.events import stored_types
from gateway.rpc.request import RequestGuard, or_not_found
from providers.models.secret import Secret
from socialgateway.v1 import webhook_endpoint_pb2, webhook_endpoint_service_pb2, webhook_endpoint_service_pb2_grpc

CHANGEABLE = ("uri", "types", "description", "max_per_second")
WebhookEndpoint = webhook_endpoint_pb2.WebhookEndpoint


class WebhookEndpointService(webhook_endpoint_service_pb2_grpc.WebhookEndpointServiceServicer):
    """Serves webhook endpoints."""

    def __init__(self, domain: Domain, guard: RequestGuard, feeds: Feeds) -> None:
        """Serve `domain` to the callers that `guard` admits; cursors belong to `feeds`."""
        self._domain = domain
        self._guard = guard
        self._feeds = feeds
        self._cursors = Cursors(guard.page_secret)

    async def CreateWebhookEndpoint(
        self, request: webhook_endpoint_service_pb2.CreateWebhookEndpointRequest, context: Any
    ) -> WebhookEndpoint:
        """Create an endpoint."""
        location = names.location(request.parent)
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        message, id = request.webhook_endpoint, request.webhook_endpoint_id
        new = NewEndpoint(
            location=location,
            id=names.check_own_id(id, path="webhook_endpoint_id") if id else self._domain.new_id(),
            position=await self._position(location, caller.agency, request.start_cursor),
            **_values(message),
        )
        creating = manage.create(self._domain, new, key, agency=caller.agency)
        return to_proto(await or_not_found(names.WEBHOOK_ENDPOINT.format(location, new.id), creating))

    async def GetWebhookEndpoint(
        self, request: webhook_endpoint_service_pb2.GetWebhookEndpointRequest, context: Any
    ) -> WebhookEndpoint:
        """Return an endpoint."""
        location, id = names.WEBHOOK_ENDPOINT.parse(request.name)
        await self._guard.authorize(location)
        return to_proto(await or_not_found(request.name, manage.get(self._domain, location, id)))

    async def ListWebhookEndpoints(
        self, request: webhook_endpoint_service_pb2.ListWebhookEndpointsRequest, context: Any
    ) -> webhook_endpoint_service_pb2.ListWebhookEndpointsResponse:
        """List a location's endpoints."""
        location = names.location(request.parent)
        await self._guard.authorize(location)
        page = self._guard.read_page(request)

        async def views_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[EndpointView]:
            return await manage.page(self._domain, location, after=keyset_in_location(cursor), limit=limit)

        items, token = await self._guard.list_page(
            request, page, views_after, to_proto, lambda view: (view.row.create_time.isoformat(), view.row.id)
        )
        return webhook_endpoint_service_pb2.ListWebhookEndpointsResponse(webhook_endpoints=items, next_page_token=token)

    async def UpdateWebhookEndpoint(
        self, request: webhook_endpoint_service_pb2.UpdateWebhookEndpointRequest, context: Any
    ) -> WebhookEndpoint:
        """Change an endpoint."""
        message = request.webhook_endpoint
        location, id = names.WEBHOOK_ENDPOINT.parse(message.name, path="webhook_endpoint.name")
        key = await self._guard.authorize_write(location, request)
        paths = masks.update_paths(request.update_mask, message, allowed=CHANGEABLE)
        if not paths:
            raise FieldInvalid("update_mask", f"names nothing to change; {', '.join(CHANGEABLE)} can be")
        changing = manage.update(self._domain, location, id, _values(message), paths, key, etag=message.etag)
        return to_proto(await or_not_found(message.name, changing))

    async def DisableWebhookEndpoint(
        self, request: webhook_endpoint_service_pb2.DisableWebhookEndpointRequest, context: Any
    ) -> WebhookEndpoint:
        """Stop deliveries to an endpoint."""
        location, id = names.WEBHOOK_ENDPOINT.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        return to_proto(await or_not_found(request.name, manage.disable(self._domain, location, id, key)))

    async def EnableWebhookEndpoint(
        self, request: webhook_endpoint_service_pb2.EnableWebhookEndpointRequest, context: Any
    ) -> WebhookEndpoint:
        """Deliver to an endpoint again."""
        location, id = names.WEBHOOK_ENDPOINT.parse(request.name)
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        position = await self._position(location, caller.agency, request.start_cursor)
        enabling = manage.enable(self._domain, location, id, key, position=position)
        return to_proto(await or_not_found(request.name, enabling))

    async def RotateWebhookEndpointSecret(
        self, request: webhook_endpoint_service_pb2.RotateWebhookEndpointSecretRequest, context: Any
    ) -> WebhookEndpoint:
        """Make a new secret."""
        location, id = names.WEBHOOK_ENDPOINT.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        rotating = manage.rotate(self._domain, location, id, key, overlap=_overlap(request))
        return to_proto(await or_not_found(request.name, rotating))

    async def TestWebhookEndpoint(
        self, request: webhook_endpoint_service_pb2.TestWebhookEndpointRequest, context: Any
    ) -> webhook_endpoint_service_pb2.TestWebhookEndpointResponse:
        """Send a test delivery."""
        location, id = names.WEBHOOK_ENDPOINT.parse(request.name)
        await self._guard.authorize(location)
        answer, took = await or_not_found(request.name, try_out.try_out(self._domain, location, id))
        response = webhook_endpoint_service_pb2.TestWebhookEndpointResponse(
            taken=answer.taken, http_status=answer.status, error=answer.error
        )
        response.duration.FromTimedelta(took)
        return response

    async def DeleteWebhookEndpoint(
        self, request: webhook_endpoint_service_pb2.DeleteWebhookEndpointRequest, context: Any
    ) -> empty_pb2.Empty:
        """Remove an endpoint."""
        location, id = names.WEBHOOK_ENDPOINT.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        await or_not_found(request.name, manage.delete(self._domain, location, id, key, etag=request.etag))
        return empty_pb2.Empty()

    async def _position(self, location: str, agency: str, cursor: str) -> int | None:
        """Return the position of a caller's cursor, None without one; raises CursorInvalid, CursorExpired."""
        if not cursor:
            return None
        feed = self._feeds.of_location(location, agency)
        position, _ = self._cursors.read(cursor, feed.parent)
        # Raises if the events behind it are no longer kept.
        await feed.read(position, (), 1)
        return position


def _values(message: WebhookEndpoint) -> dict[str, Any]:
    """Return the fields of an endpoint that callers set; raises FieldInvalid."""
    return {
        "uri": Secret(message.uri),
        "types": stored_types(message.types, path="webhook_endpoint.types"),
        "description": message.description,
        "max_per_second": message.max_per_second,
    }


def _overlap(request: webhook_endpoint_service_pb2.RotateWebhookEndpointSecretRequest) -> timedelta:
    if not request.HasField("overlap"):
        return manage.OVERLAP
    overlap = duration(request.overlap)
    if not timedelta() <= overlap <= manage.MAX_OVERLAP:
        raise FieldInvalid("overlap", f"must be 0 to {manage.MAX_OVERLAP.days} days")
    return overlap


def to_proto(view: EndpointView) -> WebhookEndpoint:
    """Return an endpoint; its secret only if it was just made."""
    row = view.row
    message = WebhookEndpoint(
        name=manage.name_of(row),
        uri=row.uri,
        types=[f"{PREFIX}{each}" for each in row.types],
        description=row.description,
        max_per_second=row.max_per_second,
        state=row.state,
        disable_reason=row.disable_reason,
        secret=view.secret.reveal() if view.secret else "",
        last_error=row.last_error,
        waiting_count=view.waiting,
        etag=str(row.version),
    )
    write_times(
        message,
        former_secret_expire_time=row.former_secret_expire_time,
        last_success_time=row.last_success_time,
        failing_since_time=row.failing_since,
        create_time=row.create_time,
        update_time=row.update_time,
    )
    return message
