"""The media that a vendor fetches: `GET /media/{token}`, whole or a range of it.

Owns what HTTP says about bytes: ranges, sizes, types, how many fetches at once, and the line that tells who
fetched what. Who may open a link is `gateway/domain/media/links.py`. A token that opens nothing is told
nothing, whatever the cause.
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
"""How many fetches one process serves at once; a vendor that is told 503 comes again."""

LONGEST = 3600.0
"""Seconds that one fetch may take: no vendor waits longer (TikTok "Media Transfer Guide", 2026-11-20: one hour), and a
reader that stands still must not hold a place for ever."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")
_RANGE = re.compile(r"bytes=([0-9]{0,100})-([0-9]{0,100})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request that found something asks for: bytes [first, end), to be answered with `status`."""

    domain: Domain
    found: Found
    fetch: Fetch

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.fetch.first + self.fetch.size


@dataclass(slots=True)
class Media:
    """`/media/{token}`."""

    domain: Callable[[], Domain | None]
    places: int = MAX_STREAMS
    longest: float = LONGEST
    _streams: int = field(default=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; one that moves no bytes never waits for a place."""
        answer = await _asked(self.domain(), Request(scope))
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        if self._streams >= self.places:
            await _busy()(scope, receive, send)
            return
        self._streams += 1
        try:
            await self._stream(answer, scope, receive, send)
        finally:
            self._streams -= 1

    async def _stream(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the fetch down, and only then begin to send."""
        try:
            opened = await links.open_link(asked.domain, asked.found.link, asked.fetch)
        except DatabaseUnavailable:
            await _busy()(scope, receive, send)
            return
        if not opened:
            await _nothing()(scope, receive, send)
            return
        sent, started = _Sent(), time.monotonic()
        response = StreamingResponse(_bytes(asked, sent), asked.fetch.status, headers_of(asked))
        try:
            async with asyncio.timeout(self.longest):
                await response(scope, receive, send)
        finally:
            _line("media fetched", asked, sent=sent.size, ms=round((time.monotonic() - started) * 1000, 2))


@dataclass(slots=True)
class _Sent:
    """How many bytes were given to the socket."""

    size: int = 0


async def _bytes(asked: Asked, sent: _Sent) -> AsyncIterator[bytes]:
    """Yield the bytes; when they are lost the connection is cut, because the size was told already."""
    async for piece in links.read(asked.domain, asked.found.link, asked.fetch.first, asked.end):
        yield piece
        sent.size += len(piece)


async def _asked(domain: Domain | None, request: Request) -> Response | Asked:
    """Find what is asked for; give the answer itself where no bytes leave."""
    if domain is None:
        return _busy()
    try:
        found = await _look(domain, request.path_params["token"])
        if found is None:
            return _nothing()
        asked = Asked(domain, found, _fetch(request, found))
        if request.method == "HEAD":
            _line("media looked at", asked)
        elif asked.fetch.status == 416:
            await links.note(domain, found.link, asked.fetch)
            _line("media not fetched", asked)
        else:
            return asked
    except DatabaseUnavailable:
        return _busy()
    return Response(status_code=asked.fetch.status, headers=headers_of(asked))


async def _look(domain: Domain, token: str) -> Found | None:
    return await links.look(domain, token) if _TOKEN.fullmatch(token) else None


def _fetch(request: Request, found: Found) -> Fetch:
    """Read who asks for what. The peer is who it says: headers that a proxy may have set are anybody's to set."""
    remote = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "").replace("\0", "")
    whole = Fetch(remote, agent, 0, found.link.size_bytes, 200)
    if request.method == "HEAD":
        return whole
    status, first, end = wanted(request.headers, found)
    return replace(whole, status=status, first=first, size=end - first)


def wanted(headers: Headers, found: Found) -> tuple[int, int, int]:
    """Return (status, first, end) of the bytes asked for; what is no single range of bytes asks for everything."""
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
    """Name the bytes by what they are."""
    return f'"{found.sha256}"'


def headers_of(asked: Asked) -> dict[str, str]:
    """Return what is said about the bytes."""
    link, fetch = asked.found.link, asked.fetch
    headers = {
        "accept-ranges": "bytes",
        "content-type": link.mime_type,
        "content-length": str(fetch.size),
        "etag": etag(asked.found),
        # A copy that a proxy keeps would be fetched behind our back, one that it makes smaller would not be the media.
        "cache-control": "private, no-store, no-transform",
        "content-disposition": "inline",
        # Whoever was given the link may show it anywhere.
        "cross-origin-resource-policy": "cross-origin",
    }
    if fetch.status == 206:
        headers["content-range"] = f"bytes {fetch.first}-{asked.end - 1}/{link.size_bytes}"
    if fetch.status == 416:
        headers["content-range"] = f"bytes */{link.size_bytes}"
    return headers


def _line(what: str, asked: Asked, **more: float) -> None:
    """Write the line that tells who fetched what; never the token."""
    link: MediaLinkRow = asked.found.link
    fetch = asked.fetch
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
    return JSONResponse({"error": "Come again in a moment."}, 503, {"retry-after": "2"})
