"""Limits for callers without an API key: only a few of their requests may be read at the same time, none for long.

Owns the slots and their timeout. Does not know what is read, nor which methods need no key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import DeadlineExceeded

MAX_SLOTS = 16
SLOT_SECONDS = 10.0
"""How long a request may take to arrive; an honest client has sent it before we read."""


class UnauthenticatedSlots:
    """The slots. When all are taken, a new call evicts the oldest one.

    So nobody can lock others out: a health probe's request arrives in one piece, and is read before it can be evicted.
    """

    def __init__(self, slots: int = MAX_SLOTS) -> None:
        """Allow `slots` requests at the same time."""
        self._max_slots = slots
        self._active: dict[asyncio.Timeout, None] = {}

    @asynccontextmanager
    async def slot(self, seconds: float = SLOT_SECONDS) -> AsyncIterator[None]:
        """Occupy a slot for the length of a block; raises DeadlineExceeded in it after `seconds`, or when evicted."""
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                self._evict()
                self._active[limit] = None
                try:
                    yield
                finally:
                    self._active.pop(limit, None)
        except TimeoutError:
            if limit.expired():
                raise DeadlineExceeded("A call without an API key must send its request promptly.") from None
            raise

    def _evict(self) -> None:
        if len(self._active) >= self._max_slots:
            oldest = next(iter(self._active))
            del self._active[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
