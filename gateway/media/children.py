"""Child processes for looks, each forked from a template process (`template.py`) and used for one file.

Owns when a template is started and replaced, and that a child is gone when its look ends. Does not know what a child is
asked, nor what its end means. A template is started by `subprocess`, never forked from this process, which has threads
and secrets.
"""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from gateway.media.remote import FORK, STATUS

log = structlog.get_logger(__name__)

MAX_LOOKS = 1000
MAX_AGE_SECONDS = 3600.0
IDLE_SECONDS = 300.0
KILL_SECONDS = 5.0
"""How long a template may take to kill a child; one that is frozen is killed with all its children."""

# Ends by a signal that are no crash: we killed it, or its processor time was over.
_NO_CRASH = (-signal.SIGKILL, -signal.SIGXCPU)


class TemplateLost(Exception):
    """The template ended, or hangs, and nobody knows how its children ended."""


class Child:
    """A child that has just been forked. `talk` is its standard input and output."""

    def __init__(self, talk: socket.socket, watch: socket.socket) -> None:
        """Take the sockets, which do not block; `watch` is the template's."""
        self.talk = talk
        self._watch = watch
        # Its exit code, or the negative number of a signal.
        self.status: int | None = None

    async def end(self) -> int:
        """Return how it ended, by itself or because it is killed now, once it is gone; raises TemplateLost."""
        if self.status is None:
            with suppress(OSError):
                self._watch.shutdown(socket.SHUT_WR)
            try:
                async with asyncio.timeout(KILL_SECONDS):
                    (self.status,) = STATUS.unpack(await receive(self._watch, STATUS.size))
            except TimeoutError:
                raise TemplateLost("the template of the workers hangs") from None
            except (EOFError, OSError):
                raise TemplateLost("the template of the workers ended") from None
        return self.status

    def close(self) -> None:
        """Close the sockets."""
        self.talk.close()
        self._watch.close()


class Template:
    """A running template process."""

    def __init__(self, command: Sequence[str], now: float) -> None:
        """Start it; raises OSError.

        It inherits no environment, because ours holds keys. Its own session keeps a terminal's Ctrl-C away from it. Not
        through the event loop, which may fork: gRPC's fork handlers sometimes crash the child. `subprocess` uses
        `vfork` here, which runs no handlers.
        """
        self._control, theirs = socket.socketpair()
        silent = subprocess.DEVNULL
        with theirs:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=theirs.fileno(),
                    stdout=silent,
                    stderr=silent,
                    env={},
                    cwd="/",
                    start_new_session=True,
                )
            except BaseException:
                self._control.close()
                raise
        self._control.setblocking(False)
        self._ending: asyncio.Future[None] | None = None
        self.started = now
        self.looks = self.children = 0
        self.lost = False

    def fork(self) -> Child:
        """Have a child forked; raises TemplateLost."""
        self.looks += 1
        talk, their_talk = socket.socketpair()
        watch, their_watch = socket.socketpair()
        talk.setblocking(False)
        watch.setblocking(False)
        child = Child(talk, watch)
        with their_talk, their_watch:
            try:
                socket.send_fds(self._control, [FORK], [their_talk.fileno(), their_watch.fileno()])
            except OSError as error:
                child.close()
                self.lost = True
                raise TemplateLost("the template of the workers ended") from error
        return child

    async def end(self) -> None:
        """Kill it with all children that it still has, and return once it is gone."""
        if self._ending is None:
            self._control.close()
            # Its number cannot be used again before it is reaped, so that the signal hits nobody else.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._ending = asyncio.ensure_future(asyncio.to_thread(self._reap))
        await asyncio.wait([self._ending])

    def _reap(self) -> None:
        self._process.wait()
        # Its children are now those of the first process, which in a container may be this one.
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-self._process.pid, 0)


class Children:
    """The template that forks now, and earlier ones whose last children have not ended yet."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        max_looks: int = MAX_LOOKS,
        max_age_seconds: float = MAX_AGE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Prepare; a template is started for the first child, and ended after `idle_seconds` without one."""
        self._command = tuple(command)
        self._max_looks, self._max_age, self._idle = max_looks, max_age_seconds, idle_seconds
        self._current: Template | None = None
        self._templates: set[Template] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @asynccontextmanager
    async def child(self) -> AsyncIterator[Child]:
        """Yield a new child, which is gone when the block has ended, however it ends.

        Raises TemplateLost, and OSError if no template can be started.
        """
        template = self._template()
        template.children += 1
        child: Child | None = None
        try:
            child = template.fork()
            yield child
        finally:
            await _uncancelled(self._finish(template, child))

    async def close(self) -> None:
        """End every template, and every child with it; no child can be had any more."""
        self._closed = True
        self._keep_for(None)
        self._current = None
        await asyncio.gather(*map(self._end, list(self._templates)))

    def _template(self) -> Template:
        """Return the template to fork from."""
        if self._closed:
            raise TemplateLost("no file is looked into any more")
        self._keep_for(None)
        if self._current is None:
            self._current = Template(self._command, asyncio.get_running_loop().time())
            self._templates.add(self._current)
        return self._current

    async def _finish(self, template: Template, child: Child | None) -> None:
        """End a child, and its template if that is lost, or is to fork no more and has no other child."""
        try:
            if child is not None:
                await child.end()
        except TemplateLost as error:
            log.warning("media.template_lost", cause=str(error))
            template.lost = True
        finally:
            if child is not None:
                child.close()
            template.children -= 1
        if self._current is template and self._is_used_up(template, child):
            self._current = None
        if template.lost or (template is not self._current and not template.children):
            await self._end(template)
        elif template is self._current and not template.children:
            self._keep_for(self._idle)

    def _is_used_up(self, template: Template, child: Child | None) -> bool:
        """Return whether a template is to fork no more.

        All its children have the same addresses in memory. A file that crashed one may have been guessing at them, so
        that the next is not told whether the guess was good.
        """
        crashed = child is not None and child.status is not None and child.status < 0 and child.status not in _NO_CRASH
        age = asyncio.get_running_loop().time() - template.started
        return crashed or template.lost or template.looks >= self._max_looks or age >= self._max_age

    def _keep_for(self, seconds: float | None) -> None:
        """End the current template in `seconds` if it is not needed before; None means that it is needed."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if seconds is None else loop.call_later(seconds, self._end_idle)

    def _end_idle(self) -> None:
        idle, self._current = self._current, None
        if idle is not None:
            self._ending = asyncio.ensure_future(self._end(idle))

    async def _end(self, template: Template) -> None:
        await template.end()
        self._templates.discard(template)


async def receive(source: socket.socket, count: int) -> bytes:
    """Return exactly `count` bytes from a socket that does not block; raises EOFError, OSError."""
    loop, parts = asyncio.get_running_loop(), list[bytes]()
    while count:
        part = await loop.sock_recv(source, count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


async def _uncancelled(work: Coroutine[Any, Any, None]) -> None:
    """Wait until `work` is done, even if the caller is cancelled meanwhile, however often."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()
