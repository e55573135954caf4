"""What the upload streams of one process share: slots, memory, hashers that can be resumed, and writes in progress.

Owns the limits. Does not know storage, nor what the bytes are.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.errors import DeadlineExceeded, QuotaExceeded

MIB = 1024 * 1024
PART = 8 * MIB
SMALLEST_PART = MIB
MEMORY = 128 * MIB
"""For the parts of all streams, of which each has two in memory: with more streams parts become smaller."""

MAX_STREAMS = 64
MAX_PER_LOCATION = 16
"""Fewer than all, so that one caller's files do not keep out everybody else's."""

MAX_WAITING = 64
"""Streams of one location that wait for a slot, each with its first message in memory."""

MAX_WAITING_ALL = 256
"""Of all locations."""

RETRY = timedelta(seconds=2)
HASHERS = 1024
IDLE_SECONDS = 60.0
SETTLE_SECONDS = 15.0
"""How long a stop waits for the store, which has ten seconds for the bytes of a broken stream."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of a stream: `data` belongs at `offset`; `finish` marks the last one."""

    offset: int
    data: bytes
    crc32c: int | None
    finish: bool


@dataclass(slots=True)
class _LocationQueue:
    """The slots of one location, and how many of its streams write or wait."""

    slots: asyncio.Semaphore
    streams: int = 0


@dataclass(slots=True)
class UploadSlots:
    """The limits and shared state of one process's upload streams.

    `max_streams` may write at once, `max_per_location` of one location; `max_waiting` more of each location wait, in
    order. A stream that sends nothing for `idle_seconds` loses its slot.
    """

    max_streams: int = MAX_STREAMS
    max_per_location: int = MAX_PER_LOCATION
    memory: int = MEMORY
    max_waiting: int = MAX_WAITING
    idle_seconds: float = IDLE_SECONDS
    streams: int = 0
    _all: asyncio.Semaphore = field(init=False)
    _queues: dict[str, _LocationQueue] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _rescues: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    # By the key of the last blob that was hashed: a stream that resumes after that blob resumes its hasher.
    _hashers: OrderedDict[str, Any] = field(default_factory=OrderedDict)

    @classmethod
    def shared_by(cls, processes: int) -> "UploadSlots":
        """Return the slots of one of several processes on this machine, which together have those of one."""
        return cls(
            max_streams=max(1, MAX_STREAMS // processes),
            max_per_location=max(1, MAX_PER_LOCATION // processes),
            memory=MEMORY // processes,
        )

    def __post_init__(self) -> None:
        """Create the slots."""
        self._all = asyncio.Semaphore(self.max_streams)

    @asynccontextmanager
    async def slot(self, location: str, now: datetime) -> AsyncIterator[None]:
        """Hold a slot for one stream, after waiting for its turn; raises QuotaExceeded if too many wait already.

        There is no limit to the wait: gRPC ends the call at the caller's deadline, or when the caller disconnects.
        """
        async with self._queued(location, now) as queue, queue.slots, self._all:
            self.streams += 1
            try:
                yield
            finally:
                self.streams -= 1

    @asynccontextmanager
    async def _queued(self, location: str, now: datetime) -> AsyncIterator[_LocationQueue]:
        """Join the location's queue, which is removed when its last stream leaves."""
        queue = self._queues.setdefault(location, _LocationQueue(asyncio.Semaphore(self.max_per_location)))
        try:
            self._check_length(location, queue, now)
            queue.streams += 1
            try:
                yield queue
            finally:
                queue.streams -= 1
        finally:
            if not queue.streams:
                del self._queues[location]

    def _check_length(self, location: str, queue: _LocationQueue, now: datetime) -> None:
        total = sum(each.streams for each in self._queues.values())
        for streams, limit, subject in (
            (queue.streams, self.max_per_location + self.max_waiting, names.LOCATION.format(location)),
            (total, self.max_streams + MAX_WAITING_ALL, "server"),
        ):
            if streams >= limit:
                raise QuotaExceeded("uploadStreams", subject=subject, limit=limit, retry_at=now + RETRY)

    async def with_idle_timeout(self, pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
        """Yield the pieces as they arrive; raises DeadlineExceeded if one takes longer than `idle_seconds`."""
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
        """Return how large parts may be now: two of each stream must fit into `memory`."""
        return max(SMALLEST_PART, min(PART, self.memory // (2 * max(self.streams, 1))))

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a write that continues if its stream breaks, even if nobody awaits its result any more."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._discard)
        return task

    def _discard(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Retrieved, so that asyncio does not log it as never retrieved.
            task.exception()

    def start_rescue(self, location: str, upload: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Store what a broken stream left of an upload; `wait_for_rescue` waits until that is done."""
        task = self._rescues[location, upload] = self.start(work)

        def forget(task: asyncio.Task[None]) -> None:
            if self._rescues.get((location, upload)) is task:
                del self._rescues[location, upload]

        task.add_done_callback(forget)
        return task

    async def wait_for_rescue(self, location: str, upload: str) -> None:
        """Wait until what a broken stream left in this process is stored: its caller may have reconnected already."""
        task = self._rescues.get((location, upload))
        if task is not None:
            await asyncio.wait([task])

    async def settle(self) -> None:
        """Wait until what broken streams have received is stored, at most SETTLE_SECONDS."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))

    def keep_hasher(self, key: str, hasher: Any) -> None:
        """Keep the hasher of everything up to the end of the blob `key`; beyond HASHERS the oldest is dropped."""
        self._hashers[key] = hasher
        if len(self._hashers) > HASHERS:
            self._hashers.popitem(last=False)

    def pop_hasher(self, key: str) -> Any:
        """Remove and return the hasher kept for the blob `key`, or None if there is none."""
        return self._hashers.pop(key, None)
