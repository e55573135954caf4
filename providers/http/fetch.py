"""Fetching a medium from an address that a caller gave: a stranger's server, asked for one file and trusted in nothing.

Owns redirects, bounds of time and size, and going on after a connection broke. Where it may connect to is `guard.py`'s.
Keeps nothing but one piece at a time. Errors name the host at most: the rest of an address may be a signature.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
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
from providers.http.client import user_agent
from providers.http.guard import GuardedConnector, GuardedResolver, Lookup, SystemLookup
from providers.http.public import trouble

MIB = 1024 * 1024
READ_AHEAD = 256 * 1024
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how often, in seconds and counts.

    Less than `least` bytes in `window` seconds of waiting is too slow. A broken transfer is continued at most `resumes`
    times, first after `pause`, then after twice that, and so on.
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
    """A medium that is being fetched: its type as the server says (empty when it does not), its size in bytes if it is
    known, the suffix of the last address (`.mp4`), and the bytes, to be read once.
    """

    mime_type: str
    size: int | None
    suffix: str
    pieces: AsyncIterator[bytes] = field(repr=False)


class Fetcher:
    """Fetches from addresses that callers give, at most `places` at once, half of them for the same key.

    A key says for whom a medium is fetched: slow servers of one must not keep everybody else's media waiting.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        places: int = 4,
        bounds: Bounds = Bounds(),
        lookup: Lookup | None = None,
    ) -> None:
        """Open nothing before the first fetch; `lookup` is the seam of the tests."""
        self.allow_loopback = allow_loopback
        self._free = places
        self._share = max(1, places // 2)
        self._held: Counter[str] = Counter()
        self._bounds = bounds
        self._system = SystemLookup()
        self._lookup: Lookup = lookup or self._system
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self, uri: str, *, max_bytes: int, key: str = "") -> AsyncIterator[Media]:
        """Begin to fetch for `key`, and give the medium to be read inside the block.

        Raises MediaUnreachable, MediaTooLarge and MediaUnavailable, here and while its bytes are read.
        """
        with self._place(key):
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

    @contextmanager
    def _place(self, key: str) -> Iterator[None]:
        """Take a place, or say when to come back: slow servers must not hold every worker."""
        if self._free < 1 or self._held[key] >= self._share:
            raise MediaUnavailable("Too many media are being fetched now.", retry_after=timedelta(seconds=5))
        self._free -= 1
        self._held[key] += 1
        try:
            yield
        finally:
            self._free += 1
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    def _connected(self) -> aiohttp.ClientSession:
        """Open the session: no cookies, no proxies, no credentials of the environment, nothing unpacked."""
        resolver = GuardedResolver(self._lookup, allow_loopback=self.allow_loopback)
        connect = self._bounds.connect
        return aiohttp.ClientSession(
            connector=GuardedConnector(resolver, allow_loopback=self.allow_loopback),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=READ_AHEAD,
            headers={"User-Agent": user_agent(), "Accept-Encoding": "identity"},
            # `connect` holds the lookup of the name too. What follows is timed piece by piece.
            timeout=aiohttp.ClientTimeout(total=None, connect=2 * connect, sock_connect=connect),
        )


class _Transfer:
    """One medium on its way: the answer at hand, what came so far, and how to go on when the connection breaks."""

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
        # Bytes and seconds of waiting since the pace was last judged.
        self._lately, self._waited = 0, 0.0
        # What tells, when going on, that it is still the same file; empty when there is no going on.
        self._validator = ""

    async def begin(self) -> Media:
        """Ask for the whole medium."""
        answer = await self._ask({})
        if answer.status != 200:
            raise refusal(answer)
        check_form(answer)
        self._size = None if is_chunked(answer) else answer.content_length
        if (self._size or 0) > self._max:
            raise MediaTooLarge(self._size or 0, self._max)
        self._validator = validator(answer)
        return Media(mime_type(answer), self._size, PurePosixPath(answer.url.path).suffix.lower(), self._pieces())

    def close(self) -> None:
        """Drop the connection, read to its end or not."""
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
        """Return the next piece, nothing at the end; a broken connection is replaced."""
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
        self._judge_pace(len(piece), self._loop.time() - now)
        return piece

    def _judge_pace(self, size: int, seconds: float) -> None:
        """Refuse a drip: it would hold its place until the very end of the time."""
        self._lately += size
        self._waited += seconds
        if self._waited < self._bounds.window:
            return
        if self._lately < self._bounds.least:
            self._validator = ""
            raise MediaUnavailable("The server sends too slowly.")
        self._lately, self._waited = 0, 0.0

    async def _resume(self, lost: MediaUnavailable) -> None:
        """Go on where the bytes broke off; raises what is in the way when that is not possible."""
        while self._validator and self._resumes < self._bounds.resumes and self._loop.time() < self._deadline:
            self._resumes += 1
            await asyncio.sleep(self._bounds.pause * 2 ** (self._resumes - 1))
            try:
                await self._ask_for_the_rest()
            except MediaUnavailable as again:
                lost = again
            else:
                return
        raise lost

    async def _ask_for_the_rest(self) -> None:
        answer = await self._ask({"Range": f"bytes={self._received}-", "If-Range": self._validator})
        if answer.status not in (200, 206, 412, 416):
            raise refusal(answer)
        if answer.status != 206 or not self._continues(answer.headers.get("Content-Range", "")):
            self._validator = ""
            raise MediaUnavailable("The medium changed while it was fetched, or cannot be continued.")
        check_form(answer)

    def _continues(self, content_range: str) -> bool:
        """Return whether an answer is exactly what is missing."""
        found = _CONTENT_RANGE.fullmatch(content_range)
        if found is None or int(found[1]) != self._received:
            return False
        end = int(found[2]) + 1
        return found[3] in ("*", str(end)) and self._size in (None, end)

    async def _ask(self, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """Ask, following redirects by hand: each address is judged as the first one was."""
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
