"""Time limits and places for HTTP connections: uvicorn has neither by itself.

Owns what each connection waits for, and its timer. Who makes room is decided in `places.py`, what a request without a
place is answered in `admission.py`. Does not know pages.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any, Protocol, cast

import h11
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gateway import log
from gateway.http import admission, bodies, gone
from gateway.http.pace import Pace
from gateway.http.places import Place, PlaceLimits, Places, peer_of
from gateway.http.strict import MAX_HEAD_BYTES, StrictConnection

_log = log.get("gateway.http")

LOG_SECONDS = 60
"""How often it is logged that all places are taken."""

HEAD = Pace(first_seconds=10, bytes_per_second=1024, total_seconds=20)

BODY = Pace(first_seconds=15, bytes_per_second=1024, total_seconds=65)
"""A little longer than `bodies.PACE`, so that a page can still say why."""

UPLOAD = Pace(first_seconds=65, bytes_per_second=1024, total_seconds=math.inf)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a server."""

    places: PlaceLimits = field(default_factory=PlaceLimits)

    head: Pace = HEAD
    """How the head of a request must arrive."""

    body: Pace = BODY
    """How its body must arrive."""

    upload: Pace = UPLOAD
    """How the body of an upload must arrive, which has its own limits for slow ones once it is admitted."""

    keep_alive_seconds: float = 30
    """How long a connection may be idle after a response."""

    unread_seconds: float = 60
    """How long a peer may read nothing of a response that does not fit into the buffers."""


class Waiting(Enum):
    """What a connection waits for; everything but ANSWER depends on the peer."""

    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    READER = auto()
    NEXT = auto()


class Timers(Protocol):
    """The time, and timers; an event loop is one."""

    def time(self) -> float:
        """The time in seconds."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> "Timer":
        """Call something later."""


class Timer(Protocol):
    """A call that will be made."""

    def cancel(self) -> None:
        """Do not make it."""


class LimitedProtocol(H11Protocol):
    """uvicorn's protocol, with a deadline for everything that a peer must do, and a place for each request."""

    def __init__(self, *args: Any, limits: Limits, places: Places, timers: Timers, **values: Any) -> None:
        """Share the places with the other connections of the same server."""
        super().__init__(*args, **values)
        self.conn = StrictConnection(h11.SERVER, MAX_HEAD_BYTES)
        self.peer = b""
        self._limits, self._places, self._timers = limits, places, timers
        self._timer: Timer | None = None
        self._waiting: Waiting | None = None
        self._since, self._received = 0.0, 0
        self._body = limits.body
        self._place: Place | None = None
        self._reads_body = self._gone = False
        self._lost = asyncio.Event()
        # What uvicorn calls for each request.
        self._page, self.app = self.app, self._admit

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head, if there is a place."""
        super().connection_made(transport)
        self.peer = peer_of(self.client[0]) if self.client else b""
        self._places.connect(self)
        self._observe()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the places; that of a request that is still running stays taken until it has ended."""
        self._lost.set()
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives."""
        self._received += len(data)
        super().data_received(data)

    def handle_events(self) -> None:
        """Find out what the connection waits for now."""
        super().handle_events()
        self._observe()

    def on_response_complete(self) -> None:
        """Wait for the next head, before the base class handles any that has already arrived."""
        self._reads_body = False
        self._observe()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for the peer to read."""
        super().pause_writing()
        self._observe()

    def resume_writing(self) -> None:
        """Go on: the peer has read."""
        super().resume_writing()
        self._observe()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, and close the connection; only close it when another answer has begun."""
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:
            self.drop()

    def drop(self) -> None:
        """Close the connection without waiting for the peer to read what was sent, and give up its request."""
        self._leave()
        if self._place is not None:
            self._place.release()
        # Not only in connection_lost: several connections may be dropped before it runs.
        self.connections.discard(self)
        self.transport.abort()

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request if it gets a place."""
        place = self._places.enter(self.peer, admission.kind_of(scope))
        if place is None:
            await admission.refuse(scope, receive, send)
            return

        async def receive_body() -> Message:
            self._reads_body = True
            self._observe()
            return await receive()

        self._place = place
        self._body = self._limits.upload if bodies.upload_of(scope) else self._limits.body
        self._queue()
        try:
            await self._page(gone.with_event(scope, self._lost), receive_body, send)
        finally:
            place.release()
            if self._place is place:
                self._place = None
                self._queue()
            # uvicorn then closes the connection of a page that has failed, which takes until the peer has read.
            self.loop.call_soon(self._observe)

    def _observe(self) -> None:
        """Begin to wait for what the connection waits for now, if that is something else than before."""
        waiting = self._what()
        if waiting is self._waiting or self._gone:
            return
        self._waiting, self._since, self._received = waiting, self._timers.time(), 0
        self._schedule()
        self._queue()

    def _what(self) -> Waiting:
        if self.flow.write_paused or self.transport.is_closing():
            return Waiting.READER
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None:
            return Waiting.HEAD
        if not cycle.response_complete:
            # A page that does not ask for the body is at work: dropping its connection would not end it.
            return Waiting.BODY if cycle.more_body and self._reads_body else Waiting.ANSWER
        begun = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        return Waiting.HEAD if begun else Waiting.NEXT

    def _queue(self) -> None:
        """Say whether this connection can make room for another one."""
        if self._gone:
            return
        if self._waiting is Waiting.ANSWER:
            self._places.keep(self)
        else:
            self._places.wait(self, request=self._place is not None)

    def _deadline(self) -> float:
        match self._waiting:
            case Waiting.HEAD:
                return self._limits.head.deadline(self._since, self._received)
            case Waiting.BODY:
                return self._body.deadline(self._since, self._received)
            case Waiting.READER:
                return self._since + self._limits.unread_seconds
            case Waiting.NEXT:
                return self._since + self._limits.keep_alive_seconds
            case _:
                return math.inf

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._deadline()
        self._timer = None if deadline == math.inf else self._timers.call_later(deadline - self._since, self._expire)

    def _expire(self) -> None:
        """Close the connection, unless bytes that have arrived meanwhile moved the deadline."""
        remaining = self._deadline() - self._timers.time()
        if remaining <= 0:
            self.drop()
        else:
            self._timer = self._timers.call_later(remaining, self._expire)

    def _leave(self) -> None:
        self._gone = True
        self._places.disconnect(self)
        if self._timer is not None:
            self._timer.cancel()


class _FullLog:
    """The log line about full places, once in a while."""

    def __init__(self, timers: Timers) -> None:
        self._timers, self._next = timers, -math.inf

    def __call__(self) -> None:
        now = self._timers.time()
        if now >= self._next:
            self._next = now + LOG_SECONDS
            _log.warning("all places for HTTP are taken")


def protocol(limits: Limits, timers: Timers | None) -> type[asyncio.Protocol]:
    """Return the protocol class for one server, whose connections share their places; `timers` is the event loop unless
    given.
    """
    timers = timers or asyncio.get_running_loop()
    places = Places(limits.places, _FullLog(timers))
    made: Callable[..., LimitedProtocol] = partial(LimitedProtocol, limits=limits, places=places, timers=timers)
    return cast("type[asyncio.Protocol]", made)
