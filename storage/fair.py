"""Places of which there are few, and whose turn it is: agencies take turns, then the locations of one agency.

Owns the order, start-time fair queueing on two levels (Goyal, Vin, Cheng 1996), and how many places one agency may
hold, dynamic thresholds (Choudhury, Hahne 1998). Does not know what a place is, nor what is done in it.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

SHARE = 0.75
"""The part of the places that no other agency holds which one agency may hold."""

MAX_KEPT = 10_000
"""After how many turns those before are forgotten."""


class Tenant(NamedTuple):
    """For whom something is done: a location and its agency. "" is nobody in particular, whom no bound holds."""

    agency: str = ""
    location: str = ""


NOBODY = Tenant()


class _Flows:
    """Start-time fair queueing: a flow's turn has a start tag, the later of the virtual time and the end of the flow's
    turn before. The earliest is next, and is the virtual time from then on. A turn costs one.
    """

    __slots__ = ("_ends", "_now")

    def __init__(self) -> None:
        self._now = 0
        self._ends: dict[str, int] = {}

    def start(self, flow: str) -> int:
        """Return the start tag of the flow's next turn."""
        return max(self._now, self._ends.get(flow, 0))

    def serve(self, flow: str) -> None:
        """Count the flow's next turn."""
        ends, now = self._ends, self._now
        start = ends.get(flow, 0)
        # A turn that came late, because its flow held as much as it may, does not set the virtual time back.
        if start < now:
            start = now
        self._now = start
        ends[flow] = start + 1


class Turns:
    """The turns that agencies had, and within each agency its locations; `last` is who of each agency had one last."""

    def __init__(self) -> None:
        """Begin with nobody having had one."""
        self._forget()

    def _forget(self) -> None:
        self._agencies = _Flows()
        self._locations: dict[str, _Flows] = {}
        self._kept = 0
        self.last: dict[str, str] = {}

    def start(self, tenant: Tenant) -> tuple[int, int]:
        """Return the start tags of a tenant's next turn: its agency's, and that within its agency."""
        flows = self._locations.get(tenant.agency)
        return self._agencies.start(tenant.agency), 0 if flows is None else flows.start(tenant.location)

    def serve(self, tenant: Tenant) -> None:
        """Count a tenant's next turn."""
        # Each turn adds an entry at most. Without any, the next ones are as fair as the first ones were.
        self._kept += 1
        if self._kept > MAX_KEPT:
            self._forget()
        agency, location = tenant
        self._agencies.serve(agency)
        flows = self._locations.get(agency)
        if flows is None:
            flows = self._locations[agency] = _Flows()
        flows.serve(location)
        self.last[agency] = location


class FairQueue(Generic[T]):
    """What waits; whoever had the fewest turns is next. What belongs to one location is served in order."""

    def __init__(self, turns: Turns) -> None:
        """Begin empty; whoever serves what is popped counts that in `turns`."""
        self._turns = turns
        self._waiting: dict[str, dict[Tenant, OrderedDict[int, T]]] = {}
        self._size = self._added = 0

    def __len__(self) -> int:
        """Return how much waits."""
        return self._size

    def waiting(self, tenant: Tenant) -> int:
        """Return how much of a location waits."""
        return len(self._waiting.get(tenant.agency, {}).get(tenant, ()))

    def waiting_of_agency(self, tenant: Tenant) -> int:
        """Return how much of an agency waits."""
        return sum(len(items) for items in self._waiting.get(tenant.agency, {}).values())

    def add(self, tenant: Tenant, item: T) -> int:
        """Append an item, and return the number by which it can be removed."""
        self._added += 1
        self._size += 1
        self._waiting.setdefault(tenant.agency, {}).setdefault(tenant, OrderedDict())[self._added] = item
        return self._added

    def remove(self, tenant: Tenant, number: int) -> bool:
        """Remove an item, and return whether it still waited."""
        found = number in self._waiting.get(tenant.agency, {}).get(tenant, ())
        if found:
            del self._waiting[tenant.agency][tenant][number]
            self._forget(tenant)
        return found

    def pop(
        self,
        allowed: Callable[[Tenant], bool] = lambda tenant: True,
        held: Callable[[Tenant], tuple[int, int]] = lambda tenant: (0, 0),
    ) -> tuple[Tenant, T] | None:
        """Remove and return the item whose turn it is, with its tenant; None if nobody who waits is `allowed` to have
        one. Of equal tags comes first who has `held` the fewest places, then who waits longest.
        """
        best: tuple[tuple[int, int, int, int], Tenant] | None = None
        for tenants in self._waiting.values():
            for tenant in tenants:
                (agency, location), (of_agency, of_location) = self._turns.start(tenant), held(tenant)
                key = (agency, of_agency, location, of_location)
                if (best is None or key < best[0]) and allowed(tenant):
                    best = key, tenant
        if best is None:
            return None
        tenant = best[1]
        _, item = self._waiting[tenant.agency][tenant].popitem(last=False)
        self._forget(tenant)
        return tenant, item

    def _forget(self, tenant: Tenant) -> None:
        self._size -= 1
        tenants = self._waiting[tenant.agency]
        if not tenants[tenant]:
            del tenants[tenant]
        if not tenants:
            del self._waiting[tenant.agency]


