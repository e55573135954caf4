"""How many calls of a key and of an agency run, and whose is worked on next: counted in turns, not by the clock."""

import asyncio
from datetime import UTC, datetime

import pytest

from gateway import turn
from gateway.caller import Caller
from gateway.errors import QuotaExceeded
from gateway.interceptors import limits
from gateway.interceptors.limits import Limits
from tests.fixtures.waiting import until

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def caller(agency: str, key: str = "") -> Caller:
    """Return a caller of an agency."""
    return Caller(key or f"key-{agency}", agency, None, frozenset())


def made(**values: int) -> Limits:
    """Return limits that are reached soon."""
    return Limits(**{"max_calls": 1000, "max_streams": 1000, "total": 8, **values}, clock=lambda: NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", [False, True], ids=["calls", "streams"])
def test_an_agency_leaves_room_for_others(stream: bool) -> None:
    """An agency with many keys is refused, with a time to come back, while another one is still admitted."""
    counted = made()
    for number in range(6):
        counted.acquire(caller("A", f"key{number}"), stream=stream)
    with pytest.raises(QuotaExceeded) as caught:
        counted.acquire(caller("A", "another"), stream=stream)
    counted.acquire(caller("B"), stream=stream)
    for key in ("key0", "key1"):
        counted.release(caller("A", key), stream=stream)
    counted.acquire(caller("A", "another"), stream=stream)

    assert ("agencies/A", "6") == (caught.value.metadata["subject"], caught.value.metadata["limit"])
    assert caught.value.retry_at is not None
    assert caught.value.retry_at > NOW


def test_what_is_refused_is_not_counted() -> None:
    """A call that its key or its agency may not make takes nothing."""
    counted = made(max_calls=1)
    counted.acquire(caller("A"), stream=False)
    for _ in range(20):
        with pytest.raises(QuotaExceeded):
            counted.acquire(caller("A"), stream=False)
    counted.release(caller("A"), stream=False)
    assert 0 == counted._all.busy


class Work:
    """Calls that note when they are worked on, one step of the loop each."""

    def __init__(self, counted: Limits) -> None:
        self.counted, self.order = counted, list[str]()

    async def call(self, agency: str) -> None:
        """Work for a moment."""
        async with self.counted.turn(caller(agency)):
            self.order.append(agency)
            await asyncio.sleep(0)


async def test_a_call_waits_for_no_more_than_are_worked_on() -> None:
    """Behind 250 calls of A one of B is worked on at once, beside those that are."""
    work = Work(made())
    tasks = [asyncio.create_task(work.call(agency)) for agency in "A" * 250 + "B"]
    await asyncio.gather(*tasks)

    assert work.order.index("B") < limits.AT_ONCE
    assert 251 == len(work.order)


async def test_three_agencies_are_worked_for_alike() -> None:
    """In overload each agency has a third of the turns."""
    work = Work(made())
    tasks = [asyncio.create_task(work.call(agency)) for agency in "A" * 300 + "B" * 150 + "C" * 90]
    await asyncio.gather(*tasks)

    first = work.order[:180]
    assert all(55 <= first.count(agency) <= 65 for agency in "ABC"), [first.count(agency) for agency in "ABC"]


async def test_whoever_waits_for_a_vendor_keeps_no_place() -> None:
    """While calls are paused others are worked on; a task that such a call started waits for no turn of its own."""
    counted, gate, entered = made(), asyncio.Event(), list[str]()
    most = limits.AT_ONCE * 3 // 4

    async def child() -> None:
        async with turn.paused():
            entered.append("child")

    async def call() -> None:
        async with counted.turn(caller("A")):
            await asyncio.create_task(child())
            async with turn.paused():
                entered.append("paused")
                await gate.wait()
            entered.append("again")

    tasks = [asyncio.create_task(call()) for _ in range(5 * most)]
    await until(lambda: entered.count("paused") == len(tasks))
    assert 0 == counted.turns.places.busy
    gate.set()
    await asyncio.gather(*tasks)

    assert {"child", "paused", "again"} == set(entered)
    assert (0, 0) == (counted.turns.places.busy, counted.turns.places.waiting)


async def test_a_call_that_is_cancelled_while_it_is_paused_keeps_nothing() -> None:
    """Neither a place nor a wait for one is left of it."""
    counted = made()

    async def call() -> None:
        async with counted.turn(caller("A")), turn.paused():
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (0, 0) == (counted.turns.places.busy, counted.turns.places.waiting)


async def test_a_call_that_takes_long_holds_up_nobody() -> None:
    """Calls that wait for a row that somebody keeps locked lose their places to the others of their agency."""
    counted, gate, done = made(), asyncio.Event(), list[int]()

    async def stuck() -> None:
        async with counted.turn(caller("A")):
            await gate.wait()

    async def quick(number: int) -> None:
        async with counted.turn(caller("A")):
            done.append(number)

    held = [asyncio.create_task(stuck()) for _ in range(3 * limits.AT_ONCE)]
    await asyncio.gather(*(asyncio.create_task(quick(number)) for number in range(20)))
    assert not [task for task in held if task.done()]
    gate.set()
    await asyncio.gather(*held)

    assert sorted(done) == list(range(20))
    assert (0, 0) == (counted.turns.places.busy, counted.turns.places.waiting)
