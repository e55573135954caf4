"""Who may hold how many of a pool's connections at once: calls and jobs, and within each one agency and one location.

Owns the shares and the waiting for one. Work says once, in its task, what it is; which statements it runs is not known
here, and neither is the pool.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from enum import Enum

from storage.fair import NOBODY, SHARE, FairPlaces, Tenant

KEPT = 2
"""How many places calls leave to jobs, and jobs to calls, in a pool that is large enough."""


class Kind(Enum):
    """What a task works for; it decides whose share it uses."""

    CALLS = "calls"
    JOBS = "jobs"
    UPKEEP = "upkeep"
    """Probes and the listener's proof: one connection is left to them."""


_kind: ContextVar[Kind] = ContextVar("kind of work", default=Kind.CALLS)
_tenant: ContextVar[Tenant] = ContextVar("tenant of the work", default=NOBODY)
_holder: ContextVar["asyncio.Task[object] | None"] = ContextVar("task that holds a place", default=None)


def work_for(kind: Kind) -> None:
    """Say for what this task, and every task that it creates from now on, works."""
    _kind.set(kind)


def work_in(tenant: Tenant) -> None:
    """Say for which tenant this task, and every task that it creates from now on, works."""
    _tenant.set(tenant)


def tenant() -> Tenant:
    """Return for which tenant the current task works."""
    return _tenant.get()


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


class Places:
    """The shares of a pool of `size` connections.

    A location has at most half of what its kind of work has, and an agency `share` of what others leave: rows of one
    tenant that somebody keeps locked do not hold up the others.
    """

    def __init__(self, size: int, *, share: float = SHARE) -> None:
        """Divide `size` connections; a pool that is too small to be divided is shared."""
        most = max(1, size - 1 - KEPT)
        self._all = asyncio.Semaphore(max(1, size - 1))
        self._kinds = {kind: FairPlaces(most, share=share) for kind in (Kind.CALLS, Kind.JOBS)}

    @asynccontextmanager
    async def place(self, seconds: float) -> AsyncIterator[None]:
        """Hold a place until the block ends; raises NoPlace if none is free within `seconds`.

        Upkeep needs none, and neither does a task that holds one already: it would wait for itself.
        """
        kind, before, task = _kind.get(), _holder.get(), asyncio.current_task()
        if kind is Kind.UPKEEP or (before is not None and before is task):
            yield
            return
        places, whose = self._kinds[kind], _tenant.get()
        # Without a timer where nobody waits, as nearly always: then no place is waited for.
        limit = None if places.free_for(whose) and not self._all.locked() else seconds
        try:
            async with asyncio.timeout(limit):
                await self._take(places, whose)
        except TimeoutError:
            raise NoPlace from None
        _holder.set(task)
        try:
            yield
        finally:
            _holder.set(before)
            self._all.release()
            places.leave(whose)

    async def _take(self, places: FairPlaces, whose: Tenant) -> None:
        """Take a place of the kind, then one of all: those who wait for the first keep nobody else waiting."""
        await places.wait(whose)
        try:
            await self._all.acquire()
        except BaseException:
            places.leave(whose)
            raise
