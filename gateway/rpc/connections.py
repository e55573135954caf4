"""ConnectionService: creates, verifies and ends connections.

Owns the conversions, and the cache of GetConnectionStatus responses, which every replica invalidates when any of them
commits a change. Makes no decisions.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import names
from gateway.caller import current_caller
from gateway.domain import locations
from gateway.domain.connections import complete, create, disconnect, read, reauthorize, verify
from gateway.domain.connections.create import NewConnection
from gateway.domain.context import ConnectionView, Domain
from gateway.domain.credentials import connection_status
from gateway.domain.idempotency import RequestKey
from gateway.errors import AuthorizationStateInvalid, FieldInvalid, LocationForbidden
from gateway.rpc.convert import keyset, write_times
from gateway.rpc.networks import NetworkMethods
from gateway.rpc.request import RequestGuard, or_not_found
from providers.models.secret import Secret
from socialgateway.v1 import connection_pb2, connection_service_pb2, connection_service_pb2_grpc
from storage import connections as rows
from storage.cache import CoherentCache

CACHED_STATUSES = 50_000


class ConnectionService(NetworkMethods, connection_service_pb2_grpc.ConnectionServiceServicer):
    """Serves connections, and the network accounts attached to them."""

    def __init__(self, domain: Domain, guard: RequestGuard) -> None:
        """Serve `domain` to the callers that `guard` admits."""
        self._domain = domain
        self._guard = guard
        self._statuses: CoherentCache[str, connection_pb2.Connection] = CoherentCache(
            domain.listener, rows.TOPIC, size=CACHED_STATUSES
        )

    async def CreateConnection(
        self, request: connection_service_pb2.CreateConnectionRequest, context: Any
    ) -> connection_pb2.Connection:
        """Create a connection that waits for consent, or one with a static token."""
        location = names.location(request.parent)
        # The location is claimed in the transaction that writes the connection: a refused request leaves no trace.
        caller = await self._guard.authorize_claim(location)
        key = self._guard.request_key(caller, location, request)
        message, id = request.connection, request.connection_id
        new = NewConnection(
            location=location,
            id=names.check_own_id(id, path="connection_id") if id else self._domain.new_id(),
            provider=names.provider(message.provider, path="connection.provider"),
            grant_kind=_grant_kind(message),
            scopes=list(message.requested_scopes),
            settings=dict(message.provider_settings),
            return_uri=request.return_uri,
            redirect_uri=request.redirect_uri,
            static_token=Secret(request.static_token),
        )
        return self._changed(await create.create(self._domain, self._guard.owners, caller, new, key))

    async def GetConnection(
        self, request: connection_service_pb2.GetConnectionRequest, context: Any
    ) -> connection_pb2.Connection:
        """Return a connection."""
        location, connection = names.CONNECTION.parse(request.name)
        await self._guard.authorize(location)
        return to_proto(await or_not_found(request.name, read.get(self._domain, location, connection)))

    async def GetConnectionStatus(
        self, request: connection_service_pb2.GetConnectionStatusRequest, context: Any
    ) -> connection_pb2.Connection:
        """Return a provider's most relevant connection, from the cache while that is coherent."""
        location, provider = names.location(request.parent), names.provider(request.provider)
        await self._guard.authorize(location)
        key = rows.cache_key(location, provider)
        cached = self._statuses.get(key)
        if cached is not None and not self._consent_expired(cached):
            return cached
        return await self._statuses.load(key, lambda: self._status(location, provider))

    def _consent_expired(self, cached: connection_pb2.Connection) -> bool:
        """Return whether a cached response shows an expired consent page; the expiry itself invalidates nothing."""
        if not cached.HasField("authorization"):
            return False
        return cached.authorization.expire_time.ToDatetime(UTC) <= self._domain.clock()

    async def _status(self, location: str, provider: str) -> connection_pb2.Connection:
        return to_proto(await read.status(self._domain, location, provider))

    async def ListConnections(
        self, request: connection_service_pb2.ListConnectionsRequest, context: Any
    ) -> connection_service_pb2.ListConnectionsResponse:
        """List connections, page by page."""
        scope = await self._guard.read_scope(names.location(request.parent, wildcard=True))
        page = self._guard.read_page(request)
        filters: dict[str, Any] = {
            "locations": scope.locations,
            "agency": scope.agency,
            "statuses": [connection_pb2.Connection.Status.Name(status) for status in sorted(set(request.statuses))],
            "provider": names.provider(request.provider) if request.provider else "",
        }

        async def views_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[ConnectionView]:
            return await read.page(self._domain, after=keyset(cursor), limit=limit, **filters)

        items, token = await self._guard.list_page(request, page, views_after, to_proto, _sort_key)
        return connection_service_pb2.ListConnectionsResponse(connections=items, next_page_token=token)

    async def DeleteConnection(
        self, request: connection_service_pb2.DeleteConnectionRequest, context: Any
    ) -> empty_pb2.Empty:
        """Disconnect and remove a connection."""
        location, connection = names.CONNECTION.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        deleting = disconnect.delete(self._domain, location, connection, key, etag=request.etag)
        await or_not_found(request.name, deleting)
        self._statuses.clear()
        return empty_pb2.Empty()

    async def CompleteConnection(
        self, request: connection_service_pb2.CompleteConnectionRequest, context: Any
    ) -> connection_pb2.Connection:
        """Complete a consent whose callback the caller hosts itself."""
        caller = current_caller.get()

        async def authorize(location: str) -> RequestKey | None:
            try:
                await locations.authorize(self._guard.owners, caller, location)
            except LocationForbidden:
                # The error must not reveal which location a state belongs to.
                raise AuthorizationStateInvalid() from None
            return self._guard.request_key(caller, location, request)

        done = await complete.complete(
            self._domain,
            state=request.state,
            code=request.code,
            error=request.error,
            error_description=request.error_description,
            authorize=authorize,
        )
        row = done.connection
        return self._changed(await read.get(self._domain, row.location, row.id))

    async def ReauthorizeConnection(
        self, request: connection_service_pb2.ReauthorizeConnectionRequest, context: Any
    ) -> connection_pb2.Connection:
        """Start a new consent for a connection."""
        location, connection = names.CONNECTION.parse(request.name)
        caller = await self._guard.authorize(location)
        key = self._guard.request_key(caller, location, request)
        opening = reauthorize.reauthorize(
            self._domain,
            caller,
            location,
            connection,
            key,
            redirect_uri=request.redirect_uri,
            return_uri=request.return_uri,
        )
        return self._changed(await or_not_found(request.name, opening))

    async def VerifyConnection(
        self, request: connection_service_pb2.VerifyConnectionRequest, context: Any
    ) -> connection_pb2.Connection:
        """Verify a connection now."""
        location, connection = names.CONNECTION.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        return self._changed(await or_not_found(request.name, verify.verify(self._domain, location, connection, key)))

    async def DisconnectConnection(
        self, request: connection_service_pb2.DisconnectConnectionRequest, context: Any
    ) -> connection_pb2.Connection:
        """Revoke a grant and delete its tokens."""
        location, connection = names.CONNECTION.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        ending = disconnect.disconnect(self._domain, location, connection, key)
        return self._changed(await or_not_found(request.name, ending))

    def _changed(self, view: ConnectionView) -> connection_pb2.Connection:
        """Invalidate the cached status at once, so that this replica's caller reads its own change."""
        self._statuses.invalidate(rows.cache_key(view.row.location, view.row.provider))
        return to_proto(view)