class FairPlaces:
    """Up to `size` places. One agency holds at most `share` of those that no other agency holds, so that some are left
    for one that comes later, however many are greedy already; its first place is excepted. A location holds at most
    `per_location`, half of all unless it is given.
    """

    def __init__(self, size: int, *, share: float = SHARE, per_location: int | None = None) -> None:
        """Begin with all places free."""
        self.size = size
        self.busy = 0
        self._share = share
        self._per_location = max(1, size // 2) if per_location is None else per_location
        self._agencies: Counter[str] = Counter()
        self._tenants: Counter[Tenant] = Counter()
        self._serving = False
        self.turns = Turns()
        self._queue = FairQueue[Callable[[], None]](self.turns)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    def held(self, tenant: Tenant) -> tuple[int, int]:
        """Return how many places an agency holds, and how many of them its location."""
        return self._agencies.get(tenant.agency, 0), self._tenants.get(tenant, 0)

    def waiting_of(self, tenant: Tenant) -> int:
        """Return how many of a location wait for a place."""
        return self._queue.waiting(tenant)

    def waiting_of_agency(self, tenant: Tenant) -> int:
        """Return how many of an agency wait for a place."""
        return self._queue.waiting_of_agency(tenant)

    def free_for(self, tenant: Tenant) -> bool:
        """Return whether a tenant would get a place at once."""
        if self.busy >= self.size:
            return False
        of_agency, of_location = self.held(tenant)
        if tenant.location and of_location >= self._per_location:
            return False
        left = self.size - self.busy + of_agency
        return not tenant.agency or of_agency == 0 or of_agency + 1 <= self._share * left

    def take(self, tenant: Tenant) -> bool:
        """Take a place without waiting, and return whether there was one."""
        # Nobody waits who could have it: they were served when it became free.
        if not self.free_for(tenant):
            return False
        self.busy += 1
        self._agencies[tenant.agency] += 1
        self._tenants[tenant] += 1
        self.turns.serve(tenant)
        return True

    def leave(self, tenant: Tenant) -> None:
        """Release a place, which goes to those whose turn it is."""
        self.busy -= 1
        if self._agencies[tenant.agency] == 1:
            del self._agencies[tenant.agency]
        else:
            self._agencies[tenant.agency] -= 1
        if self._tenants[tenant] == 1:
            del self._tenants[tenant]
        else:
            self._tenants[tenant] -= 1
        if not self._serving:
            self._serve()

    def _serve(self) -> None:
        # Whoever is served may leave at once: that is seen here, not further down the stack.
        self._serving = True
        try:
            while self._queue and (found := self._queue.pop(self.free_for, self.held)) is not None:
                self.take(found[0])
                found[1]()
        finally:
            self._serving = False

    def join(self, tenant: Tenant, begin: Callable[[], None]) -> int:
        """Call `begin` once the tenant has a place, now if there is one; return by which number `quit` finds it."""
        if self.take(tenant):
            begin()
            return 0
        return self._queue.add(tenant, begin)

    def quit(self, tenant: Tenant, number: int) -> bool:
        """Wait no longer, and return whether there was no place yet."""
        return self._queue.remove(tenant, number)

    def reserve(self, candidates: Iterable[tuple[Tenant, T]], most: int | None = None) -> list[tuple[Tenant, T]]:
        """Take places for those of the candidates whose turn it is, at most `most`, and return them."""
        queue = FairQueue[T](self.turns)
        for tenant, item in candidates:
            queue.add(tenant, item)
        taken: list[tuple[Tenant, T]] = []
        while (most is None or len(taken) < most) and (found := queue.pop(self.free_for, self.held)) is not None:
            self.take(found[0])
            taken.append(found)
        return taken

    @asynccontextmanager
    async def place(self, tenant: Tenant) -> AsyncIterator[None]:
        """Hold a place until the block ends, after waiting for the tenant's turn."""
        await self.wait(tenant)
        try:
            yield
        finally:
            self.leave(tenant)

    async def wait(self, tenant: Tenant) -> None:
        """Take a place after waiting for the tenant's turn."""
        if self.take(tenant):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def begin() -> None:
            if not turn.done():
                turn.set_result(None)

        number = self._queue.add(tenant, begin)
        try:
            await turn
        except asyncio.CancelledError:
            if not self.quit(tenant, number):
                # It was given a place before it could learn that it is cancelled.
                self.leave(tenant)
            raise
