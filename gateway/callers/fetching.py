"""Fetching an issuer's keys over the guarded client: only from the public internet, at most so long, at most so large.

Owns the bounds. Does not know what keys look like, nor when they are fetched.
"""

from dataclasses import dataclass, field

from gateway.callers.key_sets import KeysUnreadable
from providers.errors import MediaTooLarge, MediaUnavailable, MediaUnreachable
from providers.http.fetch import Bounds, Fetcher

MAX_BYTES = 256 * 1024
BOUNDS = Bounds(connect=3, stall=5, total=10, resumes=0)


@dataclass(slots=True)
class KeyFetcher:
    """The client for issuers' keys."""

    allow_loopback: bool = False
    _fetcher: Fetcher = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Open no connection yet."""
        self._fetcher = Fetcher(allow_loopback=self.allow_loopback, bounds=BOUNDS)

    async def __call__(self, url: str) -> bytes:
        """Return what is at an address; raises KeysUnreadable."""
        try:
            async with self._fetcher.open(url, max_bytes=MAX_BYTES) as found:
                return b"".join([piece async for piece in found.pieces])
        except (MediaUnreachable, MediaUnavailable, MediaTooLarge) as error:
            raise KeysUnreadable(str(error)) from None

    async def close(self) -> None:
        """Close every connection."""
        await self._fetcher.close()
