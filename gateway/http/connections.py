"""A location's connection as JSON, for web pages, which cannot call gRPC: `GET /me/{provider}-connection`.

Owns reading the caller and the location from the request, and the fields of the response. Authentication, limits and
errors are those of gRPC; the connection is read by `gateway/domain/connections/read.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.aip import names
from gateway.caller import Caller
from gateway.clock import Clock
from gateway.domain import locations
from gateway.domain.connections import read
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.domain.locations import Owners
from gateway.errors import FieldInvalid, GatewayUnavailable
from gateway.http.errors import error_response, format_time
from gateway.interceptors import auth
from gateway.interceptors.deadline import within
from gateway.interceptors.pipeline import CallPolicy
from storage.connections import ConnectionRow
from storage.states import ConnectionStatus as Status

SCOPE = "connections.read"
STARTING = "It is starting."
STOPPING = "It is stopping."

STATUSES = {
    Status.PENDING: Status.PENDING,
    Status.VALID: Status.VALID,
    Status.LIMITED: Status.LIMITED,
    Status.ERROR: Status.ERROR,
    # Pages know only four states. For these two, `reason_code` says what a person must do.
    Status.EXPIRED: Status.ERROR,
    Status.DISCONNECTED: Status.ERROR,
}
CAPABILITIES = ("can_read_profile", "can_list_videos", "can_read_video_metrics")


class CallDependencies(Protocol):
    """What a call needs from the edge; `policy`, `owners` and `domain` are None until the gateway has started."""

    @property
    def clock(self) -> Clock:
        """The current time."""

    @property
    def draining(self) -> Callable[[], bool]:
        """Whether the gateway is shutting down."""

    @property
    def policy(self) -> CallPolicy | None:
        """How calls are authenticated and limited."""

    @property
    def owners(self) -> Owners | None:
        """Which agency owns each location."""

    @property
    def domain(self) -> Domain | None:
        """The domain."""


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """`/me/{provider}-connection`."""

    edge: CallDependencies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        request = Request(scope, receive)
        try:
            response: Response = JSONResponse(await self._call(request))
        except Exception as error:
            response = error_response(error, now=self.edge.clock())
        await response(scope, receive, send)

    async def _call(self, request: Request) -> dict[str, Any]:
        """Run one call through the steps of every call: authentication, scope, limits, deadline."""
        policy = self.edge.policy
        if policy is None or self.edge.draining():
            raise GatewayUnavailable(STARTING if policy is None else STOPPING)
        caller = await auth.identify(_authorization(request), SCOPE, policy.authenticate)
        policy.limits.acquire(caller, stream=False)
        try:
            return await within(policy.deadline_seconds, self._answer(request, caller))
        finally:
            policy.limits.release(caller, stream=False)

    async def _answer(self, request: Request, caller: Caller) -> dict[str, Any]:
        domain, owners = self.edge.domain, self.edge.owners
        if domain is None or owners is None:
            raise GatewayUnavailable(STARTING)
        provider = names.provider(names.PROVIDER.format(request.path_params["provider"]))
        location = requested_location(request.query_params.getlist("location"), caller)
        await locations.authorize(owners, caller, location)
        return to_json((await read.status(domain, location, provider)).row)


def requested_location(values: list[str], caller: Caller) -> str:
    """Return the requested location's id; optional if the key allows exactly one. Raises FieldInvalid."""
    if not values and caller.locations is not None and len(caller.locations) == 1:
        return next(iter(caller.locations))
    if len(values) != 1:
        raise FieldInvalid("location", "must be given, once: the API key does not name one location alone")
    # Both `l1` and `locations/l1` are accepted.
    return names.location(names.LOCATION.format(values[0].removeprefix("locations/")), path="location")


def to_json(row: ConnectionRow) -> dict[str, Any]:
    """Return a connection with all fields of the response; null for unknown values."""
    return {
        f"{row.provider}_open_id": row.provider_subject or None,
        "status": STATUSES[row.status],
        "capabilities": {name: bool(connection_status.usable_capabilities(row).get(name)) for name in CAPABILITIES},
        "reason_code": row.reason_code or None,
        "reason_message": row.reason_message or None,
        "last_verified_at": _format_optional(row.last_verify_time),
        "last_error_code": row.last_error_code or None,
        "last_error_message": row.last_error_message or None,
        "created_at": format_time(row.create_time),
        "updated_at": format_time(row.update_time),
    }


def _format_optional(value: datetime | None) -> str | None:
    return None if value is None else format_time(value)


def _authorization(request: Request) -> str:
    """Return the `authorization` header, "" if it was sent twice, as over gRPC."""
    found = request.headers.getlist(auth.HEADER)
    return found[0] if len(found) == 1 else ""
