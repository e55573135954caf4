"""What the upload streams of one process share: places, memory, hashes that can be continued, writes under way.

Owns the bounds. Does not know storage, nor what the bytes are.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.errors import DeadlineExceeded, QuotaExceeded

MIB = 1024 * 1024
PART = 8 * MIB
SMALLEST_PART = MIB
MEMORY = 256 * MIB
"""For the parts of all streams. With more streams parts become smaller: each stream holds two."""

MAX_STREAMS = 64
MAX_PER_LOCATION = 16
"""Less than all, so that one caller's files do not keep everybody else's out."""

MAX_WAITING = 64
"""Streams of one location that wait for a place, each with its first message."""

MAX_WAITING_ALL = 256
"""Of all locations."""

RETRY = timedelta(seconds=2)
HASHERS = 1024
IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of a stream: `data` belongs at `offset`; `finish` when it is the last."""

    offset: int
    data: bytes
    crc32c: int | None
    finish: bool


@dataclass(slots=True)
class _Line:
    """The streams of one location that write or wait, and the places among which they share."""

    places: asyncio.Semaphore
    streams: int = 0


@dataclass(slots=True)
class UploadSlots:
    """The shared things of one process; every stream goes through one desk.

    `max_streams` may write at once, `max_per_location` of one location; `max_waiting` more of each location wait, in
    order. One that brings nothing for `idle_seconds` loses its place.
    """

    max_streams: int = MAX_STREAMS
    max_per_location: int = MAX_PER_LOCATION
    max_waiting: int = MAX_WAITING
    idle_seconds: float = IDLE_SECONDS
    streams: int = 0
    _all: asyncio.Semaphore = field(init=False)
    _lines: dict[str, _Line] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _settling: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    # By the key of the last blob that went into it: whoever goes on behind that very blob may go on hashing.
    _hashers: OrderedDict[str, Any] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        """Count the places."""
        self._all = asyncio.Semaphore(self.max_streams)

    @asynccontextmanager
    async def place(self, location: str, now: datetime) -> AsyncIterator[None]:
        """Take a place for one stream, when it is its turn; raises QuotaExceeded when too many wait already.

        It waits as long as its caller does: gRPC ends the call at the caller's deadline, or when the caller has gone.
        """
        async with self._in_line(location, now) as line, line.places, self._all:
            self.streams += 1
            try:
                yield
            finally:
                self.streams -= 1

    @asynccontextmanager
    async def _in_line(self, location: str, now: datetime) -> AsyncIterator[_Line]:
        """Stand in the location's line, which goes when nobody stands in it any more."""
        line = self._lines.setdefault(location, _Line(asyncio.Semaphore(self.max_per_location)))
        try:
            self._check_length(location, line, now)
            line.streams += 1
            try:
                yield line
            finally:
                line.streams -= 1
        finally:
            if not line.streams:
                del self._lines[location]

    def _check_length(self, location: str, line: _Line, now: datetime) -> None:
        everybody = sum(each.streams for each in self._lines.values())
        for streams, most, subject in (
            (line.streams, self.max_per_location + self.max_waiting, names.LOCATION.format(location)),
            (everybody, self.max_streams + MAX_WAITING_ALL, "server"),
        ):
            if streams >= most:
                raise QuotaExceeded("uploadStreams", subject=subject, limit=most, retry_at=now + RETRY)

    async def lively(self, pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
        """Yield the pieces as they come; raises DeadlineExceeded when one is waited for too long."""
        while True:
            try:
                async with asyncio.timeout(self.idle_seconds):
                    piece = await anext(pieces, None)
            except TimeoutError:
                raise DeadlineExceeded(f"No bytes came for {self.idle_seconds:g} seconds.") from None
            if piece is None:
                return
            yield piece

    def part_size(self) -> int:
        """Return how large parts may be now: two for each stream must fit."""
        return max(SMALLEST_PART, min(PART, MEMORY // (2 * max(self.streams, 1))))

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a write that goes on when its stream does not, also when nobody asks any more how it ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    def settle(self, location: str, upload: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run what is left to do for an upload whose stream broke; `settled` waits for it."""
        task = self._settling[location, upload] = self.start(work)

        def forget(task: asyncio.Task[None]) -> None:
            if self._settling.get((location, upload)) is task:
                del self._settling[location, upload]

        task.add_done_callback(forget)
        return task

    async def settled(self, location: str, upload: str) -> None:
        """Return when all that a broken stream left in this process is stored: its caller may be back already."""
        task = self._settling.get((location, upload))
        if task is not None:
            await asyncio.wait([task])

    def keep_hasher(self, key: str, hasher: Any) -> None:
        """Remember the hash of everything up to the end of the blob `key`; the oldest makes room."""
        self._hashers[key] = hasher
        if len(self._hashers) > HASHERS:
            self._hashers.popitem(last=False)

    def take_hasher(self, key: str) -> Any:
        """Return that hash away, or None when it is not known here."""
        return self._hashers.pop(key, None)
