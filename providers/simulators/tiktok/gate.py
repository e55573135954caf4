"""The outermost layer: names each call, writes the ledger of calls, and plays the ordered faults.

Owns: what happens to a call before and after its endpoint. Knows nothing of what the endpoints do.
"""

from collections.abc import Awaitable, Callable

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from providers.simulators.faults import ConnectionDropped, Fault, hang_up, read_body, swallow
from providers.simulators.tiktok import wire
from providers.simulators.tiktok.errors import STATUS, OAuthError
from providers.simulators.tiktok.ledger import Call
from providers.simulators.tiktok.state import Vendor

# Where an endpoint finds the fault that it has to play itself.
SCOPE_KEY = "simulator.fault"

OPERATIONS = {
    ("POST", "/v2/oauth/token/"): "oauth.token",
    ("POST", "/v2/oauth/revoke/"): "oauth.revoke",
    ("GET", "/v2/user/info/"): "user.info",
    ("POST", "/v2/video/list/"): "video.list",
    ("POST", "/v2/video/query/"): "video.query",
    ("POST", "/v2/post/publish/creator_info/query/"): "creator_info",
    ("POST", "/v2/post/publish/video/init/"): "video.init",
    ("POST", "/v2/post/publish/inbox/video/init/"): "inbox.init",
    ("POST", "/v2/post/publish/content/init/"): "content.init",
    ("POST", "/v2/post/publish/status/fetch/"): "status",
    ("POST", "/v2/post/publish/cancel/"): "cancel",
    ("PUT", "/video/"): "upload",
    ("PUT", "/upload/"): "upload",
}

_HTML = "<!DOCTYPE html><html><head><title>tiktok</title></head><body>Please wait...</body></html>"
_BROKEN = '{"data":{"publish_id":"v_pub_file~v2-1.7602'

Play = Callable[[ASGIApp, Vendor, str, Fault, Scope, Receive, Send], Awaitable[None]]


def replacement(vendor: Vendor, name: str, fault: Fault) -> Response:
    """The answer that a fault gives instead of the vendor's own."""
    headers = dict(fault.headers)
    if fault.kind == "error":
        if name.startswith("oauth."):
            return wire.oauth_refusal(vendor, OAuthError(fault.code, fault.message))
        status = fault.status or STATUS.get(fault.code, 400)
        return wire.envelope(vendor, {}, fault.code, fault.message, status)
    if fault.kind == "status":
        return Response(fault.body or "", fault.status or 503, headers)
    if fault.kind == "html":
        return HTMLResponse(fault.body or _HTML, fault.status or 200, headers)
    body = fault.body if fault.kind == "body" and fault.body is not None else _BROKEN
    return Response(body, fault.status or 200, headers, media_type="application/json")


async def _answer_instead(
    app: ASGIApp, vendor: Vendor, name: str, fault: Fault, scope: Scope, receive: Receive, send: Send
) -> None:
    if fault.effect:
        await app(scope, receive, swallow)
    else:
        await read_body(receive)
    await replacement(vendor, name, fault)(scope, receive, send)


async def _drop_before(
    app: ASGIApp, vendor: Vendor, name: str, fault: Fault, scope: Scope, receive: Receive, send: Send
) -> None:
    await read_body(receive, at_least=fault.bytes)
    raise ConnectionDropped("Server disconnected without sending a response.")


async def _drop_after(
    app: ASGIApp, vendor: Vendor, name: str, fault: Fault, scope: Scope, receive: Receive, send: Send
) -> None:
    await app(scope, receive, swallow)
    raise ConnectionDropped("Server disconnected without sending a response.")


async def _slow(
    app: ASGIApp, vendor: Vendor, name: str, fault: Fault, scope: Scope, receive: Receive, send: Send
) -> None:
    await vendor.sleep(fault.seconds)
    await app(scope, receive, send)


async def _inside(
    app: ASGIApp, vendor: Vendor, name: str, fault: Fault, scope: Scope, receive: Receive, send: Send
) -> None:
    scope[SCOPE_KEY] = fault
    await app(scope, receive, send)


_PLAYS: dict[str, Play] = {
    "status": _answer_instead,
    "error": _answer_instead,
    "html": _answer_instead,
    "body": _answer_instead,
    "corrupt_json": _answer_instead,
    "drop_before": _drop_before,
    "drop_after": _drop_after,
    "slow": _slow,
    "expire_upload": _inside,
    "lose_progress": _inside,
}


def gate(app: ASGIApp, vendor: Vendor) -> ASGIApp:
    """`app` behind the faults and in front of the ledger. It belongs outside Starlette's own error handling."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        vendor.settle()
        name = OPERATIONS.get((scope["method"], scope["path"]), "")
        seen = _Seen(send)
        try:
            fault = vendor.faults.take(name) if name else None
            if fault is None:
                await app(scope, receive, seen.send)
            else:
                await _PLAYS[fault.kind](app, vendor, name, fault, scope, receive, seen.send)
        except ConnectionDropped:
            if not await hang_up(scope, receive, send):
                raise
        finally:
            _record(vendor, name, scope, seen.status)
            vendor.settle()

    return call


class _Seen:
    """Watches which status goes out."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _record(vendor: Vendor, name: str, scope: Scope, status: int) -> None:
    if not scope["path"].startswith("/_sim/"):
        call = Call(operation=name, method=scope["method"], path=scope["path"], status=status, time=vendor.now())
        vendor.requests.append(call)
