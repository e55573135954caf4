"""ApiKeyService: creates, rotates and revokes API keys.

Owns the conversions. Makes no decisions.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import masks, names
from gateway.caller import current_caller
from gateway.domain.admin import api_keys
from gateway.domain.admin.api_keys import ApiKeyView, NewApiKey
from gateway.errors import FieldInvalid
from gateway.rpc.admin_guard import AdminDomain, AdminGuard
from gateway.rpc.convert import duration, moment, write_times
from gateway.rpc.request import or_not_found
from socialgateway.admin.v1 import api_key_pb2, api_key_service_pb2, api_key_service_pb2_grpc

CHANGEABLE = ("display_name", "expire_time")
ApiKey = api_key_pb2.ApiKey


class ApiKeyService(api_key_service_pb2_grpc.ApiKeyServiceServicer):
    """Serves API keys to administrators."""

    def __init__(self, admin: AdminDomain, guard: AdminGuard) -> None:
        """Serve `admin` to the callers that `guard` admits."""
        self._store = admin.store
        self._guard = guard

    async def CreateApiKey(self, request: api_key_service_pb2.CreateApiKeyRequest, context: Any) -> ApiKey:
        """Create a key."""
        agency = self._guard.agency(request.parent, path="parent")
        key = self._guard.request_key(agency, request)
        creating = api_keys.create(self._store, current_caller.get(), _new(agency, request.api_key), key)
        return self._to_proto(await or_not_found(request.parent, creating))

    async def GetApiKey(self, request: api_key_service_pb2.GetApiKeyRequest, context: Any) -> ApiKey:
        """Return a key."""
        caller, agency, id = self._key(request.name)
        return self._to_proto(await or_not_found(request.name, api_keys.get(self._store, caller, agency, id)))

    async def ListApiKeys(
        self, request: api_key_service_pb2.ListApiKeysRequest, context: Any
    ) -> api_key_service_pb2.ListApiKeysResponse:
        """List the keys of an agency, or of all."""
        agency = self._guard.agency_or_all(request.parent, path="parent")
        page, caller = self._guard.guard.read_page(request), current_caller.get()

        async def views_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[ApiKeyView]:
            after = str(cursor[0]) if cursor else ""
            return await api_keys.page(self._store, caller, agency, after=after, limit=limit)

        items, token = await self._guard.guard.list_page(
            request, page, views_after, self._to_proto, lambda view: (view.row.id,)
        )
        return api_key_service_pb2.ListApiKeysResponse(api_keys=items, next_page_token=token)

    async def UpdateApiKey(self, request: api_key_service_pb2.UpdateApiKeyRequest, context: Any) -> ApiKey:
        """Change a key."""
        message = request.api_key
        caller, agency, id = self._key(message.name, path="api_key.name")
        paths = masks.update_paths(request.update_mask, message, allowed=CHANGEABLE)
        if not paths:
            raise FieldInvalid("update_mask", f"names nothing to change; {', '.join(CHANGEABLE)} can be")
        key = self._guard.request_key(agency, request)
        changing = api_keys.update(self._store, caller, agency, id, _changes(message, paths), key)
        return self._to_proto(await or_not_found(message.name, changing))

    async def RotateApiKey(self, request: api_key_service_pb2.RotateApiKeyRequest, context: Any) -> ApiKey:
        """Make a new secret."""
        caller, agency, id = self._key(request.name)
        key = self._guard.request_key(agency, request)
        rotating = api_keys.rotate(self._store, caller, agency, id, _overlap(request), key)
        return self._to_proto(await or_not_found(request.name, rotating))

    async def RevokeApiKey(self, request: api_key_service_pb2.RevokeApiKeyRequest, context: Any) -> ApiKey:
        """Revoke a key."""
        caller, agency, id = self._key(request.name)
        return self._to_proto(await or_not_found(request.name, api_keys.revoke(self._store, caller, agency, id)))

    def _key(self, name: str, *, path: str = "name") -> tuple[Any, str, str]:
        """Return the caller, the agency and the id of a key that the caller may administer."""
        agency, id = names.AGENCY_API_KEY.parse(name, path=path)
        self._guard.agency(names.AGENCY.format(agency), path=path)
        return current_caller.get(), agency, id

    def _to_proto(self, view: ApiKeyView) -> ApiKey:
        return to_proto(view, self._store.clock())


def _new(agency: str, message: ApiKey) -> NewApiKey:
    """Return the key that a caller wants; raises FieldInvalid."""
    if message.all_locations and message.locations:
        raise FieldInvalid("api_key.locations", "must be empty with all_locations")
    path = "api_key.locations"
    return NewApiKey(
        agency=agency,
        locations=None if message.all_locations else [names.location(each, path=path) for each in message.locations],
        scopes=list(message.scopes),
        redirect_uris=list(message.redirect_uris),
        display_name=message.display_name,
        expire_time=moment(message, "expire_time", path="api_key.expire_time"),
    )


def _changes(message: ApiKey, paths: frozenset[str]) -> dict[str, Any]:
    """Return the new values; raises FieldInvalid for a key that shall never end."""
    found: dict[str, Any] = {}
    if "display_name" in paths:
        found["display_name"] = message.display_name
    if "expire_time" in paths:
        found["expire_time"] = moment(message, "expire_time", path="api_key.expire_time")
        if found["expire_time"] is None:
            raise FieldInvalid("api_key.expire_time", "must be set")
    return found


def _overlap(request: api_key_service_pb2.RotateApiKeyRequest) -> timedelta:
    overlap = duration(request.overlap) if request.HasField("overlap") else api_keys.OVERLAP
    if not timedelta() <= overlap <= api_keys.MAX_OVERLAP:
        raise FieldInvalid("overlap", f"must be 0 to {api_keys.MAX_OVERLAP.days} days")
    return overlap


def to_proto(view: ApiKeyView, now: datetime) -> ApiKey:
    """Return a key; its secret only if it was just made."""
    row = view.row
    former = row.former_expire_time
    message = ApiKey(
        name=api_keys.name_of(row),
        display_name=row.display_name,
        locations=[names.LOCATION.format(each) for each in row.locations or ()],
        all_locations=row.locations is None,
        scopes=row.scopes,
        redirect_uris=row.redirect_uris,
        secret=view.secret.reveal() if view.secret else "",
        secret_hint=row.hint,
        state=api_keys.state_of(row, now),
    )
    write_times(
        message,
        expire_time=row.expire_time,
        create_time=row.create_time,
        last_use_time=row.last_use_time,
        former_secret_expire_time=former if former is not None and former > now else None,
        revoke_time=row.revoke_time,
    )
    return message
