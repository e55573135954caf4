"""Several processes as one: one that dies is started again, and all stop together.

Owns their lives, and whether all of them are ready. Does not know what they serve, nor how one is started.
"""

import asyncio
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from gateway import log
from gateway.siblings import Link, Word

_log = log.get("gateway.supervisor")

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
"""A process that lived for as long is started again as quickly as at the first time."""

FORCED_STOP_SECONDS = 8.0
"""How long processes get after the second signal, at which each stops by itself within five seconds."""

Spawn = Callable[[int, socket.socket], Awaitable[Process]]
"""Starts the process with this number, which inherits the socket as its end of the link."""


def pause_before_restart(deaths: int) -> float:
    """Return how many seconds to wait after a process died so many times in a row."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(deaths - 1, 16))


def exit_code(returned: int) -> int:
    """Return the exit code of a process as a shell has it: 128 and the signal for one that was killed."""
    return 128 - returned if returned < 0 else returned


@dataclass(slots=True)
class _Child:
    """A process that was started."""

    process: Process
    link: Link
    ready: bool = False


@dataclass(slots=True)
class Supervisor:
    """Runs `count` processes; the others start once the first one serves. Call `run` once.

    `on_started` is called when all of them serve for the first time, `on_stop` when they are told to stop.
    """

    count: int
    spawn: Spawn
    on_started: Callable[[], None] = lambda: None
    on_stop: Callable[[], None] = lambda: None
    _children: dict[int, _Child] = field(default_factory=dict)
    _served: set[int] = field(default_factory=set)
    _all_ready: bool = False
    _first_serves: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, first: asyncio.Event, second: asyncio.Event) -> int:
        """Run until `first` is set, or until a process ended without having served once; return the exit code.

        All are told to stop then, and at once when `second` is set. Raises OSError if one cannot be started at all.
        """
        if first.is_set():
            return 0
        asked, serves = asyncio.create_task(first.wait()), asyncio.create_task(self._first_serves.wait())
        keepers = [self._keeper(0)]
        await asyncio.wait((asked, serves, *keepers), return_when=asyncio.FIRST_COMPLETED)
        if serves.done():
            keepers += [self._keeper(number) for number in range(1, self.count)]
        await asyncio.wait((asked, *keepers), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        serves.cancel()
        self._stopping.set()
        self.on_stop()
        self._send(signal.SIGTERM)
        await self._until_ended(keepers, second)
        codes = [keeper.result() for keeper in keepers]
        return next((code for code in codes if code), 0)

    def _keeper(self, number: int) -> "asyncio.Task[int]":
        return asyncio.create_task(self._keep(number), name=f"process {number}")

    async def _until_ended(self, keepers: list["asyncio.Task[int]"], second: asyncio.Event) -> None:
        hurry = asyncio.create_task(second.wait())
        ended = asyncio.create_task(_all_ended(keepers))
        await asyncio.wait((ended, hurry), return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not ended.done():
            self._send(signal.SIGINT)
            await asyncio.wait((ended,), timeout=FORCED_STOP_SECONDS)
            self._send(signal.SIGKILL)
        await ended

    async def _keep(self, number: int) -> int:
        """Run one process, again and again until the stop; return the exit code of the last one."""
        deaths, loop = 0, asyncio.get_running_loop()
        while True:
            began = loop.time()
            returned = await self._live(number)
            if self._stopping.is_set():
                # It may have been told to stop before it could listen to that.
                return 0 if returned == -signal.SIGTERM else exit_code(returned)
            if number not in self._served:
                _log.error("a process could not start", process=number, code=exit_code(returned))
                return exit_code(returned)
            deaths = 1 if loop.time() - began >= HEALTHY_SECONDS else deaths + 1
            pause = pause_before_restart(deaths)
            _log.error("a process ended, and is started again", process=number, code=exit_code(returned), pause=pause)
            if await self._stops_within(pause):
                return 0

    async def _live(self, number: int) -> int:
        """Start a process, and return what it returned; a system that cannot start one again now is no end."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await self.spawn(number, theirs)
        except OSError as error:
            ours.close()
            if number not in self._served:
                raise
            _log.error("a process cannot be started", process=number, error=str(error))
            return 1
        child = self._children[number] = _Child(process, Link(ours))
        heard = partial(self._heard, number, child)
        child.link.listen(heard, lambda: None)
        if self._stopping.is_set():
            process.terminate()
        returned = await process.wait()
        # Its last words may not have been read yet.
        if child.link.end.fileno() >= 0:
            child.link.read(heard, lambda: None)
        child.link.close()
        del self._children[number]
        self._tell_whether_ready()
        return returned

    def _heard(self, number: int, child: _Child, word: Word) -> None:
        if word is Word.STARTED:
            if number not in self._served:
                self._served.add(number)
                self._first_serves.set()
                if len(self._served) == self.count:
                    self.on_started()
            return
        child.ready = word is Word.READY
        self._tell_whether_ready()

    def _tell_whether_ready(self) -> None:
        """Send every process whether all are ready, if that has changed; a new process assumes that they are not."""
        ready = len(self._children) == self.count and all(child.ready for child in self._children.values())
        if ready != self._all_ready:
            self._all_ready = ready
            for child in self._children.values():
                child.link.say(Word.READY if ready else Word.NOT_READY)

    def _send(self, number: signal.Signals) -> None:
        for child in self._children.values():
            if child.process.returncode is None:
                child.process.send_signal(number)

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


async def _all_ended(keepers: list["asyncio.Task[int]"]) -> None:
    await asyncio.gather(*keepers, return_exceptions=True)
