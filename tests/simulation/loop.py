"""An event loop that chooses by seed: which ready task runs next, and which answer of PostgreSQL arrives next.

Owns virtual time, the order of everything, the trace, and the death of a node, whose tasks never run again. Knows
sockets of PostgreSQL, and nothing of gateways. It must be imported before everything that binds `time.monotonic`.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import random
import secrets
import select
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Not imported: psycopg too binds the time.
    import psycopg

REAL_SECONDS = 30.0
"""How long PostgreSQL may take for one answer, in real time."""

LOOK_SECONDS = 0.002
"""After how long an answer that is missing may be one that waits for a lock."""

LOCKED = "SELECT DISTINCT pid FROM pg_locks WHERE NOT granted AND pid = ANY(%s)"
ALIVE = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
BUFFER = 100_000
"""How much of an answer may fit into the sockets' buffers: more is read as it comes."""

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
POLLED = {READ: select.POLLIN, WRITE: select.POLLOUT, READ | WRITE: select.POLLIN | select.POLLOUT}

READY = b"Z\0\0\0\5"
_peeked = bytearray(BUFFER + 1)

NODE: ContextVar[Any] = ContextVar("the node on which a task runs", default=None)

_monotonic, _sleep, _numbers = time.monotonic, time.sleep, count(1)
_time: Callable[[], float] = _monotonic
# Modules that are imported later bind this function, and defaults of their parameters too.
time.monotonic = lambda: _time()


class Task(asyncio.Task[Any]):
    """A task whose place in a set is the same in every run."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.number = next(_numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self.number


class Future(asyncio.Future[Any]):
    """A future whose place in a set is the same in every run."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.number = next(_numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self.number


def number_of(event: Any) -> int:
    """Return a number that an event has for good, in place of its address."""
    return event.__dict__.setdefault("_number", next(_numbers))  # type: ignore[no-any-return]


asyncio.Event.__hash__ = number_of  # type: ignore[method-assign, assignment]


