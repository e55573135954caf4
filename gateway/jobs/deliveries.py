"""Deliveries: the loop that wakes the endpoints of locations in which something happened, and gives them their turns.

Owns how many turns run at once on this replica. What a turn does is `gateway/domain/endpoints/deliver.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from time import monotonic

import structlog

from gateway.domain.context import Domain
from gateway.domain.endpoints import deliver
from gateway.domain.endpoints.deliver import Render
from storage import events
from storage.database import DatabaseUnavailable
from storage.fair import SHARE, FairPlaces
from storage.key_ring import KeyMissing
from storage.places import work_in
from storage.webhook_endpoints import EndpointRow

log = structlog.get_logger(__name__)

CONCURRENCY = 64
"""How many endpoints have their turn at once: a turn mostly waits for somebody else's server."""

MAX_PER_HOST = 4
"""How many of these may be at one address: a server that does not answer must not occupy all places."""

HOST_DELAY = timedelta(seconds=1)
FULL_SECONDS = 5.0
"""How often all locations, and endpoints that are due, are looked at without being told: both can be missed."""


class Deliveries:
    """Delivers events until it is stopped."""

    def __init__(self, domain: Domain, render: Render, stopping: Callable[[], bool], *, share: float = SHARE) -> None:
        """Listen for events; nothing is delivered before `run`."""
        self._domain = domain
        self._render = render
        self._stopping = stopping
        self._locations: set[str] = set()
        self._all = True
        self._next_full = 0.0
        self._places = FairPlaces(CONCURRENCY, share=share)
        self._hosts: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._turns: set[asyncio.Task[None]] = set()
        self.close = domain.listener.subscribe(events.TOPIC, self._note, reset=self._note_all)

    def look(self) -> None:
        """Look at once for endpoints that are due: somebody has seen one."""
        self._changed.set()

    def _note(self, location: str) -> None:
        self._locations.add(location)
        self._changed.set()

    def _note_all(self) -> None:
        self._all = True
        self._changed.set()

    async def run(self) -> None:
        """Run the turns of endpoints until cancelled, then wait for the ones that are running."""
        try:
            while True:
                await self._round()
                await self._pause()
        finally:
            await self._end_turns()

    async def _end_turns(self) -> None:
        try:
            if self._turns:
                await asyncio.wait(self._turns)
        except asyncio.CancelledError:
            # The time to stop is over.
            for task in self._turns:
                task.cancel()
            raise

    async def _round(self) -> None:
        if monotonic() >= self._next_full:
            self._all, self._next_full = True, monotonic() + FULL_SECONDS
        locations, everything = sorted(self._locations), self._all
        self._changed.clear()
        self._locations, self._all = set(), False
        try:
            await deliver.wake(self._domain, None if everything else locations)
            taken = await deliver.take_due(self._domain, self._places) if self._places.busy < CONCURRENCY else []
            # Those that begin first: nothing can fail there, and each has a place.
            for row in [row for row in taken if not self._begin(row)]:
                await deliver.put_off(self._domain, row, HOST_DELAY)
        except DatabaseUnavailable as error:
            # The turns go on; what was taken and not begun is due again when its lease ends.
            log.warning("webhook_endpoints.not_looked_at", error=str(error))
            self._all = True

    def _begin(self, row: EndpointRow) -> bool:
        """Begin a turn, which has a place; give that back and return False if its address has as many as it may."""
        if self._hosts[row.uri] >= MAX_PER_HOST:
            self._places.leave(row.tenant)
            return False
        self._hosts[row.uri] += 1
        task = asyncio.create_task(self._turn(row), name="webhook delivery")
        self._turns.add(task)
        task.add_done_callback(self._ended)
        return True

    async def _turn(self, row: EndpointRow) -> None:
        work_in(row.tenant)
        try:
            await deliver.deliver(self._domain, self._render, row, self._stopping)
        except (DatabaseUnavailable, KeyMissing) as error:
            # The endpoint is due again when the lease ends, here or in a process that has the key.
            log.warning("webhook_endpoint.not_delivered", location=row.location, endpoint=row.id, error=str(error))
        except Exception as error:  # one endpoint's fault must not stop the others
            log.error("webhook_endpoint.fault", location=row.location, endpoint=row.id, exc_info=error)
            with suppress(DatabaseUnavailable):
                await deliver.put_off(self._domain, row, deliver.FAULT_DELAY, "the gateway met a fault of its own")
        finally:
            self._places.leave(row.tenant)
            self._hosts[row.uri] -= 1
            if not self._hosts[row.uri]:
                del self._hosts[row.uri]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._turns.discard(task)
        self._changed.set()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), FULL_SECONDS)
        except TimeoutError:
            return