def to_proto(view: ConnectionView) -> connection_pb2.Connection:
    """Return a connection's current state."""
    row = view.row
    message = connection_pb2.Connection(
        name=names.CONNECTION.format(row.location, row.id),
        provider=names.PROVIDER.format(row.provider),
        grant_kind=f"GRANT_KIND_{row.grant_kind}" if row.grant_kind else "GRANT_KIND_UNSPECIFIED",
        requested_scopes=row.requested_scopes,
        provider_settings=row.provider_settings,
        status=row.status,
        capabilities=connection_pb2.Connection.Capabilities(**connection_status.usable_capabilities(row)),
        reason_code=f"REASON_CODE_{row.reason_code}" if row.reason_code else "REASON_CODE_UNSPECIFIED",
        reason_message=row.reason_message,
        last_error_code=row.last_error_code,
        last_error_message=row.last_error_message,
        provider_subject=row.provider_subject,
        granted_scopes=row.granted_scopes,
        etag=str(row.version),
        grant_origin=f"GRANT_ORIGIN_{row.grant_origin}" if row.grant_origin else "GRANT_ORIGIN_UNSPECIFIED",
        parent_connection=_parent(row),
    )
    write_times(
        message,
        access_expire_time=view.access_expire_time,
        refresh_expire_time=view.refresh_expire_time,
        last_verify_time=row.last_verify_time,
        create_time=row.create_time,
        update_time=row.update_time,
    )
    if view.consent is not None:
        message.authorization.uri = view.consent.uri.reveal()
        write_times(message.authorization, expire_time=view.consent.expire_time)
    return message


def _sort_key(view: ConnectionView) -> tuple[str, str, str]:
    return view.row.create_time.isoformat(), view.row.location, view.row.id


def _parent(row: rows.ConnectionRow) -> str:
    return names.CONNECTION.format(row.parent_location, row.parent_connection) if row.parent_connection else ""


def _grant_kind(message: connection_pb2.Connection) -> str:
    if message.grant_kind == connection_pb2.GRANT_KIND_UNSPECIFIED:
        return ""
    if message.grant_kind not in connection_pb2.GrantKind.values():
        raise FieldInvalid("connection.grant_kind", "is not a kind that this version knows")
    return connection_pb2.GrantKind.Name(message.grant_kind).removeprefix("GRANT_KIND_")
