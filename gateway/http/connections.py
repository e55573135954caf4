"""The connection of a location, for pages that speak no gRPC: `GET /me/{provider}-connection`.

Owns how a call over HTTP says who calls and for which location, and the answer's fields. The steps a call goes
through, its limits and its errors are those of gRPC; the rules are `gateway/domain/connections/read.py`.
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
from gateway.http.errors import moment, refuse
from gateway.interceptors import auth
from gateway.interceptors.deadline import within
from gateway.interceptors.pipeline import Steps
from storage.connections import ConnectionRow

SCOPE = "connections.read"
STARTING = "It is starting."
STOPPING = "It is stopping."

STATUSES = {
    "PENDING": "PENDING",
    "VALID": "VALID",
    "LIMITED": "LIMITED",
    "ERROR": "ERROR",
    # Pages know four states. What a person must do about these two stands in `reason_code`.
    "EXPIRED": "ERROR",
    "DISCONNECTED": "ERROR",
}
CAPABILITIES = ("can_read_profile", "can_list_videos", "can_read_video_metrics")


class Surroundings(Protocol):
    """What a call needs of the edge; what is None comes when the gateway has started."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def draining(self) -> Callable[[], bool]:
        """Return whether the gateway is about to stop."""

    @property
    def steps(self) -> Steps | None:
        """How callers are known, and how much each may have running."""

    @property
    def owners(self) -> Owners | None:
        """Whose each location is."""

    @property
    def domain(self) -> Domain | None:
        """The rules."""


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """`/me/{provider}-connection`."""

    edge: Surroundings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        request = Request(scope, receive)
        try:
            response: Response = JSONResponse(await self._admitted(request))
        except Exception as error:
            response = refuse(error, now=self.edge.clock())
        await response(scope, receive, send)

    async def _admitted(self, request: Request) -> dict[str, Any]:
        """Take a call through the steps of every call: key, scope, a place among the key's calls, a deadline."""
        steps = self.edge.steps
        if steps is None or self.edge.draining():
            raise GatewayUnavailable(STARTING if steps is None else STOPPING)
        caller = await auth.identify(_authorization(request), SCOPE, steps.authenticate)
        steps.limits.take(caller.key_id, stream=False)
        try:
            return await within(steps.deadline_seconds, self._answer(request, caller))
        finally:
            steps.limits.give(caller.key_id, stream=False)

    async def _answer(self, request: Request, caller: Caller) -> dict[str, Any]:
        domain, owners = self.edge.domain, self.edge.owners
        if domain is None or owners is None:
            raise GatewayUnavailable(STARTING)
        provider = names.provider(names.PROVIDER.format(request.path_params["provider"]))
        location = wanted(request.query_params.getlist("location"), caller)
        await locations.authorize(owners, caller, location)
        return shown((await read.status(domain, location, provider)).row)


def wanted(given: list[str], caller: Caller) -> str:
    """Return the location that is asked for: a key that names exactly one needs no parameter. Raises FieldInvalid."""
    if not given and caller.locations is not None and len(caller.locations) == 1:
        return next(iter(caller.locations))
    if len(given) != 1:
        raise FieldInvalid("location", "must be given, once: the API key does not name one location alone")
    # Both `l1` and `locations/l1` name the location l1.
    return names.location(f"locations/{given[0].removeprefix('locations/')}", path="location")


def shown(row: ConnectionRow) -> dict[str, Any]:
    """Write a connection with the fields of the page's contract: all of them, null for what is not known."""
    return {
        f"{row.provider}_open_id": row.provider_subject or None,
        "status": STATUSES[row.status],
        "capabilities": {name: bool(connection_status.usable_capabilities(row).get(name)) for name in CAPABILITIES},
        "reason_code": row.reason_code or None,
        "reason_message": row.reason_message or None,
        "last_verified_at": _moment(row.last_verify_time),
        "last_error_code": row.last_error_code or None,
        "last_error_message": row.last_error_message or None,
        "created_at": moment(row.create_time),
        "updated_at": moment(row.update_time),
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else moment(value)


def _authorization(request: Request) -> str:
    """Return the header that says who calls; one that was sent twice is none, as over gRPC."""
    found = request.headers.getlist(auth.HEADER)
    return found[0] if len(found) == 1 else ""
