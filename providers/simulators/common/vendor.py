"""What every simulated vendor has: a clock, the tasks that run beside its calls, faults, and the ledgers of calls.

Owns: the vendor's present time and the background tasks. Knows nothing of what the tasks do.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypedDict, Unpack

import httpx

from providers.simulators.common.ids import Entropy
from providers.simulators.faults import Fault, Faults

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]
Work = Callable[[], Coroutine[Any, Any, None]]


class Parts(TypedDict, total=False):
    """What replaces the system's own: `sleep` for slow responses, webhook retries and timers, `transport` for webhooks
    and fetches of media (None: the network).
    """

    entropy: Entropy
    sleep: Sleep
    transport: httpx.AsyncBaseTransport | None


class Vendor:
    """The base of the simulated vendors. `sender` is the class of `webhooks`; `clock` returns aware UTC."""

    sender: ClassVar[type[Any]]

    def __init__(self, config: Any, clock: Clock, **parts: Unpack[Parts]) -> None:
        self.config = config
        self.entropy = parts.get("entropy", os.urandom)
        self.sleep = parts.get("sleep", asyncio.sleep)
        self.transport = parts.get("transport")
        self.faults = Faults()
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[Work] = []
        self.webhooks = type(self).sender(self)
        self.reset()

    def reset(self) -> None:
        """Discard everything but the configuration and what signs webhooks: ledgers, faults, tasks, advanced time."""
        self._cancel()
        self._offset = timedelta()
        self.faults.clear()
        self.webhooks.deliveries.clear()
        self.consents: dict[str, Mapping[str, str]] = {}
        self.exchanges: list[Any] = []
        self.requests: list[Any] = []

    @property
    def deliveries(self) -> list[Any]:
        """Every attempt to deliver a webhook."""
        deliveries: list[Any] = self.webhooks.deliveries
        return deliveries

    def check_fault(self, fault: Fault) -> None:
        """Raise ValueError for a fault that this vendor cannot have."""

    # Time and tasks

    def settle(self) -> None:
        """Start what was spawned outside an event loop. A vendor first applies everything that is due."""
        self.start_waiting()

    def now(self) -> datetime:
        """Return the vendor's time: the clock plus what it was advanced by."""
        return self._clock() + self._offset

    def advance_clock(self, seconds: float) -> None:
        """Move the vendor's time forward and apply everything that is due by then."""
        self._offset += timedelta(seconds=seconds)
        self.settle()

    def spawn(self, work: Work) -> None:
        """Run `work` beside the calls; without a running event loop it starts with the next `settle`."""
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
        await self.webhooks.aclose()

    def _cancel(self) -> None:
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