class Selector(selectors.EpollSelector):
    """Reports one socket at a time: the one that the loop chooses."""

    loop: Loop

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return at most one socket; the loop passes the time instead of waiting."""
        return self.loop.settle(timeout)


class Loop(asyncio.SelectorEventLoop):
    """Runs one handle at a time. `backends` are PostgreSQL's processes by socket."""

    # What asyncio's own loops have, and typeshed does not tell of.
    _ready: deque[Any]
    _selector: Any
    _ssock: socket.socket

    def __init__(self, seed: str, side: psycopg.Connection[Any]) -> None:
        """Choose by `seed`; `side` is a connection of its own."""
        self.rng, self.now, self.side = random.Random(seed), 0.0, side
        self.backends: dict[int, tuple[int, int]] = {}
        self._blocked: set[int] = set()
        self.after_step: Callable[[], None] = lambda: None
        self.steps, self.slow, self._lines = 0, 0.0, 0
        self.trace: deque[str] = deque(maxlen=400)
        self._hash = hashlib.sha256()
        self._dead = False
        self._frozen: dict[Any, list[Any]] = {}
        selector = Selector()
        super().__init__(selector)
        selector.loop, self._clock_resolution = self, 1e-9
        self.set_task_factory(lambda loop, coro, **more: Task(coro, loop=loop, **more))
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future with a number."""
        return Future(loop=self)

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        line = f"{self.now:.3f} {text}"
        self.trace.append(line)
        self._hash.update(line.encode())

    @property
    def digest(self) -> str:
        """The trace so far in 16 characters: equal for equal runs."""
        return self._hash.hexdigest()[:16]

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run a function in this thread, at a step of its own."""
        future = self.create_future()

        def step() -> None:
            try:
                result = func(*args)
            except Exception as error:
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)

        self.call_soon(step)
        return future

    def _run_once(self) -> None:
        ready: deque[Any] = self._ready
        if self._dead:
            ready = self._ready = deque(each for each in ready if not is_dead(each))
        if self._frozen:
            ready = self._ready = deque(each for each in ready if not self._set_aside(each))
        # asyncio runs a timer up to its clock's resolution early. Then it is that time: whoever waits for what is left
        # would wait without end, as long as something else always has an answer.
        timers = self._scheduled  # type: ignore[attr-defined]
        if timers and self.now < timers[0].when() <= self.now + self._clock_resolution:
            self.now = timers[0].when()
        rest: list[Any] = []
        if len(ready) > 1:
            tasks = [index for index, handle in enumerate(ready) if task_of(handle) is not None]
            if tasks and tasks[0] == 0 and (index := self.rng.choice(tasks)):
                ready.rotate(-index)
                chosen = ready.popleft()
                ready.rotate(index)
                ready.appendleft(chosen)
            rest = [ready.pop() for _ in range(len(ready) - 1)]
        if ready and (task := task_of(ready[0])) is not None:
            self.note(label(task, ready[0]))
        super()._run_once()  # type: ignore[misc]
        added = list(self._ready)
        self._ready.clear()
        self._ready.extend(reversed(rest))
        self._ready.extend(added)
        self.steps += 1
        self.after_step()

    def settle(self, timeout: float | None) -> list[Any]:
        """Return the next answer of PostgreSQL, once all are there that will come, or let the time pass."""
        if timeout == 0 and self._ready:
            return []
        done = self._answers()
        if done and not (timeout is not None and self.rng.random() < self.slow):
            number = self.rng.choice(sorted(done))
            self.note(f"answer on line {number}")
            return [done[number]]
        if timeout is None:
            raise RuntimeError("nothing to run, nothing due, and every backend waits for a lock")
        if timeout > 0:
            self.now += timeout
        return []

    def _answers(self) -> dict[int, Any]:
        """Return by line what has arrived, as soon as every other line waits for a lock."""
        done, end, poll = {}, _monotonic() + REAL_SECONDS, select.poll()
        waiting = {fd: key for fd, key in self._selector.get_map().items() if fd != self._ssock.fileno()}
        for fd, key in waiting.items():
            if fd not in self.backends:
                self.connected(fd, 0)
            poll.register(fd, POLLED[key.events])
        while waiting:
            # Who waited for a lock most likely still does: that is asked at once.
            arrived = poll.poll(0 if waiting.keys() <= self._blocked else LOOK_SECONDS * 1000)
            for fd, event in arrived:
                events = waiting[fd].events & (WRITE if event & ~select.POLLIN else 0) or READ
                if events == WRITE or complete(fd):
                    done[self.backends[fd][1]] = waiting.pop(fd), events
                    poll.unregister(fd)
            if waiting and not arrived:
                self._blocked = self.locked(waiting.keys())
                if waiting.keys() <= self._blocked:
                    break
            if _monotonic() > end:
                raise RuntimeError("PostgreSQL does not answer")
        return {line: found for line, found in done.items() if not self._is_frozen(found[0])} if self._frozen else done

    def connected(self, fd: int, pid: int) -> None:
        """Note a new connection to PostgreSQL, and its backend once it is known."""
        self._lines += 1
        self.backends[fd] = pid, self._lines

    def locked(self, fds: Iterable[int]) -> set[int]:
        """Return the sockets whose backends wait for a lock."""
        pids = {self.backends[fd][0]: fd for fd in fds}
        return {pids[row[0]] for row in self.side.execute(LOCKED, (list(pids),))}

    def cut(self, fd: int) -> None:
        """Close a connection to PostgreSQL from here, and wait until its backend has ended, in real time."""
        pid, number = self.backends.get(fd, (0, 0))
        with socket.socket(fileno=os.dup(fd)) as line:
            end = _monotonic() + REAL_SECONDS
            while pid and self._is_read(fd) and not complete(fd) and fd not in self.locked({fd}):
                if _monotonic() > end:
                    raise RuntimeError("PostgreSQL does not answer")
                _sleep(0.00005)
            with suppress(OSError):
                # The answer that has arrived is lost, too.
                line.recv(1 << 22, socket.MSG_DONTWAIT)
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self.note(f"line {number} is cut")
        if not pid:
            return
        self.side.execute("SELECT pg_terminate_backend(%s)", (pid,))
        while self.side.execute(ALIVE, (pid,)).fetchone() != (0,):
            _sleep(0.0001)

    def _is_read(self, fd: int) -> bool:
        key = self._selector.get_map().get(fd)
        return key is not None and bool(key.events & selectors.EVENT_READ)

    def freeze(self, node: Any, seconds: float) -> None:
        """Run no task of a node for so long; what PostgreSQL answers it arrives after that."""
        if node in self._frozen:
            return
        self.note(f"{node} is frozen for {seconds:.0f} s")
        self._frozen[node] = []
        self.call_later(seconds, self._thaw, node, context=Context())

    def _thaw(self, node: Any) -> None:
        self._ready.extend(self._frozen.pop(node))

    def _set_aside(self, handle: Any) -> bool:
        aside = self._frozen.get(handle._context.get(NODE))
        if aside is None:
            return False
        aside.append(handle)
        return True

    def _is_frozen(self, key: selectors.SelectorKey) -> bool:
        return any(handle is not None and handle._context.get(NODE) in self._frozen for handle in key.data)

    def bury(self, fds: set[int]) -> None:
        """Never again run a task of a node that is marked as dead, and cut its connections."""
        self._dead = True
        handles = ((fd, handle) for fd, key in self._selector.get_map().items() for handle in key.data if handle)
        for fd in sorted(fds | {fd for fd, handle in handles if is_dead(handle)}):
            self.cut(fd)
            self.remove_reader(fd)
            self.remove_writer(fd)


