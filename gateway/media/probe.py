"""Looking into files of strangers: one child process per file, which is given little and ended soon.

Owns the bounds that the parent keeps (wall-clock time, bytes, how many at once) and the talk with the child: the parent
says the file's size; the child asks for ranges (`R`, first, count), which come back as exactly that many bytes, or says
what it found (`D`, 0, length, then JSON by the names of `MediaFacts`). The child's own bounds are in `worker.py`, where
the bytes are kept is the caller's business.
"""

import asyncio
import json
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.media.facts import MediaFacts

log = structlog.get_logger(__name__)

AT_ONCE = 2
WALL_SECONDS = 10.0
MAX_BYTES = 64 * 1024**2
MAX_RANGE = 1024**2
MAX_ANSWER = 16 * 1024
COMMAND = (sys.executable, "-I", "-B", "-m", "gateway.media.worker")
MESSAGE = struct.Struct(">cQI")
SIZE = struct.Struct(">Q")
# Signals by which a file can end its reader: its CPU time is over, or FFmpeg stumbled.
_BY_THE_FILE = (signal.SIGXCPU, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)

Read = Callable[[int, int], Awaitable[bytes]]
"""Gives bytes [first, end) of the file, all of them or none."""


class ProbeFailed(Exception):
    """This machine could not look into the file now; nothing is known about it."""


class _TooMuch(Exception):
    """The child asked for more than a file's headers need."""


class Prober:
    """Looks into files, a few at once in this process; equal looks that overlap are one."""

    def __init__(
        self, *, at_once: int = AT_ONCE, wall_seconds: float = WALL_SECONDS, command: Sequence[str] = COMMAND
    ) -> None:
        """Start nothing before the first file."""
        self._room = asyncio.Semaphore(at_once)
        self._wall_seconds = wall_seconds
        self._command = tuple(command)
        self._flights: dict[str, _Flight] = {}

    async def shared(self, key: str, look: Callable[[], Awaitable[MediaFacts]]) -> MediaFacts:
        """Run `look()`, or wait for the one that runs for the same key; it ends when nobody waits for it any more."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(look()))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # Whoever comes from now on begins anew.
                self._flights.pop(key)
                flight.task.cancel()
                await asyncio.gather(flight.task, return_exceptions=True)

    async def look(self, size: int, read: Read) -> MediaFacts:
        """Return the facts of a file of `size` bytes; what cannot be read is a fact too.

        Raises ProbeFailed, and whatever `read` raises.
        """
        async with self._room:
            try:
                async with asyncio.timeout(self._wall_seconds), self._child() as child:
                    return await _talk(child, size, read)
            except _TooMuch:
                return MediaFacts(trouble=f"needs more than {MAX_BYTES // 1024**2} MiB to be understood")
            except TimeoutError:
                # A file that takes long uses up its CPU time first: here the machine, or its storage, was slow.
                raise ProbeFailed("looking into the file took too long") from None
            except OSError as error:
                raise ProbeFailed(type(error).__name__) from error

    @asynccontextmanager
    async def _child(self) -> AsyncIterator["_Child"]:
        """Run the worker for the length of a block; it is gone afterwards, however the block ends.

        It inherits nothing: our environment holds keys. A session of its own keeps a terminal's Ctrl-C away from it.
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

        Not by the event loop, which may fork: handlers that gRPC has for that crash the child now and then, and a good
        file would be called unreadable. `subprocess` uses `vfork` for this, which runs none.
        """
        silent = subprocess.DEVNULL
        return subprocess.Popen(
            self._command, stdin=talk, stdout=talk, stderr=silent, env={}, cwd="/", start_new_session=True
        )


async def _reap(process: "subprocess.Popen[bytes]") -> None:
    """Return when a killed process is gone, also when the caller is cancelled meanwhile."""
    gone = asyncio.ensure_future(asyncio.to_thread(process.wait))
    try:
        await asyncio.wait([gone])
    finally:
        await asyncio.wait([gone])


@dataclass(frozen=True, slots=True)
class _Child:
    """A worker that runs, and what it says and is told."""

    process: "subprocess.Popen[bytes]"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _Flight:
    """A look under way, and how many wait for it."""

    def __init__(self, task: "asyncio.Future[MediaFacts]") -> None:
        self.task = task
        self.waiting = 0


async def _talk(child: _Child, size: int, read: Read) -> MediaFacts:
    given = 0
    try:
        child.writer.write(SIZE.pack(size))
        while True:
            kind, first, count = MESSAGE.unpack(await child.reader.readexactly(MESSAGE.size))
            if kind == b"D":
                return _facts(await child.reader.readexactly(min(count, MAX_ANSWER)))
            if kind != b"R" or not 0 < count <= MAX_RANGE or first + count > size:
                raise ProbeFailed("the worker asked for what does not exist")
            given += count
            if given > MAX_BYTES:
                raise _TooMuch
            child.writer.write(await read(first, first + count))
            await child.writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return await _ended(child)


async def _ended(child: _Child) -> MediaFacts:
    """The child ended without an answer: by the file's doing, or by ours."""
    code = await asyncio.to_thread(child.process.wait)
    log.warning("media.worker_ended", code=code)
    if -code in _BY_THE_FILE:
        return MediaFacts(trouble="cannot be read: its reader gave up")
    raise ProbeFailed(f"the worker ended with {code}")


def _facts(answer: bytes) -> MediaFacts:
    """Read the answer as if a stranger had written it."""
    try:
        found: Any = json.loads(answer)
        return MediaFacts.from_json(found)
    except (ValueError, TypeError, AttributeError) as error:
        raise ProbeFailed("the worker's answer cannot be read") from error
