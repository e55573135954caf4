"""The middleware around every HTTP request: request id, size limit, security headers, log line.

Owns what is the same for all paths. Exceptions end here: nothing of them reaches the browser.
"""

import math
import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import log
from gateway.http import bodies
from gateway.interceptors import request_id

_log = log.get("gateway.http")

MAX_BODY_BYTES = 1024 * 1024
PROBES = ("/healthz", "/readyz")
SECRET_AFTER = ("/media/", "/connect/")
"""The paths after these are secrets, except for the webhooks under the second."""

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    # The OAuth code and state are in our URL: they must not be passed on as a referrer.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex",
}
"""On every response, unless the page sets its own."""


def with_middleware(app: ASGIApp, *, new_id: Callable[[], str] = request_id.new_request_id) -> ASGIApp:
    """Wrap an ASGI app with the middleware."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        id = request_id.choose(request.headers.get(request_id.HEADER, ""), new_id)
        log.request_id.set(id)
        started, status = time.monotonic(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(MutableHeaders(scope=message), id)
            await send(message)

        try:
            await _answer(app, request, receive, send_with_headers)
        except Exception as error:
            _log.error("request failed", path=redacted_path(request.url.path), exc_info=error)
            if status:
                raise
            await _problem(500, "The gateway failed.", id)(scope, receive, send_with_headers)
        finally:
            _line(request, status, started)

    return serve


async def _answer(app: ASGIApp, request: Request, receive: Receive, send: Send) -> None:
    """Call the app, unless the request's content-length is too large; that of an upload is its own matter."""
    announced = request.headers.get("content-length", "0")
    allowed = math.inf if bodies.upload_of(request.scope) else MAX_BODY_BYTES
    if not announced.isdecimal() or int(announced) > allowed:
        await _problem(413, "The body is too large.", "")(request.scope, receive, send)
        return
    await app(request.scope, receive, send)


def _complete(headers: MutableHeaders, id: str) -> None:
    """Add the request id, and the headers that the page did not set itself."""
    headers[request_id.HEADER] = id
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def _problem(status: int, sentence: str, id: str) -> ASGIApp:
    return JSONResponse({"error": sentence, **({"requestId": id} if id else {})}, status)


def redacted_path(path: str) -> str:
    """Return a path that is safe to log: tokens in it are left out."""
    for prefix in SECRET_AFTER:
        before, link, rest = path.partition(prefix)
        if link and not rest.startswith("webhook/"):
            return f"{before[:200]}{link}…"
    return path[:200]


def _line(request: Request, status: int, started: float) -> None:
    """Log the request's one line, but never its query, which may hold OAuth codes and states."""
    write = _log.debug if request.url.path in PROBES and status < 400 else _log.info
    write(
        "request",
        method=request.method,
        path=redacted_path(request.url.path),
        status=status,
        ms=round((time.monotonic() - started) * 1000, 2),
    )
