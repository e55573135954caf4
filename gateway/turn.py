"""The turns of calls: so many are worked on at the same time, and the others wait for their agency's turn.

Owns giving a place back while its call waits for somebody else, and when a turn has lasted too long. Does not know what
is done in one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass

from storage.fair import SHARE, FairPlaces, Tenant

LONGEST_SECONDS = 0.1
"""After this a turn ends although its call goes on, if others wait: it may be waiting for a row that is locked."""


@dataclass(slots=True, eq=False)
class _Turn:
    """A place that the call's own task has: those that it starts wait for nothing, or they could wait for it."""

    turns: "Turns"
    tenant: Tenant
    task: "asyncio.Task[object] | None"
    since: float = 0.0
    _before: "Token[_Turn | None] | None" = None

    async def __aenter__(self) -> None:
        await self.turns.begin(self)
        self._before = _current.set(self)

    async def __aexit__(self, *error: object) -> None:
        if self._before is not None:
            _current.reset(self._before)
        self.turns.end(self)


_current: ContextVar[_Turn | None] = ContextVar("turn of the call", default=None)


class Turns:
    """Turns for up to `size` calls at the same time, of which an agency has at most `share` of what others leave."""

    def __init__(self, size: int, *, share: float = SHARE) -> None:
        """Begin with all places free."""
        self.places = FairPlaces(size, share=share)
        # The longest first.
        self._held: dict[_Turn, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def turn(self, tenant: Tenant) -> AbstractAsyncContextManager[None]:
        """Hold a place until the block ends, but while the call is `paused`, and no longer than is fair to others."""
        return _Turn(self, tenant, asyncio.current_task())

    def has(self, turn: _Turn) -> bool:
        """Return whether a turn has a place."""
        return turn in self._held

    async def begin(self, turn: _Turn) -> None:
        """Wait for a place."""
        if not self.places.take(turn.tenant):
            self._watch()
            await self.places.wait(turn.tenant)
        turn.since = asyncio.get_running_loop().time()
        self._held[turn] = None
        if self.places.waiting:
            self._watch()

    def end(self, turn: _Turn) -> None:
        """Release a turn's place, if it has one."""
        if self.has(turn):
            del self._held[turn]
            self.places.leave(turn.tenant)

    def _watch(self) -> None:
        """End the longest turn when its time is over; without waiting calls there is no timer."""
        if self._timer is None and self._held:
            until = next(iter(self._held)).since + LONGEST_SECONDS
            self._timer = asyncio.get_running_loop().call_at(until, self._end_longest)

    def _end_longest(self) -> None:
        self._timer = None
        if self.places.waiting and self._held:
            self.end(next(iter(self._held)))
            self._watch()


@asynccontextmanager
async def paused() -> AsyncIterator[None]:
    """Release the current call's place while it waits for a vendor, or for a file to be looked into; then wait for its
    turn again.
    """
    turn = _current.get()
    if turn is None or turn.task is not asyncio.current_task() or not turn.turns.has(turn):
        yield
        return
    turn.turns.end(turn)
    try:
        yield
    except asyncio.CancelledError:
        # The call ends: there is nothing left to work on.
        raise
    except BaseException:
        await turn.turns.begin(turn)
        raise
    await turn.turns.begin(turn)
