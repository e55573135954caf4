"""What must hold in a simulated run: after every step, now and then, and at the end.

Owns the rules. The vendors' ledgers and the rows in PostgreSQL are the witnesses; nothing is asked of the gateway.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.simulation.callers import Callers
from tests.simulation.rows import ALL, UNFINISHED
from tests.simulation.world import LOCATIONS, World

OFTEN = 500
"""After how many steps the rows are looked at."""


class Violated(Exception):
    """Something that must hold does not."""


class Invariants:
    """Looks at one run."""

    def __init__(self, world: World, callers: Callers) -> None:
        self._world, self._callers = world, callers
        self._posted = 0

    def posted(self) -> Counter[str]:
        """Count what is on the networks, by caption."""
        return Counter(
            [post.title for post in self._world.tiktok.publisher.posts]
            + [post.summary for post in self._world.highlevel.planner.published]
        )

    def step(self) -> None:
        """Look after a step; raises Violated."""
        world = self._world
        count = len(world.tiktok.publisher.posts) + len(world.highlevel.planner.published)
        if count != self._posted:
            self._posted = count
            self._refuse("posted twice", [caption for caption, times in self.posted().items() if times > 1])
        if self._callers.faults:
            raise Violated(self._callers.faults[0])
        if world.loop.steps % OFTEN == 0:
            self.rows()

    def rows(self) -> None:
        """Look at the rows; raises Violated."""
        for wrong, row in self._world.loop.side.execute(ALL).fetchall():
            self._refuse(wrong, [row])

    def waits(self) -> str:
        """Return what is not finished yet, "" when everything is."""
        callers, side = self._callers, self._world.loop.side
        if missing := [wish.number for wish in callers.wishes if not wish.done]:
            return f"callers of {missing}"
        query = f"SELECT id, state, due_at, error, next_attempt_time FROM posts WHERE state IN {UNFINISHED}"
        if found := side.execute(query).fetchall():
            return f"posts {found}"
        if found := side.execute("SELECT id, event, due_at FROM webhooks WHERE due_at IS NOT NULL").fetchall():
            return f"webhooks {found}"
        events = side.execute("SELECT location, number FROM events").fetchall()
        if found := [each for each in events if each[0] == LOCATIONS[0] and not self._delivered(*each)]:
            return f"deliveries {found}"
        lengths = [sum(each[0] == LOCATIONS[0] for each in events), len(events)]
        behind = [reader for reader, length in zip(callers.readers, lengths, strict=True) if len(reader.seen) < length]
        return f"readers at {[reader.position for reader in behind]} of {lengths}" if behind else ""

    def _delivered(self, location: str, number: int) -> bool:
        return self._world.receiver.received[f"locations/{location}/events/{number}"] > 0

    def end(self) -> None:
        """Look at the end; raises Violated."""
        self.step()
        self.rows()
        self._refuse("refused", [(wish.number, wish.refused) for wish in self._callers.wishes if wish.refused])
        rows = self._world.loop.side.execute("SELECT caption, id, state, error FROM posts").fetchall()
        states = {caption: (id, state, error) for caption, id, state, error in rows}
        posted = self.posted()
        self._refuse("posted, and nobody asked for it", sorted(posted - Counter(states.keys())))
        for wish in self._callers.wishes:
            if wish.caption not in states:
                raise Violated(f"lost: {wish}")
            id, state, error = states[wish.caption]
            if wish.ids != {id}:
                raise Violated(f"answers named {wish.ids} for {id}")
            allowed = {"PUBLISHED": (1,), "INDETERMINATE": (0, 1)}.get(state, (0,))
            if posted[wish.caption] not in allowed:
                raise Violated(f"{wish.caption} ({id}) is {state}, and posted {posted[wish.caption]} times: {error}")
        for reader in self._callers.readers:
            self._in_order(reader.seen)
        self._refreshed_once()

    def _in_order(self, seen: list[tuple[int, str, int]]) -> None:
        """Look at what a reader saw: every position once, and every location's events in order."""
        if [position for position, _, _ in seen] != list(range(1, len(seen) + 1)):
            raise Violated(f"a reader saw the positions {[position for position, _, _ in seen]}")
        for where in LOCATIONS:
            numbers = [number for _, location, number in seen if location == where]
            if numbers != list(range(1, len(numbers) + 1)):
                raise Violated(f"a reader saw the events {numbers} of {where}")

    def _refreshed_once(self) -> None:
        """Look at the exchanges: none failed, and there were no more than expired grants."""
        world = self._world
        exchanges: list[Any] = [*world.tiktok.exchanges, *world.highlevel.exchanges]
        self._refuse("an exchange that failed", [each for each in exchanges if each.outcome != "ok"])
        if world.strict and len(exchanges) > world.expired:
            raise Violated(f"{len(exchanges)} exchanges of {world.expired} expired grants")

    def _refuse(self, wrong: str, found: list[Any]) -> None:
        if found:
            raise Violated(f"{wrong}: {found}")
