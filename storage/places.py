"""Who may hold how many of a pool's connections at once: calls and jobs, and within each one location.

Owns the shares and the waiting for one. Work says once, in its task, what it is; which statements it runs is not known
here, and neither is the pool.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum

KEPT = 2
"""How many places calls leave to jobs, and jobs to calls, in a pool that is large enough."""


class Kind(Enum):
    """What a task works for; it decides whose share it uses."""

    CALLS = "calls"
    JOBS = "jobs"
    UPKEEP = "upkeep"
    """Probes and the listener's proof: one connection is left to them."""


_kind: ContextVar[Kind] = ContextVar("kind of work", default=Kind.CALLS)
_location: ContextVar[str] = ContextVar("location of the work", default="")
_holder: ContextVar["asyncio.Task[object] | None"] = ContextVar("task that holds a place", default=None)


def work_for(kind: Kind) -> None:
    """Say for what this task, and every task that it creates from now on, works."""
    _kind.set(kind)


def work_in(location: str) -> None:
    """Say in which location this task, and every task that it creates from now on, works."""
    _location.set(location)


@contextmanager
def upkeep() -> Iterator[None]:
    """Work for UPKEEP until the block ends."""
    token = _kind.set(Kind.UPKEEP)
    try:
        yield
    finally:
        _kind.reset(token)


class NoPlace(TimeoutError):
    """No place was free in time."""


@dataclass(slots=True)
class _Share:
    """One location's share of one kind of work, and how many tasks hold or want a place of it."""

    places: asyncio.Semaphore
    tasks: int = 0


class Places:
    """The shares of a pool of `size` connections.

    A location has at most half of what its kind of work has: rows of one location that somebody keeps locked do not
    hold up the others.
    """

    def __init__(self, size: int) -> None:
        """Divide `size` connections; a pool that is too small to be divided is shared."""
        most = max(1, size - 1 - KEPT)
        self._all = asyncio.Semaphore(max(1, size - 1))
        self._kinds = {kind: asyncio.Semaphore(most) for kind in (Kind.CALLS, Kind.JOBS)}
        self._of_location = max(1, most // 2)
        self._locations: dict[tuple[Kind, str], _Share] = {}

    @asynccontextmanager
    async def place(self, seconds: float) -> AsyncIterator[None]:
        """Hold a place until the block ends; raises NoPlace if none is free within `seconds`.

        Upkeep needs none, and neither does a task that holds one already: it would wait for itself.
        """
        kind, before, task = _kind.get(), _holder.get(), asyncio.current_task()
        if kind is Kind.UPKEEP or (before is not None and before is task):
            yield
            return
        with self._share(kind, _location.get()) as share:
            wanted = [self._kinds[kind], self._all] if share is None else [share.places, self._kinds[kind], self._all]
            # Without a timer where nobody waits, as nearly always: then no place is waited for.
            if any(each.locked() for each in wanted):
                try:
                    async with asyncio.timeout(seconds):
                        await _take(wanted)
                except TimeoutError:
                    raise NoPlace from None
            else:
                await _take(wanted)
            _holder.set(task)
            try:
                yield
            finally:
                _holder.set(before)
                for each in wanted:
                    each.release()

    @contextmanager
    def _share(self, kind: Kind, location: str) -> Iterator[_Share | None]:
        """Yield the location's share, which exists as long as somebody uses it; None for work in no location."""
        if not location:
            yield None
            return
        share = self._locations.setdefault((kind, location), _Share(asyncio.Semaphore(self._of_location)))
        share.tasks += 1
        try:
            yield share
        finally:
            share.tasks -= 1
            if not share.tasks:
                del self._locations[kind, location]


async def _take(wanted: Sequence[asyncio.Semaphore]) -> None:
    """Take a place of each, all or none: the location's first, as those who wait for it keep nobody else waiting."""
    taken: list[asyncio.Semaphore] = []
    try:
        for each in wanted:
            await each.acquire()
            taken.append(each)
    except BaseException:
        for each in taken:
            each.release()
        raise
