"""Whose turn it is, counted in turns: never by the clock."""

import asyncio
from collections import Counter

import pytest

from storage.fair import MAX_KEPT, FairPlaces, FairQueue, Tenant, Turns

A, B, C = (Tenant(agency, f"l{agency}") for agency in "ABC")


def served(queue: FairQueue[str], turns: Turns, most: int = 1000) -> list[str]:
    """Serve what waits, one after the other."""
    order: list[str] = []
    while len(order) < most and (found := queue.pop()) is not None:
        turns.serve(found[0])
        order.append(found[1])
    return order


def test_agencies_take_turns_then_locations() -> None:
    """An agency has as many turns as another, however many locations it has; these take turns within it."""
    turns = Turns()
    queue = FairQueue[str](turns)
    for name in ("A1a", "A1b", "A1c", "A2a", "B1a", "B1b", "B1c"):
        queue.add(Tenant(name[0], name[:2]), name)

    assert ["A1a", "B1a", "A2a", "B1b", "A1b", "B1c", "A1c"] == served(queue, turns)


def test_one_that_comes_later_is_next() -> None:
    """Behind thousands of A, one of B is served within two turns, and has no credit for the time it did nothing."""
    turns = Turns()
    queue = FairQueue[str](turns)
    for number in range(3000):
        queue.add(A, f"a{number}")
    served(queue, turns, 100)
    for number in range(50):
        queue.add(B, f"b{number}")

    order = served(queue, turns, 20)
    assert order.index("b0") <= 1
    assert sum(name.startswith("b") for name in order) in (10, 11)


def test_three_agencies_in_overload_have_a_third_each() -> None:
    """Shares are equal whatever the queues' lengths are."""
    turns = Turns()
    queue = FairQueue[str](turns)
    for tenant, count in ((A, 900), (B, 200), (C, 100)):
        for number in range(count):
            queue.add(tenant, f"{tenant.agency}{number}")

    assert {"A": 100, "B": 100, "C": 100} == Counter(name[0] for name in served(queue, turns, 300))


def test_turns_are_not_remembered_for_ever() -> None:
    """Tenants that come and go take no memory for good."""
    turns = Turns()
    for number in range(3 * MAX_KEPT):
        turns.serve(Tenant(f"a{number}", "l"))
    assert len(turns.last) <= MAX_KEPT


@pytest.mark.parametrize("size", [2, 4, 8, 16, 64])
def test_a_place_is_left_for_one_that_comes_later(size: int) -> None:
    """However much one agency wants, in however many locations, another gets a place at once."""
    places = FairPlaces(size, per_location=size)
    while places.take(Tenant("A", f"l{places.busy}")):
        pass
    assert int(0.75 * size) == places.busy
    assert places.take(B)


def test_many_greedy_agencies_leave_a_place_too() -> None:
    """Three agencies that take all they may leave places for a fourth, and hold about as many each."""
    places = FairPlaces(64, per_location=64)
    for _ in range(places.size):
        for tenant in (A, B, C):
            places.take(tenant)
    held = [places.held(tenant)[0] for tenant in (A, B, C)]
    assert max(held) - min(held) <= 1
    assert places.take(Tenant("D", "l"))


def test_one_place_is_shared_in_turns() -> None:
    """The first place of an agency is not bounded, or there would be none where there is one for all."""
    places, begun = FairPlaces(1), list[str]()
    for name in ("a1", "a2", "a3", "b1"):
        places.join(A if name[0] == "a" else B, lambda name=name: begun.append(name))  # type: ignore[misc]
    for tenant in (A, B, A, A):
        places.leave(tenant)

    assert ["a1", "b1", "a2", "a3"] == begun
    assert (0, 0) == (places.busy, places.waiting)


def test_a_location_has_half_at_most() -> None:
    """Another location of the same agency finds a place beside a greedy one."""
    places = FairPlaces(8)
    while places.take(A):
        pass
    assert 4 == places.busy
    assert places.take(Tenant("A", "other"))


def test_who_is_nobody_is_not_bounded() -> None:
    """What is done for nobody in particular may have all places."""
    places = FairPlaces(8)
    while places.take(Tenant()):
        pass
    assert 8 == places.busy


async def test_whoever_gives_up_keeps_no_place() -> None:
    """A task that is cancelled while it waits, or just when it was served, leaves its place to the next."""
    places = FairPlaces(1)

    async def hold() -> None:
        async with places.place(A):
            await asyncio.Event().wait()

    assert places.take(B)
    tasks = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    places.leave(B)
    tasks[1].cancel()
    await asyncio.gather(*tasks[:2], return_exceptions=True)
    assert (1, 0) == (places.busy, places.waiting)
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (0, 0) == (places.busy, places.waiting)


def test_whoever_leaves_at_once_does_not_pile_up() -> None:
    """Thousands who wait and leave as soon as they have a place are served without a stack of calls."""
    places = FairPlaces(1)
    places.take(B)
    for _ in range(5000):
        places.join(A, lambda: places.leave(A))
    places.leave(B)
    assert (0, 0) == (places.busy, places.waiting)
