"""Probes untrusted files: one sandboxed, short-lived child process per file.

Owns the limits that the parent enforces (wall-clock time, bytes, concurrency) and the protocol with the child. The
parent sends the file's size. The child requests ranges (`R`, first, count), answered with exactly that many bytes, and
ends with the result (`D`, 0, length, then JSON with the fields of `MediaFacts`). The child's own limits are in
`worker.py`; where the bytes are stored is up to the caller.
"""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.media.facts import MediaFacts
from gateway.media.remote import MAX_BYTES, MESSAGE, SIZE

log = structlog.get_logger(__name__)

MAX_CONCURRENT = 2
WALL_SECONDS = 10.0
MAX_RANGE = 1024**2
MAX_ANSWER = 16 * 1024
COMMAND = (sys.executable, "-I", "-B", "-m", "gateway.media.worker")
# Signals with which a file can end the worker: FFmpeg crashed.
_BY_THE_FILE = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)

Read = Callable[[int, int], Awaitable[bytes]]
"""Returns the bytes [first, end) of the file, all of them, or raises."""


class ProbeFailed(Exception):
    """This machine could not probe the file now; nothing is known about it."""


class _TooMuch(Exception):
    """The child requested more bytes than a file's headers need."""


class Prober:
    """Probes files, a few concurrently; concurrent probes with the same key share one run."""

    def __init__(
        self,
        *,
        max_concurrent: int = MAX_CONCURRENT,
        wall_seconds: float = WALL_SECONDS,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Prepare the prober; no process is started before the first file."""
        self._semaphore = asyncio.Semaphore(max_concurrent)
        self._wall_seconds = wall_seconds
        self._command = tuple(command)
        self._flights: dict[str, _Flight] = {}

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

    async def look(self, size: int, read: Read) -> MediaFacts:
        """Return the facts of a file of `size` bytes; for an unreadable file `trouble` says why, and `unknown` which
        bound was reached.

        Raises ProbeFailed, and whatever `read` raises.
        """
        async with self._semaphore:
            try:
                async with asyncio.timeout(self._wall_seconds), self._child() as child:
                    return await _talk(child, size, read)
            except _TooMuch:
                return MediaFacts(unknown=f"needs more than {MAX_BYTES // 1024**2} MiB to be understood")
            except TimeoutError:
                # An expensive file exhausts its CPU limit first: here the machine, or the storage, was slow.
                raise ProbeFailed("looking into the file took too long") from None
            except OSError as error:
                raise ProbeFailed(type(error).__name__) from error

    @asynccontextmanager
    async def _child(self) -> AsyncIterator["_Child"]:
        """Run the worker for the length of a block; it is killed afterwards, however the block ends.

        It inherits no environment, because ours holds keys. Its own session keeps a terminal's Ctrl-C away from it.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._start(theirs.fileno())
            try:
                reader, writer = await asyncio.open_connection(sock=ours)
                try:
                    yield _Child(process, reader, writer)
                finally:
                    writer.transport.abort()
            finally:
                process.kill()
                await _reap(process)
        finally:
            ours.close()

    def _start(self, talk: int) -> "subprocess.Popen[bytes]":
        """Start the worker; `talk` becomes its standard input and output.

        Not through the event loop, which may fork: gRPC's fork handlers sometimes crash the child, and a good file
        would be reported as unreadable. `subprocess` uses `vfork` here, which runs no handlers.
        """
        silent = subprocess.DEVNULL
        return subprocess.Popen(
            self._command, stdin=talk, stdout=talk, stderr=silent, env={}, cwd="/", start_new_session=True
        )


async def _reap(process: "subprocess.Popen[bytes]") -> None:
    """Wait until a killed process has exited, even if the caller is cancelled meanwhile."""
    gone = asyncio.ensure_future(asyncio.to_thread(process.wait))
    try:
        await asyncio.wait([gone])
    finally:
        await asyncio.wait([gone])


@dataclass(frozen=True, slots=True)
class _Child:
    """A running worker and its streams."""

    process: "subprocess.Popen[bytes]"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _Flight:
    """A running probe, and how many callers wait for it."""

    def __init__(self, task: "asyncio.Future[MediaFacts]") -> None:
        self.task = task
        self.waiting = 0


async def _talk(child: _Child, size: int, read: Read) -> MediaFacts:
    """Serve the child's requests until it sends the result."""
    sent = 0
    try:
        child.writer.write(SIZE.pack(size))
        while True:
            kind, first, count = MESSAGE.unpack(await child.reader.readexactly(MESSAGE.size))
            if kind == b"D":
                return _facts(await child.reader.readexactly(min(count, MAX_ANSWER)))
            if kind != b"R" or not 0 < count <= MAX_RANGE or first + count > size:
                raise ProbeFailed("the worker asked for what does not exist")
            sent += count
            if sent > MAX_BYTES:
                raise _TooMuch
            child.writer.write(await read(first, first + count))
            await child.writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return await _ended(child)


async def _ended(child: _Child) -> MediaFacts:
    """Handle a child that exited without a result: return facts if the file caused it, else raise ProbeFailed.

    To have used up its time is no fault of the file.
    """
    code = await asyncio.to_thread(child.process.wait)
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
