"""Streaming a large body (a chunk, a form with a file) to a vendor: counted, in small pieces, with a stall timeout.

Owns what is common to all streamed bodies. Knows no vendor, nor where the bytes come from.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx

from providers.http.exchange import Answer, answer_of, translated
from providers.models.secret import Secret

PIECE = 256 * 1024
STALL_SECONDS = 60.0
# No read or write timeout: the timer that each piece reschedules is the limit.
_TIMEOUT = httpx.Timeout(connect=5.0, read=None, write=None, pool=10.0)


class Feed:
    """An async iterable over a stream of exactly `size` bytes that reschedules `timer` with every piece.

    If the source fails, or has fewer or more bytes, `failure` holds the exception: the fault is ours, not the vendor's.
    """

    def __init__(self, source: AsyncIterator[bytes], size: int, timer: asyncio.Timeout, seconds: float) -> None:
        """Wrap `source`; `seconds` is how long the vendor may take for one piece, and for its answer."""
        self._source = source
        self._left = size
        self._timer = timer
        self._seconds = seconds
        self.failure: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces, at most 256 KiB each."""
        try:
            async for block in self._source:
                for start in range(0, len(block), PIECE):
                    piece = block if len(block) <= PIECE else block[start : start + PIECE]
                    self._count(len(piece))
                    yield piece
            if self._left:
                raise ValueError(f"the body ended {self._left} bytes early")
        except Exception as failure:
            self.failure = failure
            raise

    def _count(self, size: int) -> None:
        """Count a piece that is about to be sent, and reschedule the timer."""
        self._left -= size
        if self._left < 0:
            raise ValueError("the body is longer than announced")
        self._timer.reschedule(asyncio.get_running_loop().time() + self._seconds)


async def send(
    client: httpx.AsyncClient,
    method: str,
    url: Secret,
    headers: dict[str, str],
    source: AsyncIterator[bytes],
    size: int,
    *,
    provider: str,
    stall_seconds: float = STALL_SECONDS,
) -> Answer:
    """Send exactly `size` bytes of `source` to `url`, once; only one piece is in memory at a time.

    Raises Unavailable if nothing was sent, Ambiguous if the answer was lost or the vendor took longer than
    `stall_seconds` for one piece or its answer. If the source fails, its own exception is raised.
    """
    feed: Feed | None = None
    try:
        with translated(write=True, provider=provider):
            async with asyncio.timeout(stall_seconds) as timer:
                feed = Feed(source, size, timer, stall_seconds)
                request = client.build_request(method, url.reveal(), headers=headers, content=feed, timeout=_TIMEOUT)
                return await answer_of(client, request)
    except Exception:
        if feed is not None and feed.failure is not None:
            raise feed.failure from None
        raise
