"""EventService: lists and streams events.

Owns the conversions, and which feed a parent stands for. Makes no decisions.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from gateway.aip import names
from gateway.aip.sizes import bounded, fitting
from gateway.domain.context import Domain
from gateway.domain.events import read
from gateway.domain.events.cursors import Cursors
from gateway.domain.events.feeds import Batch, Feed, Feeds
from gateway.domain.events.stream import stream
from gateway.errors import FieldInvalid
from gateway.rpc import event_to_proto
from gateway.rpc.request import RequestGuard
from providers.capabilities import Capability
from providers.registry import providers_with
from socialgateway.v1 import event_pb2, event_service_pb2, event_service_pb2_grpc
from storage.events import EventRow


class EventService(event_service_pb2_grpc.EventServiceServicer):
    """Serves events."""

    def __init__(self, domain: Domain, guard: RequestGuard, feeds: Feeds) -> None:
        """Serve `domain` to the callers that `guard` admits; cursors belong to `feeds`."""
        self._domain = domain
        self._guard = guard
        self._feeds = feeds
        self._cursors = Cursors(guard.page_secret)
        self._with_videos = providers_with(domain.providers, Capability.VIDEO_QUERY)

    async def ListEvents(
        self, request: event_service_pb2.ListEventsRequest, context: Any
    ) -> event_service_pb2.ListEventsResponse:
        """List a location's events, page by page."""
        location = names.location(request.parent)
        caller = await self._guard.authorize(location)
        page, types = self._guard.read_page(request), stored_types(request.types)
        feed = self._feeds.of_location(location, caller.agency)
        # Read before the events: what is committed in between comes after the cursor as well as before it.
        head = await feed.head()

        async def rows_after(cursor: tuple[str | int, ...], limit: int) -> Sequence[EventRow]:
            after, subject = int(cursor[0]) if cursor else None, request.subject or None
            return await read.page(self._domain, location, after, subject=subject, types=types, limit=limit)

        items, token = await self._guard.list_page(request, page, rows_after, self._to_proto, lambda row: (row.number,))
        last = int(items[-1].name.rpartition("/")[2]) if items else 0
        return event_service_pb2.ListEventsResponse(
            events=items, next_page_token=token, cursor=self._cursor(feed, last if token else max(head, last))
        )

    async def StreamEvents(
        self, request: event_service_pb2.StreamEventsRequest, context: Any
    ) -> AsyncIterator[event_service_pb2.StreamEventsResponse]:
        """Stream the events of a location, or of all that the caller may read."""
        feed, types = await self._feed(request.parent), stored_types(request.types)
        start = self._start(feed, request.start_cursor)
        async for batch in stream(self._domain, feed, start, types):
            for message in self._messages(feed, batch):
                yield message

    async def _feed(self, parent: str) -> Feed:
        location = names.location(parent, wildcard=True)
        if location == names.WILDCARD:
            scope = await self._guard.stream_scope()
            return self._feeds.of_agency(scope.agency, scope.locations)
        return self._feeds.of_location(location, (await self._guard.authorize(location)).agency)

    def _start(self, feed: Feed, cursor: str) -> int | None:
        """Return the position of a caller's cursor, None without one; raises CursorInvalid, CursorExpired."""
        if not cursor:
            return None
        position, made = self._cursors.read(cursor, feed.parent)
        feed.check_age(made, self._domain.clock())
        return position

    def _messages(self, feed: Feed, batch: Batch) -> Iterator[event_service_pb2.StreamEventsResponse]:
        """Yield a batch in as many messages as its size needs, each with the cursor behind its last event."""
        if not batch.events:
            yield event_service_pb2.StreamEventsResponse(cursor=self._cursor(feed, batch.position), checkpoint=True)
        items, done = [bounded(self._to_proto(row)) for _, row in batch.events], 0
        while done < len(items):
            count = fitting(items[done:])
            part, done = items[done : done + count], done + count
            position = batch.position if done == len(items) else batch.events[done - 1][0]
            yield event_service_pb2.StreamEventsResponse(events=part, cursor=self._cursor(feed, position))

    def _cursor(self, feed: Feed, position: int) -> str:
        return self._cursors.make(feed.parent, position, self._domain.clock())

    def _to_proto(self, row: EventRow) -> event_pb2.Event:
        return event_to_proto.to_proto(row, self._with_videos)


def stored_types(wanted: Sequence[int], *, path: str = "types") -> list[str]:
    """Return the stored names of the types to filter by; raises FieldInvalid for one that cannot be asked for."""
    known = event_pb2.EventType.values()
    for index, value in enumerate(wanted):
        if value not in known or value == event_pb2.EVENT_TYPE_UNSPECIFIED:
            raise FieldInvalid(f"{path}[{index}]", "is not a type that this version knows")
    return [event_pb2.EventType.Name(value).removeprefix(event_to_proto.PREFIX) for value in set(wanted)]
