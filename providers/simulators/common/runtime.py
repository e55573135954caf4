"""The clock of a simulator and the tasks that run beside its calls.

Owns: the vendor's present time and the background tasks. Knows nothing of what the tasks do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]
Work = Callable[[], Coroutine[Any, Any, None]]


class Runtime:
    """The time and the background tasks of one simulator. `clock` returns aware UTC; `settle` applies what is due."""

    def __init__(self, clock: Clock, settle: Callable[[], None]) -> None:
        self._settle = settle
        self._clock = clock
        self._offset = timedelta()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[Work] = []

    def reset(self) -> None:
        """Cancel every task and undo every advance of the clock."""
        self._cancel()
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the vendor's time: the clock plus what it was advanced by."""
        return self._clock() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the vendor's time forward and apply everything that is due by then."""
        self._offset += timedelta(seconds=seconds)
        self._settle()

    def spawn(self, work: Work) -> None:
        """Run `work` beside the calls; without a running event loop it starts with the next `start_waiting`."""
        self._waiting.append(work)
        self.start_waiting()

    def start_waiting(self) -> None:
        """Start, in order, the work that was spawned outside an event loop."""
        while self._waiting and self.start(self._waiting[0]) is not None:
            self._waiting.pop(0)

    def start(self, work: Work) -> asyncio.Task[None] | None:
        """Run `work` beside the calls and return its task; do nothing and return None when no event loop runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        task = loop.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def idle(self) -> None:
        """Wait until every task has ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Cancel every task and wait for its end."""
        self._cancel()
        await self.idle()

    def _cancel(self) -> None:
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
