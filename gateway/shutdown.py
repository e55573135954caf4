"""The order in which a gateway stops: one list, for an orderly stop, a forced one, and a start that fails half-way.

Owns the order. Does not know how a part stops; each part is added once it has started.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeVar

T = TypeVar("T")


class Part(Enum):
    """What can stop."""

    READINESS = auto()
    CALLS = auto()
    ADMIN_CALLS = auto()
    JOBS = auto()
    UPLOADS = auto()
    HTTP = auto()
    FETCHES = auto()
    LOOKS = auto()
    ISSUERS = auto()
    TOKENS = auto()
    VENDORS = auto()
    AUDIT = auto()
    NOTIFICATIONS = auto()
    STORE_PROBE = auto()
    GAUGES = auto()
    METRICS = auto()
    KEY_SERVICES = auto()
    TELEMETRY = auto()
    DATABASE = auto()


ORDER: tuple[tuple[Part, ...], ...] = (
    # /readyz says from now on that the process is leaving.
    (Part.READINESS,),
    # gRPC: health says NOT_SERVING, load balancers get their delay, running calls their grace. Jobs do not wait for the
    # delay: another process can take them over at once. Both may still need HTTP, where vendors fetch media.
    (Part.CALLS, Part.ADMIN_CALLS, Part.JOBS),
    # What broken uploads have received is stored; no call can begin another one.
    (Part.UPLOADS,),
    # Callbacks of consents and webhooks were accepted until here.
    (Part.HTTP,),
    # Whoever waited for a look into a file has ended; what was looked into ahead is looked into again when needed.
    (Part.FETCHES, Part.LOOKS, Part.ISSUERS),
    # Pairs that a vendor has issued are saved, perhaps after another call to the vendor.
    (Part.TOKENS,),
    (Part.VENDORS,),
    # How the last calls ended is written.
    (Part.AUDIT,),
    (Part.NOTIFICATIONS, Part.STORE_PROBE, Part.GAUGES, Part.METRICS, Part.KEY_SERVICES),
    # What was measured until here is sent.
    (Part.TELEMETRY,),
    # Last, with the embedded server: everything above may write.
    (Part.DATABASE,),
)
"""Top to bottom; what stands in one line stops at the same time."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long calls and jobs get: seconds before new calls are refused (None leaves it to the server), and seconds for
    the running ones.
    """

    delay: float | None = 0
    grace: float = 0


AT_ONCE = Patience()

Stop = Callable[[Patience], Awaitable[object]]


@dataclass(slots=True)
class Shutdown:
    """What has started so far, and how it stops. As a context manager it stops everything at once."""

    _stops: dict[Part, Stop] = field(default_factory=dict)

    def add(self, part: Part, stop: Stop) -> None:
        """Stop `part` by `stop` when its turn comes."""
        self._stops[part] = stop

    async def enter(self, part: Part, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter a context, which is left when the part's turn comes."""
        entered = await manager.__aenter__()
        self.add(part, lambda _: manager.__aexit__(None, None, None))
        return entered

    def take(self) -> "Shutdown":
        """Hand everything over to another one: this one has nothing left to stop."""
        stops, self._stops = self._stops, {}
        return Shutdown(stops)

    async def run(self, patience: Patience) -> None:
        """Stop everything in order. What fails does not hold up the rest, and the first error is raised at the end.

        When this is cancelled, everything that is left stops at once.
        """
        failed: list[BaseException] = []
        for parts in ORDER:
            try:
                failed += await self._stop(parts, patience)
            except asyncio.CancelledError as cancelled:
                patience, failed = AT_ONCE, [cancelled, *failed]
                failed += await self._stop(parts, patience)
        if failed:
            raise failed[0]

    async def _stop(self, parts: tuple[Part, ...], patience: Patience) -> list[BaseException]:
        ends = await asyncio.gather(*(self._stop_one(part, patience) for part in parts), return_exceptions=True)
        return [end for end in ends if isinstance(end, BaseException)]

    async def _stop_one(self, part: Part, patience: Patience) -> None:
        stop = self._stops.get(part)
        if stop is not None:
            await stop(patience)
            self._stops.pop(part, None)

    async def __aenter__(self) -> "Shutdown":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.run(AT_ONCE)
