"""Fetching a medium from a URL that a caller supplied: the server is not trusted.

Owns redirects, limits of time and size, and resuming after a broken connection. `guard.py` decides where to connect.
Holds one piece in memory at a time. Errors contain the host at most: the rest of a URL may be a signature.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import aiohttp
from yarl import URL

from providers.errors import MediaTooLarge, MediaUnavailable, MediaUnreachable
from providers.http.answers import (
    REDIRECTS,
    check_form,
    is_chunked,
    mime_type,
    redirected,
    refusal,
    translated,
    validator,
)
from providers.http.guard import Lookup, SystemLookup, guarded_session
from providers.http.public import trouble

MIB = 1024 * 1024
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a fetch: times in seconds, and counts.

    Fewer than `least` bytes in `window` seconds of waiting is too slow. A broken transfer is resumed at most `resumes`
    times, first after `pause` seconds, then after twice as long, and so on.
    """

    connect: float = 5.0
    stall: float = 30.0
    total: float = 1800.0
    window: float = 60.0
    least: int = MIB
    redirects: int = 3
    resumes: int = 5
    pause: float = 0.5


@dataclass(frozen=True, slots=True)
class Media:
    """A medium that is being fetched: the server's media type (or empty), the size in bytes if known, the suffix of the
    final URL (`.mp4`), and the bytes, to be read once.
    """

    mime_type: str
    size: int | None
    suffix: str
    pieces: AsyncIterator[bytes] = field(repr=False)


class Fetcher:
    """Fetches media from callers' URLs; how many at once, and for whom, is not decided here."""

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        bounds: Bounds = Bounds(),
        lookup: Lookup | None = None,
    ) -> None:
        """Open no connection before the first fetch; `lookup` replaces the system's resolver (in tests)."""
        self.allow_loopback = allow_loopback
        self._bounds = bounds
        self._system = SystemLookup()
        self._lookup: Lookup = lookup or self._system
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self, uri: str, *, max_bytes: int) -> AsyncIterator[Media]:
        """Start a fetch, and yield the medium, to be read inside the block.

        Raises MediaUnreachable, MediaTooLarge and MediaUnavailable, here and while its bytes are read.
        """
        self._session = self._session or self._connected()
        transfer = _Transfer(self._session, uri, max_bytes, self.allow_loopback, self._bounds)
        try:
            yield await transfer.begin()
        finally:
            transfer.close()

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        self._system.close()

    def _connected(self) -> aiohttp.ClientSession:
        return guarded_session(
            self._lookup,
            allow_loopback=self.allow_loopback,
            connect=self._bounds.connect,
            headers={"Accept-Encoding": "identity"},
        )


class _Transfer:
    """One transfer: the current answer, the bytes received so far, and how to resume if the connection breaks."""

    def __init__(
        self, session: aiohttp.ClientSession, uri: str, max_bytes: int, allow_loopback: bool, bounds: Bounds
    ) -> None:
        self._session, self._uri, self._max, self._bounds = session, uri, max_bytes, bounds
        self._allow_loopback = allow_loopback
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + bounds.total
        self._answer: aiohttp.ClientResponse | None = None
        self._size: int | None = None
        self._received = self._resumes = 0
        # Bytes and seconds of waiting since the rate was last checked.
        self._window_bytes, self._waited = 0, 0.0
        # Proves when resuming that it is still the same file; empty if the transfer cannot be resumed.
        self._validator = ""

    async def begin(self) -> Media:
        """Request the whole medium."""
        answer = await self._request({})
        if answer.status != 200:
            raise refusal(answer)
        check_form(answer)
        self._size = None if is_chunked(answer) else answer.content_length
        if (self._size or 0) > self._max:
            raise MediaTooLarge(self._size or 0, self._max)
        self._validator = validator(answer)
        return Media(mime_type(answer), self._size, PurePosixPath(answer.url.path).suffix.lower(), self._pieces())

    def close(self) -> None:
        """Close the connection, whether or not it was read to the end."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()

    async def _pieces(self) -> AsyncIterator[bytes]:
        while piece := await self._next():
            self._received += len(piece)
            if self._received > self._max:
                raise MediaTooLarge(self._received, self._max)
            yield piece
        if self._size is not None and self._received != self._size:
            raise MediaUnavailable("The medium ended early.")

    async def _next(self) -> bytes:
        """Return the next piece, empty at the end; a broken connection is resumed."""
        while True:
            try:
                return await self._read()
            except MediaUnavailable as lost:
                await self._resume(lost)

    async def _read(self) -> bytes:
        answer, now = self._answer, self._loop.time()
        if answer is None or now >= self._deadline:
            raise MediaUnavailable("Fetching the medium took too long.")
        with translated(answer.url.raw_host):
            async with asyncio.timeout_at(min(now + self._bounds.stall, self._deadline)):
                piece = await answer.content.readany()
        self._check_rate(len(piece), self._loop.time() - now)
        return piece

    def _check_rate(self, size: int, seconds: float) -> None:
        """Refuse a server that is too slow: it would occupy its slot until the total timeout."""
        self._window_bytes += size
        self._waited += seconds
        if self._waited < self._bounds.window:
            return
        if self._window_bytes < self._bounds.least:
            self._validator = ""
            raise MediaUnavailable("The server sends too slowly.")
        self._window_bytes, self._waited = 0, 0.0

    async def _resume(self, lost: MediaUnavailable) -> None:
        """Resume the transfer where it broke off; raises MediaUnavailable if that is not possible."""
        while self._validator and self._resumes < self._bounds.resumes and self._loop.time() < self._deadline:
            self._resumes += 1
            await asyncio.sleep(self._bounds.pause * 2 ** (self._resumes - 1))
            try:
                await self._request_rest()
            except MediaUnavailable as again:
                lost = again
            else:
                return
        raise lost

    async def _request_rest(self) -> None:
        answer = await self._request({"Range": f"bytes={self._received}-", "If-Range": self._validator})
        if answer.status not in (200, 206, 412, 416):
            raise refusal(answer)
        if answer.status != 206 or not self._continues(answer.headers.get("Content-Range", "")):
            self._validator = ""
            raise MediaUnavailable("The medium changed while it was fetched, or cannot be continued.")
        check_form(answer)

    def _continues(self, content_range: str) -> bool:
        """Return whether a Content-Range is exactly the missing rest."""
        found = _CONTENT_RANGE.fullmatch(content_range)
        if found is None or int(found[1]) != self._received:
            return False
        end = int(found[2]) + 1
        return found[3] in ("*", str(end)) and self._size in (None, end)

    async def _request(self, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """Request the medium and follow redirects; each URL is checked like the first one."""
        uri = self._uri
        for _ in range(self._bounds.redirects + 1):
            wrong = trouble(uri, allow_loopback=self._allow_loopback)
            if wrong:
                what = "address" if uri is self._uri else "address that it redirects to"
                raise MediaUnreachable(f"The medium's {what} {wrong}.")
            answer = await self._get(URL(uri, encoded=True), headers)
            if answer.status not in REDIRECTS:
                return answer
            uri = redirected(uri, answer)
        raise MediaUnreachable(f"The medium's address redirects more than {self._bounds.redirects} times.")

    async def _get(self, url: URL, headers: dict[str, str]) -> aiohttp.ClientResponse:
        self.close()
        with translated(url.raw_host):
            async with asyncio.timeout_at(min(self._loop.time() + self._bounds.stall, self._deadline)):
                self._answer = await self._session.get(url, headers=headers, allow_redirects=False)
        return self._answer
