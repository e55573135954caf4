"""The outermost layer of a simulator: it names each call, injects faults, and records the call in the ledger.

Owns: what happens to a call before and after its endpoint. Knows nothing of the vendor beyond the `Dialect` passed in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from providers.simulators.faults import ConnectionDropped, Fault, hang_up, read_body, swallow

# Under this key of the scope an endpoint finds the fault that it has to apply itself.
FAULT_KEY = "simulator.fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A row of the ledger. `operation` is "" for paths that the vendor does not have, `status` 0 without a response."""

    operation: str
    method: str
    path: str
    status: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between the vendors.

    `operation` names a call ("" for an unknown path), `error` makes the response of a fault of kind "error". `html` and
    `broken_json` are the default bodies of the kinds "html" and "corrupt_json". Faults of `endpoint_kinds` are applied
    by the endpoint. `row` makes the ledger row of a call from its scope and the fields of `Call`.
    """

    operation: Callable[[Scope], str]
    error: Callable[[str, Fault], Response]
    html: str
    broken_json: str
    endpoint_kinds: tuple[str, ...] = ()
    row: Callable[..., Call] = lambda scope, **fields: Call(**fields)

    def response(self, operation: str, fault: Fault) -> Response:
        """Return what a fault sends in place of the vendor's own response."""
        if fault.kind == "error":
            return self.error(operation, fault)
        headers = dict(fault.headers)
        if fault.kind == "status":
            return Response(fault.body or "", fault.status or 503, headers)
        if fault.kind == "html":
            return HTMLResponse(fault.body or self.html, fault.status or 200, headers)
        body = fault.body if fault.kind == "body" and fault.body is not None else self.broken_json
        return Response(body, fault.status or 200, headers, media_type="application/json")


class _WatchedSend:
    """A `send` that remembers the HTTP status; 0 as long as no response has begun."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def intercept(app: ASGIApp, vendor: Any, dialect: Dialect) -> ASGIApp:
    """Wrap `app` in fault injection and the ledger of calls. It belongs outside Starlette's own error handling."""

    async def inject(fault: Fault, operation: str, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case "slow":
                await vendor.sleep(fault.seconds)
                await app(scope, receive, send)
            case "drop_before":
                await read_body(receive, at_least=fault.bytes)
                raise ConnectionDropped("Server disconnected without sending a response.")
            case "drop_after":
                await app(scope, receive, swallow)
                raise ConnectionDropped("Server disconnected without sending a response.")
            case "status" | "error" | "html" | "body" | "corrupt_json":
                await (app(scope, receive, swallow) if fault.effect else read_body(receive))
                await dialect.response(operation, fault)(scope, receive, send)
            case kind if kind in dialect.endpoint_kinds:
                scope[FAULT_KEY] = fault
                await app(scope, receive, send)
            case kind:
                raise KeyError(kind)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        vendor.settle()
        operation, watched = dialect.operation(scope), _WatchedSend(send)
        try:
            fault = vendor.faults.take(operation) if operation else None
            if fault is None:
                await app(scope, receive, watched.send)
            else:
                await inject(fault, operation, scope, receive, watched.send)
        except ConnectionDropped:
            if not await hang_up(scope, receive, send):
                raise
        finally:
            method, path = scope["method"], scope["path"]
            if not path.startswith("/_sim/"):
                fields = {"operation": operation, "method": method, "path": path, "status": watched.status}
                vendor.requests.append(dialect.row(scope, **fields, time=vendor.now()))
            vendor.settle()

    return call
