"""What the upload streams of one process share: slots, memory, hashers that can be resumed, and writes in progress.

Owns the limits. Does not know storage, nor what the bytes are.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.clock import Clock
from gateway.errors import DeadlineExceeded, QuotaExceeded
from storage.fair import SHARE, FairPlaces, Tenant

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

PACE = 32 * 1024
PACE_SECONDS = 10.0
"""How many bytes a second, over how long, a stream must send to keep a slot for which others wait."""

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


class _Pace:
    """Whether a stream that holds a slot sends enough while others wait for one: `least` bytes in each `seconds` for
    which it was waited.
    """

    def __init__(self, places: FairPlaces, least: float, seconds: float) -> None:
        """Nothing was waited for yet."""
        self._places, self._least, self._seconds = places, least, seconds
        self._loop = asyncio.get_running_loop()
        self._received, self._left, self._begun = 0, seconds, 0.0
        self.too_slow = False

    @contextmanager
    def waiting(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Count the time of the block as waiting; `limit` ends early when the stream is too slow."""
        self._begun = self._loop.time()
        timer = self._loop.call_later(self._left, self._over, limit)
        try:
            yield
        finally:
            timer.cancel()
            self._left = max(0.0, self._left - (self._loop.time() - self._begun))

    def received(self, size: int) -> None:
        """Count bytes that have arrived."""
        self._received += size

    def _over(self, limit: asyncio.Timeout) -> None:
        self.too_slow = self._received < self._least and self._places.waiting > 0
        self._received, self._left, self._begun = 0, self._seconds, self._loop.time()
        limit.reschedule(self._begun if self.too_slow else limit.when())


@dataclass(slots=True)
class UploadSlots:
    """The limits and shared state of one process's upload streams.

    `max_streams` may write at once, `max_per_location` of one location, and of one agency `share` of what others leave;
    `max_waiting` more of each location wait, in turns. A stream that sends nothing for `idle_seconds` loses its slot;
    so does one that sends less than `pace` bytes a second for `pace_seconds`, while others wait.
    """

    max_streams: int = MAX_STREAMS
    max_per_location: int = MAX_PER_LOCATION
    memory: int = MEMORY
    max_waiting: int = MAX_WAITING
    idle_seconds: float = IDLE_SECONDS
    pace: int = PACE
    pace_seconds: float = PACE_SECONDS
    share: float = SHARE
    places: FairPlaces = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _rescues: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    # By the key of the last blob that was hashed: a stream that resumes after that blob resumes its hasher.
    _hashers: OrderedDict[str, Any] = field(default_factory=OrderedDict)

    @classmethod
    def shared_by(cls, processes: int, *, share: float = SHARE) -> "UploadSlots":
        """Return the slots of one of several processes on this machine, which together have those of one."""
        return cls(
            max_streams=max(1, MAX_STREAMS // processes),
            max_per_location=max(1, MAX_PER_LOCATION // processes),
            memory=MEMORY // processes,
            share=share,
        )

    def __post_init__(self) -> None:
        """Create the slots."""
        self.places = FairPlaces(self.max_streams, share=self.share, per_location=self.max_per_location)

    @property
    def streams(self) -> int:
        """How many streams hold a slot."""
        return self.places.busy

    @asynccontextmanager
    async def slot(self, tenant: Tenant, now: datetime) -> AsyncIterator[None]:
        """Hold a slot for one stream, after waiting for its turn; raises QuotaExceeded if too many wait already.

        There is no limit to the wait: gRPC ends the call at the caller's deadline, or when the caller disconnects.
        """
        if not self.places.free_for(tenant):
            self._check_waiting(tenant, now)
        async with self.places.place(tenant):
            yield

    def _check_waiting(self, tenant: Tenant, now: datetime) -> None:
        of_all = max(1, int(MAX_WAITING_ALL * self.share))
        for waiting, most, places, subject in (
            (
                self.places.waiting_of(tenant),
                self.max_waiting,
                self.max_per_location,
                names.LOCATION.format(tenant.location),
            ),
            (self.places.waiting_of_agency(tenant), of_all, self.max_streams, f"agencies/{tenant.agency}"),
            (self.places.waiting, MAX_WAITING_ALL, self.max_streams, "server"),
        ):
            if waiting >= most:
                raise QuotaExceeded("uploadStreams", subject=subject, limit=places + most, retry_at=now + RETRY)

    async def paced(self, pieces: AsyncIterator[Piece], tenant: Tenant, clock: Clock) -> AsyncIterator[Piece]:
        """Yield the pieces as they arrive; raises DeadlineExceeded if one takes longer than `idle_seconds`, and
        QuotaExceeded if they come too slowly while others wait.
        """
        pace = _Pace(self.places, self.pace * self.pace_seconds, self.pace_seconds)
        while True:
            try:
                async with asyncio.timeout(self.idle_seconds) as limit:
                    with pace.waiting(limit):
                        piece = await anext(pieces, None)
            except TimeoutError:
                if pace.too_slow:
                    subject = names.LOCATION.format(tenant.location)
                    raise QuotaExceeded(
                        "uploadPace", subject=subject, limit=self.pace, retry_at=clock() + RETRY
                    ) from None
                raise DeadlineExceeded(f"No bytes came for {self.idle_seconds:g} seconds.") from None
            if piece is None:
                return
            pace.received(len(piece.data))
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
