"""How long a connection to the HTTP edge may be quiet, and how many there may be: uvicorn bounds neither by itself.

Owns the timer of each connection and who must go when there are too many. Knows nothing of what is asked.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""For the first request's head to be there."""

KEEP_ALIVE_SECONDS = 30.0
"""For the next one's, after an answer."""

MAX_CONNECTIONS = 1000

Quiet = dict["PatientProtocol", asyncio.TimerHandle]


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, whose connection waits so long for a whole head and no longer, whatever bytes come.

    When there are too many connections, the one that waits longest for its next head makes room; a new one that finds
    all others at work is closed.
    """

    def __init__(self, *args: Any, quiet: Quiet, **values: Any) -> None:
        """Wait together with the other connections of the same server, in `quiet`."""
        super().__init__(*args, **values)
        self._quiet = quiet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            oldest = next(iter(self._quiet), self)
            oldest.give_up()
        if not transport.is_closing():
            self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Stop waiting when there is a new request: that is when its head is whole."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Begin to wait for the next head; it may be here already."""
        self._wait(KEEP_ALIVE_SECONDS)
        super().on_response_complete()

    def give_up(self) -> None:
        """Close the connection, also when the other side takes nothing any more."""
        self._stop_waiting()
        # At once, because it may be one of several that make room in the same moment.
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._quiet[self] = self.loop.call_later(seconds, self.give_up)

    def _stop_waiting(self) -> None:
        timer = self._quiet.pop(self, None)
        if timer is not None:
            timer.cancel()


def protocol() -> type[asyncio.Protocol]:
    """Return what makes the connections of one server."""
    made: Callable[..., PatientProtocol] = partial(PatientProtocol, quiet={})
    return cast("type[asyncio.Protocol]", made)
