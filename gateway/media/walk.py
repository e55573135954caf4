"""The bounds of walking through the headers of one file.

Owns how many headers are visited, and for how long. What a reached bound means is up to the caller.
"""

from collections.abc import Callable

from gateway.media.remote import BoundReached

MAX_HEADERS = 20_000
SECONDS = 3.0
"""Much less than the parent waits: each header may cost a round trip to a distant store."""


class Walk:
    """Counts headers; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start now."""
        self._clock = clock
        self._end = clock() + SECONDS
        self._left = MAX_HEADERS

    def step(self) -> None:
        """Count one header; raises BoundReached."""
        self._left -= 1
        if self._left < 0 or self._clock() > self._end:
            raise BoundReached("has more parts than are visited here")

    def again(self) -> "Walk":
        """Return the same bounds, from now."""
        return Walk(self._clock)
