"""What callers without a key may hold: a few requests that are still being read, none of them for long.

Owns the places and the time. Does not know what is read, nor who may do without a key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import DeadlineExceeded

PLACES = 16
SECONDS = 10.0
"""For one request to be there; who sends a sound one has sent it before we look."""


class Strangers:
    """The places; whoever holds one for longest gives it up to a newcomer.

    So that nobody is kept out: a probe's request comes in one piece, and is read before it could be in the way.
    """

    def __init__(self, places: int = PLACES) -> None:
        """Begin with nobody inside."""
        self._places = places
        self._held: dict[asyncio.Timeout, None] = {}

    @asynccontextmanager
    async def place(self, seconds: float = SECONDS) -> AsyncIterator[None]:
        """Hold a place for the length of a block; raises DeadlineExceeded inside it when the time is over, or when a
        newcomer needs the place.
        """
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                self._make_room()
                self._held[limit] = None
                try:
                    yield
                finally:
                    self._held.pop(limit, None)
        except TimeoutError:
            if limit.expired():
                raise DeadlineExceeded("Without a key a request must come soon.") from None
            raise

    def _make_room(self) -> None:
        if len(self._held) >= self._places:
            oldest = next(iter(self._held))
            del self._held[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