def task_of(handle: Any) -> asyncio.Task[Any] | None:
    """Return the task that a handle continues, if it does."""
    owner = getattr(handle._callback, "__self__", None)
    return owner if isinstance(owner, asyncio.Task) else None


def is_dead(handle: Any) -> bool:
    """Return whether a handle belongs to a node that is dead."""
    node = handle._context.get(NODE)
    return node is not None and node.dead


def label(task: asyncio.Task[Any], handle: Any) -> str:
    """Return the name of a task that is the same in every run."""
    name = task.get_name()
    node = handle._context.get(NODE) or "world"
    return f"{node} {getattr(task.get_coro(), '__qualname__', '') if name.startswith('Task-') else name}"


def complete(fd: int) -> bool:
    """Return whether an answer has arrived in full: up to ReadyForQuery, a question about the password, or the end."""
    # With its kind named, the socket is asked for nothing else.
    peek = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=fd)
    try:
        size = peek.recv_into(_peeked, 0, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        peek.detach()
    data = bytes(_peeked[:5])
    if not size or (data[:1] in (b"N", b"S") and size == 1) or size > BUFFER or _peeked[size - 6 : size - 1] == READY:
        return True
    if data[:1] == b"R" and size > 8:
        length, kind = struct.unpack(">II", _peeked[1:9])
        return size == length + 1 and kind in (10, 11)
    return data[:1] == b"E" and size == struct.unpack(">I", data[1:5])[0] + 1


@contextmanager
def controlled(loop: Loop) -> Iterator[None]:
    """Let time and randomness of the whole process be the loop's for the length of a block."""
    global _time, _numbers
    _numbers = count(1)
    rng = random.Random(loop.rng.random())
    random.seed(loop.rng.random())
    os.urandom = rng.randbytes
    secrets.token_bytes = lambda nbytes=None: rng.randbytes(nbytes or 32)
    secrets.token_hex = lambda nbytes=None: rng.randbytes(nbytes or 32).hex()
    secrets.token_urlsafe = lambda nbytes=None: rng.randbytes(nbytes or 32).hex()
    secrets.randbelow = lambda exclusive_upper_bound: rng.randrange(exclusive_upper_bound)
    secrets.randbits = lambda k: rng.getrandbits(k)
    _time = loop.time
    gc.disable()
    try:
        yield
    finally:
        _time = _monotonic
        gc.enable()
