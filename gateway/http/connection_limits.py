"""Limits on idle time and on the number of HTTP connections: uvicorn has neither by itself.

Owns the timer of each connection, and which one is closed when there are too many. Does not know what is requested.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long the first request's headers may take to arrive."""

KEEP_ALIVE_SECONDS = 30.0
"""How long the next request's headers may take, after a response."""

MAX_CONNECTIONS = 1000

IdleTimers = dict["IdleLimitedProtocol", asyncio.TimerHandle]


class IdleLimitedProtocol(H11Protocol):
    """uvicorn's protocol with a timeout for complete request headers, which incoming bytes do not extend.

    When there are too many connections, the one that has been idle longest is closed; if none is idle, the new one is.
    """

    def __init__(self, *args: Any, idle: IdleTimers, **values: Any) -> None:
        """Share the timers in `idle` with the other connections of the same server."""
        super().__init__(*args, **values)
        self._idle = idle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first headers."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            oldest = next(iter(self._idle), self)
            oldest.drop()
        if not transport.is_closing():
            self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Stop the timer when a new request begins, which is when its headers are complete."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Start the timer for the next headers, before the base class handles any that have already arrived."""
        self._wait(KEEP_ALIVE_SECONDS)
        super().on_response_complete()

    def drop(self) -> None:
        """Close the connection without waiting for the peer to read what was sent."""
        self._stop_waiting()
        # Not only in connection_lost: several connections may be dropped before it runs.
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._idle[self] = self.loop.call_later(seconds, self.drop)

    def _stop_waiting(self) -> None:
        timer = self._idle.pop(self, None)
        if timer is not None:
            timer.cancel()


def protocol() -> type[asyncio.Protocol]:
    """Return the protocol class for one server; its connections share their timers."""
    made: Callable[..., IdleLimitedProtocol] = partial(IdleLimitedProtocol, idle={})
    return cast("type[asyncio.Protocol]", made)
