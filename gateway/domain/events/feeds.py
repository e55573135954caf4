"""Feeds: what a stream of events reads, of one location or of an agency's locations.

Owns how each counts its positions, and when a cursor is too old. Does not know who may read what.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.context import Domain
from gateway.domain.events.cursors import RETENTION, expired
from gateway.domain.events.order import Ordering
from storage import event_order, events
from storage.events import EventRow
from storage.watchers import Watchers


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order, each with its position; `position` is how far was read, also past events of other types."""

    events: Sequence[tuple[int, EventRow]]
    position: int


class Feed(Protocol):
    """Events in an order that does not change."""

    @property
    def parent(self) -> str:
        """What the feed's cursors belong to."""

    def changes(self) -> AbstractAsyncContextManager[asyncio.Event]:
        """Yield an event that is set whenever there may be something new; the waiter clears it before it reads."""

    async def head(self) -> int:
        """Return the position of the newest event."""

    async def read(self, after: int, types: Sequence[str], limit: int) -> Batch:
        """Return the next events; raises CursorExpired if some are no longer kept."""

    def check_age(self, made: datetime, now: datetime) -> None:
        """Raise CursorExpired for a cursor that was made too long ago."""


@dataclass(frozen=True, slots=True)
class LocationFeed:
    """The events of one location: a position is the event's number."""

    domain: Domain
    watchers: Watchers
    location: str
    agency: str

    @property
    def parent(self) -> str:
        """The location."""
        return f"locations/{self.location}"

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[asyncio.Event]:
        """Wait for events of the location."""
        with self.watchers.watch(self.location) as changed:
            yield changed

    async def head(self) -> int:
        """Return the number of the newest event."""
        async with self.domain.db.read() as tx:
            return await events.last(tx, self.location)

    async def read(self, after: int, types: Sequence[str], limit: int) -> Batch:
        """Return the events behind a number."""
        async with self.domain.db.read() as tx:
            # The end is read first: what is committed after it belongs to the next batch, whatever its type.
            last, pruned = await events.span(tx, self.location)
            if after < pruned or after > last:
                # After the last one is only a cursor of a location that was deleted since, and used again.
                raise expired(self.domain.clock())
            if after == last:
                return Batch((), after)
            # Whose location it is, is asked with the events: a stream may outlive its reader's ownership by a moment.
            rows = await events.after(tx, self.location, after, upto=last, types=types, owner=self.agency, limit=limit)
        return Batch([(row.number, row) for row in rows], rows[-1].number if len(rows) == limit else last)

    def check_age(self, made: datetime, now: datetime) -> None:
        """Accept any age: whether an event is missing shows by its number."""


@dataclass(frozen=True, slots=True)
class AgencyFeed:
    """The events of all locations of an agency, or of some: a position is that among all of the agency's."""

    domain: Domain
    watchers: Watchers
    ordering: Ordering
    agency: str
    locations: Sequence[str] | None

    @property
    def parent(self) -> str:
        """The agency: all of its keys count alike."""
        return f"agencies/{self.agency}"

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[asyncio.Event]:
        """Have the agency's events ordered, and wait for new positions."""
        async with self.ordering.running(self.agency):
            with self.watchers.watch(self.agency) as changed:
                yield changed

    async def head(self) -> int:
        """Return the position behind all that is committed now."""
        await self.ordering.catch_up(self.agency)
        async with self.domain.db.read() as tx:
            return await event_order.last(tx, self.agency)

    async def read(self, after: int, types: Sequence[str], limit: int) -> Batch:
        """Return the events behind a position."""
        async with self.domain.db.read() as tx:
            last, pruned = await event_order.span(tx, self.agency)
            if after < pruned or after > last:
                raise expired(self.domain.clock())
            if after == last:
                return Batch((), after)
            found = await event_order.after(
                tx, self.agency, after, last, locations=self.locations, types=types, limit=limit
            )
        rows = [(position, row) for position, row in found if row is not None]
        if len(rows) < len(found):
            raise expired(self.domain.clock())
        return Batch(rows, rows[-1][0] if len(rows) == limit else last)

    def check_age(self, made: datetime, now: datetime) -> None:
        """Raise CursorExpired for a cursor that is as old as the oldest events: some may never have got a position."""
        if made < now - RETENTION:
            raise expired(now)


class Feeds:
    """Makes the feeds, which share one subscription to what is committed on any replica."""

    def __init__(self, domain: Domain) -> None:
        """Subscribe to events and to their order."""
        self._domain = domain
        self._written = Watchers(domain.listener, events.TOPIC)
        self._ordered = Watchers(domain.listener, event_order.TOPIC)
        self._ordering = Ordering(domain)

    def of_location(self, location: str, agency: str) -> LocationFeed:
        """Return the feed of one location of an agency."""
        return LocationFeed(self._domain, self._written, location, agency)

    def of_agency(self, agency: str, locations: Sequence[str] | None) -> AgencyFeed:
        """Return the feed of an agency's locations, or of some of them."""
        return AgencyFeed(self._domain, self._ordered, self._ordering, agency, locations)
