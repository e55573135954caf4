"""Probes untrusted files: one sandboxed, short-lived child process per file.

Owns the limits that the parent enforces (wall-clock time, bytes, concurrency) and the protocol with the child. The
parent sends the file's size. The child requests ranges (`R`, first, count), answered with exactly that many bytes, and
ends with the result (`D`, 0, length, then JSON with the fields of `MediaFacts`). The child's own limits are in
`worker.py`, where children come from in `children.py`; where the bytes are stored is up to the caller.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Self

import structlog

from gateway.media.children import Child, Children, TemplateLost, receive
from gateway.media.facts import MediaFacts
from gateway.media.remote import MAX_BYTES, MESSAGE, SIZE
from storage.fair import NOBODY, SHARE, FairPlaces, FairQueue, Tenant, Turns

log = structlog.get_logger(__name__)

MAX_CONCURRENT = 2
MAX_AHEAD = 1024
MAX_AHEAD_PER_LOCATION = 64
"""How many looks may wait for a place that nobody else wants."""

WALL_SECONDS = 10.0
MAX_RANGE = 1024**2
MAX_ANSWER = 16 * 1024
COMMAND = (sys.executable, "-I", "-B", "-m", "gateway.media.template")
# Signals with which a file can end the worker: FFmpeg crashed.
_BY_THE_FILE = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)

Read = Callable[[int, int], Awaitable[bytes]]
"""Returns the bytes [first, end) of the file, all of them, or raises."""


class ProbeFailed(Exception):
    """This machine could not probe the file now; nothing is known about it."""


class _TooMuch(Exception):
    """The child requested more bytes than a file's headers need."""


class Prober:
    """Probes files, a few concurrently; concurrent probes with the same key share one run.

    Close it, or use it as a context manager: it keeps a process for its next file.
    """

    def __init__(
        self,
        *,
        max_concurrent: int = MAX_CONCURRENT,
        share: float = SHARE,
        wall_seconds: float = WALL_SECONDS,
        command: Sequence[str] = COMMAND,
        **replacement: Any,
    ) -> None:
        """Prepare the prober; no process is started before the first file. `replacement` is passed to Children."""
        self._places = FairPlaces(max_concurrent, share=share)
        self._wall_seconds = wall_seconds
        self._children = Children(command, **replacement)
        self._flights: dict[str, _Flight] = {}
        self._turns = Turns()
        self._backlog = FairQueue[Callable[[], Awaitable[object]]](self._turns)
        # A place is left to callers who wait.
        self._max_ahead = max(1, max_concurrent - 1)
        self._ahead: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End everything; probes that are still running raise ProbeFailed, and so do later ones."""
        self._backlog = FairQueue(self._turns)
        for task in self._ahead:
            task.cancel()
        await asyncio.gather(*self._ahead, return_exceptions=True)
        await self._children.close()

    def later(self, tenant: Tenant, work: Callable[[], Awaitable[object]]) -> None:
        """Do `work()`, which looks into a file, once a place is free that no caller of `look` waits for.

        Tenants take turns. If too much waits already, it is forgotten; whatever it raises is its own concern.
        """
        if len(self._backlog) < MAX_AHEAD and self._backlog.waiting(tenant) < MAX_AHEAD_PER_LOCATION:
            self._backlog.add(tenant, work)
            self._start_later()

    def _start_later(self) -> None:
        while len(self._ahead) < self._max_ahead and not self._places.waiting:
            if (found := self._backlog.pop(self._places.free_for)) is None:
                return
            self._turns.serve(found[0])
            # In a context of its own: the call that asked for it has ended, with its deadline and its caller.
            task = asyncio.get_running_loop().create_task(_ignored(found[1]), context=Context())
            self._ahead.add(task)
            task.add_done_callback(self._ended_ahead)

    def _ended_ahead(self, task: "asyncio.Task[None]") -> None:
        self._ahead.discard(task)
        self._start_later()

    async def shared(self, key: str, look: Callable[[], Awaitable[MediaFacts]]) -> MediaFacts:
        """Run `look()`, or join the run with the same key; the run is cancelled once nobody waits for it any more."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(look()))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # A later caller starts a new run.
                self._flights.pop(key)
                flight.task.cancel()
                await asyncio.gather(flight.task, return_exceptions=True)

    async def look(self, size: int, read: Read, tenant: Tenant = NOBODY) -> MediaFacts:
        """Return the facts of a file of `size` bytes; for an unreadable file `trouble` says why, and `unknown` which
        bound was reached.

        Raises ProbeFailed, and whatever `read` raises.
        """
        try:
            async with self._places.place(tenant), asyncio.timeout(self._wall_seconds):
                return await self._look(size, read)
        except TimeoutError:
            # An expensive file exhausts its CPU limit first: here the machine, or the storage, was slow.
            raise ProbeFailed("looking into the file took too long") from None
        except TemplateLost as error:
            raise ProbeFailed(str(error)) from None
        except OSError as error:
            raise ProbeFailed(type(error).__name__) from error
        finally:
            self._start_later()

    async def _look(self, size: int, read: Read) -> MediaFacts:
        try:
            return await self._look_once(size, read)
        except TemplateLost:
            # No fault of the file, about which nothing is known: once more, from a new template.
            return await self._look_once(size, read)

    async def _look_once(self, size: int, read: Read) -> MediaFacts:
        try:
            async with self._children.child() as child:
                return await _talk(child, size, read)
        except _TooMuch:
            return MediaFacts(unknown=f"needs more than {MAX_BYTES // 1024**2} MiB to be understood")


async def _ignored(work: Callable[[], Awaitable[object]]) -> None:
    """Do work whose result nobody waits for."""
    await asyncio.gather(work(), return_exceptions=True)


class _Flight:
    """A running probe, and how many callers wait for it."""

    def __init__(self, task: "asyncio.Future[MediaFacts]") -> None:
        self.task = task
        self.waiting = 0


async def _talk(child: Child, size: int, read: Read) -> MediaFacts:
    """Serve the child's requests until it sends the result."""
    sent, loop = 0, asyncio.get_running_loop()
    try:
        await loop.sock_sendall(child.talk, SIZE.pack(size))
        while True:
            kind, first, count = MESSAGE.unpack(await receive(child.talk, MESSAGE.size))
            if kind == b"D":
                return _facts(await receive(child.talk, min(count, MAX_ANSWER)))
            if kind != b"R" or not 0 < count <= MAX_RANGE or first + count > size:
                raise ProbeFailed("the worker asked for what does not exist")
            sent += count
            if sent > MAX_BYTES:
                raise _TooMuch
            await loop.sock_sendall(child.talk, await read(first, first + count))
    except (EOFError, ConnectionError):
        return await _ended(child)


async def _ended(child: Child) -> MediaFacts:
    """Handle a child that exited without a result: return facts if the file caused it, else raise ProbeFailed.

    To have used up its time is no fault of the file. Raises TemplateLost if nobody knows how it ended.
    """
    code = await child.end()
    log.warning("media.worker_ended", code=code)
    if -code == signal.SIGXCPU:
        return MediaFacts(unknown="needs too much processor time to be read")
    if -code in _BY_THE_FILE:
        return MediaFacts(trouble="cannot be read: its reader gave up")
    raise ProbeFailed(f"the worker ended with {code}")


def _facts(answer: bytes) -> MediaFacts:
    """Parse the child's result, without trusting it."""
    try:
        found: Any = json.loads(answer)
        return MediaFacts.from_json(found)
    except (ValueError, TypeError, AttributeError) as error:
        raise ProbeFailed("the worker's answer cannot be read") from error
