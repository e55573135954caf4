"""The media that a vendor fetches: `GET /media/{token}`, all of it or a byte range.

Owns the HTTP side: ranges, sizes, types, the limit on concurrent fetches, and the log line for each fetch. Who may open
a link is decided in `gateway/domain/media/links.py`. An invalid token always gets 404, whatever is wrong with it.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway import log
from gateway.domain.context import Domain
from gateway.domain.media import links
from gateway.domain.media.links import Fetch, Found
from storage.database import DatabaseUnavailable
from storage.media import MediaLinkRow

_log = log.get("gateway.http.media")

MAX_STREAMS = 64
"""How many fetches one process serves at the same time; a vendor that gets 503 tries again."""

MAX_SECONDS = 3600.0
"""How long one fetch may take, in seconds: no vendor waits longer (TikTok "Media Transfer Guide", 2026-11-20: one
hour), and a stalled reader must not occupy a slot for ever."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")
_RANGE = re.compile(r"bytes=([0-9]{0,100})-([0-9]{0,100})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """A request whose link exists: bytes [first, end), to be answered with the fetch's `status`."""

    domain: Domain
    found: Found
    fetch: Fetch

    @property
    def end(self) -> int:
        """The offset after the last byte."""
        return self.fetch.first + self.fetch.size


@dataclass(slots=True)
class Media:
    """`/media/{token}`."""

    domain: Callable[[], Domain | None]
    max_streams: int = MAX_STREAMS
    max_seconds: float = MAX_SECONDS
    _streams: int = field(default=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a request that transfers no bytes needs no slot."""
        answer = await _resolve(self.domain(), Request(scope))
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        if self._streams >= self.max_streams:
            await _busy()(scope, receive, send)
            return
        self._streams += 1
        try:
            await self._stream(answer, scope, receive, send)
        finally:
            self._streams -= 1

    async def _stream(self, request: MediaRequest, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the fetch, and only then start sending."""
        try:
            opened = await links.open_link(request.domain, request.found.link, request.fetch)
        except DatabaseUnavailable:
            await _busy()(scope, receive, send)
            return
        if not opened:
            await _nothing()(scope, receive, send)
            return
        sent, started = _Sent(), time.monotonic()
        response = StreamingResponse(_bytes(request, sent), request.fetch.status, headers_of(request))
        try:
            async with asyncio.timeout(self.max_seconds):
                await response(scope, receive, send)
        finally:
            _log_fetch("media fetched", request, sent=sent.size, ms=round((time.monotonic() - started) * 1000, 2))


@dataclass(slots=True)
class _Sent:
    """How many bytes were passed to the socket."""

    size: int = 0


async def _bytes(request: MediaRequest, sent: _Sent) -> AsyncIterator[bytes]:
    """Yield the bytes. If they are gone the connection is cut, because the size was already sent."""
    async for piece in links.read(request.domain, request.found.link, request.fetch.first, request.end):
        yield piece
        sent.size += len(piece)


async def _resolve(domain: Domain | None, request: Request) -> Response | MediaRequest:
    """Return what is requested, or the response itself if no bytes are to be sent."""
    if domain is None:
        return _busy()
    try:
        found = await _look(domain, request.path_params["token"])
        if found is None:
            return _nothing()
        media = MediaRequest(domain, found, _fetch(request, found))
        if request.method == "HEAD":
            _log_fetch("media looked at", media)
        elif media.fetch.status == 416:
            await links.record_refused(domain, found.link, media.fetch)
            _log_fetch("media not fetched", media)
        else:
            return media
    except DatabaseUnavailable:
        return _busy()
    return Response(status_code=media.fetch.status, headers=headers_of(media))


async def _look(domain: Domain, token: str) -> Found | None:
    return await links.find(domain, token) if _TOKEN.fullmatch(token) else None


def _fetch(request: Request, found: Found) -> Fetch:
    """Read who requests what. The client is the socket's peer: anybody can set the headers that a proxy would."""
    remote = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "").replace("\0", "")
    everything = Fetch(remote, agent, 0, found.link.size_bytes, 200)
    if request.method == "HEAD":
        return everything
    status, first, end = requested_range(request.headers, found)
    return replace(everything, status=status, first=first, size=end - first)


def requested_range(headers: Headers, found: Found) -> tuple[int, int, int]:
    """Return (status, first, end) of the requested bytes; anything but a single byte range means all of them."""
    size = found.link.size_bytes
    match = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if match is None or match[1] + match[2] == "" or headers.get("if-range", etag(found)) != etag(found):
        return 200, 0, size
    if match[1] == "":
        length = int(match[2])
        return (206, max(0, size - length), size) if length and size else (416, 0, 0)
    first, last = int(match[1]), int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return 200, 0, size
    return (206, first, min(last + 1, size)) if first < size else (416, 0, 0)


def etag(found: Found) -> str:
    """Return the ETag: the quoted SHA-256 of the bytes."""
    return f'"{found.sha256}"'


def headers_of(request: MediaRequest) -> dict[str, str]:
    """Return the response headers."""
    link, fetch = request.found.link, request.fetch
    headers = {
        "accept-ranges": "bytes",
        "content-type": link.mime_type,
        "content-length": str(fetch.size),
        "etag": etag(request.found),
        # A copy in a proxy's cache would be fetched without our noticing, and a transformed one is not the media.
        "cache-control": "private, no-store, no-transform",
        "content-disposition": "inline",
        # Whoever has the link may embed it anywhere.
        "cross-origin-resource-policy": "cross-origin",
    }
    if fetch.status == 206:
        headers["content-range"] = f"bytes {fetch.first}-{request.end - 1}/{link.size_bytes}"
    if fetch.status == 416:
        headers["content-range"] = f"bytes */{link.size_bytes}"
    return headers


def _log_fetch(what: str, request: MediaRequest, **more: float) -> None:
    """Log who fetched what, but never the token."""
    link: MediaLinkRow = request.found.link
    fetch = request.fetch
    _log.info(
        what,
        location=link.location,
        post=link.post,
        attempt=link.attempt,
        position=link.position,
        remote=fetch.remote,
        status=fetch.status,
        first=fetch.first,
        size=fetch.size,
        **more,
    )


def _nothing() -> Response:
    return JSONResponse({"error": "There is nothing here."}, 404)


def _busy() -> Response:
    return JSONResponse({"error": "Try again in a moment."}, 503, {"retry-after": "2"})
