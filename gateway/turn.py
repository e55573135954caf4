"""The turn of a call: its place among the calls that are worked on at the same time.

Owns giving it back while the call waits for somebody else. Does not know how many places there are, nor who gets one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class _Turn:
    """A place that the call's own task has: those that it starts wait for nothing, or they could wait for it."""

    wait: Callable[[], Awaitable[None]]
    leave: Callable[[], None]
    task: "asyncio.Task[object] | None"
    held: bool = True


_current: ContextVar[_Turn | None] = ContextVar("turn of the call", default=None)


@asynccontextmanager
async def held(wait: Callable[[], Awaitable[None]], leave: Callable[[], None]) -> AsyncIterator[None]:
    """Hold a place until the block ends, but while the call is `paused`; `wait` takes one, `leave` gives it back."""
    await wait()
    turn = _Turn(wait, leave, asyncio.current_task())
    token = _current.set(turn)
    try:
        yield
    finally:
        _current.reset(token)
        if turn.held:
            leave()


@asynccontextmanager
async def paused() -> AsyncIterator[None]:
    """Give the current call's place back while it waits for a vendor, or for a file to be looked into; afterwards it
    waits for its turn again.
    """
    turn = _current.get()
    if turn is None or not turn.held or turn.task is not asyncio.current_task():
        yield
        return
    turn.held = False
    turn.leave()
    try:
        yield
    except asyncio.CancelledError:
        # The call ends: there is nothing left to work on.
        raise
    except BaseException:
        await _again(turn)
        raise
    await _again(turn)


async def _again(turn: _Turn) -> None:
    await turn.wait()
    turn.held = True
