"""The frame around every request of the HTTP edge: its id, its limits, its headers, its log line.

Owns what is the same for all paths. Whatever a page raises ends here: nothing of it reaches the browser.
"""

import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import log
from gateway.interceptors import request_id

_log = log.get("gateway.http")

MAX_BODY_BYTES = 1024 * 1024
QUIET = ("/healthz", "/readyz")
OPENING = ("/media/", "/connect/")
"""What follows is a secret, but for the webhooks under the second."""

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    # What a consent page sent us stands in the address: nobody may learn it from us.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex",
}
"""On every answer, unless the page says otherwise."""


def framed(app: ASGIApp, *, new_id: Callable[[], str] = request_id.new_request_id) -> ASGIApp:
    """Put the frame around an ASGI app."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        known = request_id.choose(request.headers.get(request_id.HEADER, ""), new_id)
        log.request_id.set(known)
        started, status = time.monotonic(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(MutableHeaders(scope=message), known)
            await send(message)

        try:
            await _answer(app, request, receive, sent)
        except Exception as error:
            _log.error("request failed", path=shown(request.url.path), exc_info=error)
            if status:
                raise
            await _problem(500, "The gateway failed.", known)(scope, receive, sent)
        finally:
            _line(request, status, started)

    return serve


async def _answer(app: ASGIApp, request: Request, receive: Receive, send: Send) -> None:
    """Let the app answer, unless the request announces more than anybody needs to send here."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > MAX_BODY_BYTES:
        await _problem(413, "The body is too large.", "")(request.scope, receive, send)
        return
    await app(request.scope, receive, send)


def _complete(headers: MutableHeaders, known: str) -> None:
    """Add the headers that the page did not set itself."""
    headers[request_id.HEADER] = known
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def _problem(status: int, sentence: str, known: str) -> ASGIApp:
    return JSONResponse({"error": sentence, **({"requestId": known} if known else {})}, status)


def shown(path: str) -> str:
    """Return a path as the log may have it: what opens something is left out."""
    for opening in OPENING:
        before, link, rest = path.partition(opening)
        if link and not rest.startswith("webhook/"):
            return f"{before[:200]}{link}…"
    return path[:200]


def _line(request: Request, status: int, started: float) -> None:
    """Write the request's one line; never its query, where codes and states stand."""
    write = _log.debug if request.url.path in QUIET and status < 400 else _log.info
    write(
        "request",
        method=request.method,
        path=shown(request.url.path),
        status=status,
        ms=round((time.monotonic() - started) * 1000, 2),
    )
