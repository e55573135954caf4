"""The places of a pool: neither calls nor jobs nor one location can take all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from storage.fair import Tenant
from storage.places import Kind, Places, upkeep, work_for, work_in
from tests.fixtures.waiting import until

SOON = 0.05


class Holders:
    """Tasks that hold a place, or wait for one, until the stack closes."""

    def __init__(self, places: Places, stack: AsyncExitStack) -> None:
        self.places = places
        self.held = 0
        self.tasks: list[asyncio.Task[None]] = []
        stack.push_async_callback(self.end)

    def add(self, count: int, *, kind: Kind = Kind.CALLS, location: str = "") -> None:
        """Start `count` more."""
        self.tasks += [asyncio.create_task(self._hold(kind, location)) for _ in range(count)]

    async def _hold(self, kind: Kind, location: str) -> None:
        work_for(kind)
        work_in(Tenant("", location))
        async with self.places.place(60):
            self.held += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.held -= 1

    async def end(self) -> None:
        """End them all."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def in_task(work: Callable[[], Awaitable[None]], *, kind: Kind = Kind.CALLS, location: str = "") -> None:
    """Do something as a task of its own, which works for somebody."""

    async def run() -> None:
        work_for(kind)
        work_in(Tenant("", location))
        await work()

    await asyncio.create_task(run())


async def test_each_has_its_share() -> None:
    """Of ten places a location gets three, calls seven, and jobs the two that calls always leave them."""
    places = Places(10)

    async def works() -> None:
        async with places.place(SOON):
            pass

    async with AsyncExitStack() as stack:
        holders = Holders(places, stack)
        holders.add(12, location="l1")
        await until(lambda: holders.held == 3)
        await in_task(works, location="l2")
        with pytest.raises(TimeoutError):
            await in_task(works, location="l1")

        holders.add(20)
        await until(lambda: holders.held == 7)
        with pytest.raises(TimeoutError):
            await in_task(works, location="l2")
        await in_task(works, kind=Kind.JOBS)
        holders.add(20, kind=Kind.JOBS)
        await until(lambda: holders.held == 9)

    # Nobody holds anything any longer, and nothing is remembered of a location.
    await in_task(works, location="l1")


async def test_upkeep_waits_for_nobody() -> None:
    """Probes find the last connection however many calls and jobs there are."""
    places = Places(10)
    async with AsyncExitStack() as stack:
        holders = Holders(places, stack)
        holders.add(20)
        holders.add(20, kind=Kind.JOBS)
        await until(lambda: holders.held == 9)
        with upkeep():
            async with places.place(SOON):
                pass
        with pytest.raises(TimeoutError):
            async with places.place(SOON):
                pass


async def test_a_task_does_not_wait_for_itself() -> None:
    """Work within work needs no second place, but a task of its own does."""
    places = Places(1)

    async def works() -> None:
        async with places.place(SOON):
            pass

    async with places.place(SOON):
        await works()
        with pytest.raises(TimeoutError):
            await in_task(works)
    await in_task(works)
