"""The outermost layer: names each call, writes the ledger of calls, and plays the ordered faults.

Owns: what happens to a call before and after its endpoint. Knows nothing of what the endpoints do.
"""

from collections.abc import Awaitable, Callable

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from providers.simulators.faults import ConnectionDropped, Fault, hang_up, read_body, swallow
from providers.simulators.highlevel import operations, wire
from providers.simulators.highlevel.errors import Refusal
from providers.simulators.highlevel.ledger import Call
from providers.simulators.highlevel.operations import Operation
from providers.simulators.highlevel.state import Vendor

_HTML = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
_BROKEN = '{"success":true,"statusCode":201,"results":{"post":{"_id":"65'

Play = Callable[[ASGIApp, Vendor, Fault, Scope, Receive, Send], Awaitable[None]]


def replacement(vendor: Vendor, fault: Fault) -> Response:
    """The answer that a fault gives instead of the vendor's own. Kind "error" speaks with `message`, else `code`."""
    headers = dict(fault.headers)
    if fault.kind == "error":
        answer = wire.refusal(vendor, Refusal(fault.status or 400, fault.message or fault.code))
        answer.headers.update(headers)
        return answer
    if fault.kind == "status":
        return Response(fault.body or "", fault.status or 503, headers)
    if fault.kind == "html":
        return HTMLResponse(fault.body or _HTML, fault.status or 200, headers)
    body = fault.body if fault.kind == "body" and fault.body is not None else _BROKEN
    return Response(body, fault.status or 200, headers, media_type="application/json")


async def _answer_instead(
    app: ASGIApp, vendor: Vendor, fault: Fault, scope: Scope, receive: Receive, send: Send
) -> None:
    if fault.effect:
        await app(scope, receive, swallow)
    else:
        await read_body(receive)
    await replacement(vendor, fault)(scope, receive, send)


async def _drop_before(app: ASGIApp, vendor: Vendor, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    await read_body(receive, at_least=fault.bytes)
    raise ConnectionDropped("Server disconnected without sending a response.")


async def _drop_after(app: ASGIApp, vendor: Vendor, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, swallow)
    raise ConnectionDropped("Server disconnected without sending a response.")


async def _slow(app: ASGIApp, vendor: Vendor, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    await vendor.sleep(fault.seconds)
    await app(scope, receive, send)


# The kinds that are about uploads in chunks have no meaning here.
PLAYS: dict[str, Play] = {
    "status": _answer_instead,
    "error": _answer_instead,
    "html": _answer_instead,
    "body": _answer_instead,
    "corrupt_json": _answer_instead,
    "drop_before": _drop_before,
    "drop_after": _drop_after,
    "slow": _slow,
}


def gate(app: ASGIApp, vendor: Vendor) -> ASGIApp:
    """`app` behind the faults and in front of the ledger. It belongs outside Starlette's own error handling."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        vendor.settle()
        operation, seen = _named(scope), _Seen(send)
        try:
            fault = vendor.faults.take(operation.name) if operation else None
            if fault is None:
                await app(scope, receive, seen.send)
            else:
                await PLAYS[fault.kind](app, vendor, fault, scope, receive, seen.send)
        except ConnectionDropped:
            if not await hang_up(scope, receive, send):
                raise
        finally:
            _record(vendor, operation, scope, seen.status)
            vendor.settle()

    return call


def _named(scope: Scope) -> Operation | None:
    found = operations.find(scope["method"], scope["path"])
    if found is None:
        return None
    operation, params = found
    scope[wire.OPERATION_KEY], scope[wire.PARAMS_KEY] = operation, params
    return operation


class _Seen:
    """Watches which status goes out."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _record(vendor: Vendor, operation: Operation | None, scope: Scope, status: int) -> None:
    if scope["path"].startswith("/_sim/"):
        return
    version = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"version"), "")
    call = Call(
        operation=operation.name if operation else "",
        method=scope["method"],
        path=scope["path"],
        version=version,
        status=status,
        time=vendor.now(),
    )
    vendor.requests.append(call)
