"""Ordering: events of an agency get their positions while anybody on this replica streams over its locations.

Owns the tasks that do it, one for each such agency. Any number of replicas may do it at once: the database lets one at
a time. How positions are given is `storage/event_order.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from gateway.domain.context import Domain
from storage import event_order, events
from storage.fair import Tenant
from storage.places import Kind, work_for, work_in
from storage.watchers import wait

log = structlog.get_logger(__name__)

FALLBACK_SECONDS = 5.0
"""How often all locations are looked at: notifications can be missed, and a replica can die with the work half done."""

MOST_LOCATIONS = 1000
"""How many locations are looked at one by one; beyond that, all are."""

RETRY_SECONDS = 0.05
FAULT_SECONDS = 1.0
BATCH = 10_000


class _Running:
    """The ordering of one agency on this replica; `locations` have new events, None means that any may have."""

    def __init__(self) -> None:
        self.users = 0
        self.locations: set[str] | None = None
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def note(self, location: str | None) -> None:
        """Note that a location has new events, or with None that any may have."""
        if location is None or (self.locations is not None and len(self.locations) >= MOST_LOCATIONS):
            self.locations = None
        elif self.locations is not None:
            self.locations.add(location)
        self.changed.set()

    def note_again(self, locations: list[str] | None) -> None:
        """Note once more what was taken."""
        for location in [None] if locations is None else locations:
            self.note(location)

    def take(self) -> list[str] | None:
        """Return what was noted, and forget it."""
        self.changed.clear()
        noted, self.locations = self.locations, set()
        return None if noted is None else sorted(noted)


class Ordering:
    """Orders the events of the agencies that somebody streams."""

    def __init__(self, domain: Domain) -> None:
        """Subscribe to the events that any replica commits."""
        self._domain = domain
        self._running: dict[str, _Running] = {}
        self.close = domain.listener.subscribe(events.TOPIC, self._note, reset=lambda: self._note(None))

    @asynccontextmanager
    async def running(self, agency: str) -> AsyncIterator[None]:
        """Order the agency's events for the length of a block."""
        running = self._running.setdefault(agency, _Running())
        running.users += 1
        if running.task is None:
            running.task = asyncio.create_task(self._run(agency, running), name="event order")
        try:
            yield
        finally:
            running.users -= 1
            if not running.users:
                # The task ends by itself, unless somebody else comes first: its transaction is not cut off.
                running.changed.set()

    async def catch_up(self, agency: str) -> None:
        """Order everything that is committed now; raises DatabaseUnavailable."""
        while await self._order(agency, None, wait=True) == BATCH:
            pass

    def _note(self, location: str | None) -> None:
        # A notification does not say whose location it is: to look at one of another agency costs one look-up.
        for running in self._running.values():
            running.note(location)

    async def _run(self, agency: str, running: _Running) -> None:
        # The task outlives the call that created it, and works for all of the agency's streams.
        work_for(Kind.JOBS)
        work_in(Tenant(agency))
        while running.users:
            locations = running.take()
            try:
                count = await self._order(agency, locations, wait=False)
            except Exception as error:  # the streams of this replica depend on this task
                log.warning("events.not_ordered", agency=agency, error=type(error).__name__)
                running.note(None)
                await asyncio.sleep(FAULT_SECONDS)
                continue
            if count is None or count == BATCH:
                # Somebody else is at it, and may have begun before these events; or there are more than one batch.
                running.note_again(locations)
                await asyncio.sleep(RETRY_SECONDS if count is None else 0)
                continue
            if running.users and not await wait(running.changed, FALLBACK_SECONDS):
                running.note(None)
        del self._running[agency]

    async def _order(self, agency: str, locations: list[str] | None, *, wait: bool) -> int | None:
        if locations == []:
            return 0
        async with self._domain.db.transaction() as tx:
            now = self._domain.clock()
            return await event_order.order(tx, agency, now, locations=locations, wait=wait, limit=BATCH)
