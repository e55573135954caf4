"""EventService through a real server: what is listed and streamed, to whom, and from where it goes on.

Owns the proofs of `gateway/rpc/events.py` and `gateway/domain/events`. How an agency's events are ordered is proved in
`tests/storage/test_event_order.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from gateway.domain.events import order, stream
from gateway.rpc import event_to_proto
from socialgateway.v1 import connection_pb2, event_pb2, event_service_pb2
from storage import event_order, events, locations, partitions
from storage.states import LocationClaim
from tests.fixtures.client import Client
from tests.fixtures.gateway import World
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_reason

Message = event_service_pb2.StreamEventsResponse
PARENT = "locations/l1"
STATUS_CHANGED = event_pb2.EVENT_TYPE_CONNECTION_STATUS_CHANGED


async def write(world: World, *numbers: int, location: str = "l1", kind: str = "PROVIDER_UNKNOWN") -> None:
    """Write events of an unknown vendor event, each in its own transaction; the location is claimed for it."""
    for number in numbers:
        payload = {"provider": "tiktok", "event": f"of.the.future.{number}", "content": {"n": number}}
        async with world.domain.db.transaction() as tx:
            await locations.claim(tx, location, "default", world.clock(), by=LocationClaim.NAMED)
            await events.append(tx, location, type=kind, subject="s", payload=payload, now=world.clock())


@asynccontextmanager
async def streaming(client: Client, parent: str = PARENT, **values: Any) -> AsyncIterator[Any]:
    """Open a stream for the length of a block."""
    call = client.events.StreamEvents(event_service_pb2.StreamEventsRequest(parent=parent, **values))
    try:
        yield call
    finally:
        call.cancel()


async def names_of(call: Any, count: int) -> list[str]:
    """Return the names of the next events, as many as asked for; checkpoints are skipped."""
    found: list[str] = []
    while len(found) < count:
        found += [event.name for event in (await asyncio.wait_for(call.read(), 10)).events]
    return found


def named(*numbers: int, location: str = "l1") -> list[str]:
    """Return the names of events."""
    return [f"locations/{location}/events/{number}" for number in numbers]


async def listed(client: Client, parent: str = PARENT, **values: Any) -> event_service_pb2.ListEventsResponse:
    """List events."""
    return await client.events.ListEvents(event_service_pb2.ListEventsRequest(parent=parent, **values))


async def refused(call: Any, reason: str, **metadata: str) -> None:
    """Assert that a call, or the next message of a stream, is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert_reason(caught.value, reason, **metadata)


# --- what an event says -----------------------------------------------------------------------------------------------


async def test_a_connection_s_life_is_told_in_order(gateway: World) -> None:
    """Each change shows the connection or account as it was then, and the status before."""
    made = await gateway.connect()
    await gateway.api.call("ConnectionService/DisconnectConnection", name=made.name)

    found = list((await listed(gateway.api)).events)
    status = connection_pb2.Connection.Status

    kinds = [event_pb2.EventType.Name(event.type).removeprefix(event_to_proto.PREFIX) for event in found]
    assert ["ACCOUNT_ATTACHED", "CONNECTION_STATUS_CHANGED", "ACCOUNT_DETACHED", "CONNECTION_DISCONNECTED"] == kinds
    assert named(1, 2, 3, 4) == [event.name for event in found]
    attached, valid, _, gone = found
    assert ("account", "ACTIVE") == (attached.WhichOneof("payload"), _state(attached))
    assert [attached.account.name, made.name] == [attached.subject, valid.subject]
    assert (status.PENDING, status.VALID) == (valid.previous_status, valid.connection.status)
    assert (status.VALID, status.DISCONNECTED) == (gone.previous_status, gone.connection.status)
    assert valid.HasField("create_time")


def _state(event: event_pb2.Event) -> str:
    return type(event.account).State.Name(event.account.state)


async def test_a_denied_consent_says_why(gateway: World) -> None:
    """A person's no is an event with the vendor's code, and no resource."""
    made = await gateway.create()
    query = await gateway.consent(made.authorization.uri, approve=False)
    with pytest.raises(grpc.aio.AioRpcError):
        await gateway.complete(query)

    [event] = (await listed(gateway.api)).events

    assert (event_pb2.EVENT_TYPE_CONNECTION_DENIED, made.name) == (event.type, event.subject)
    assert ("AUTHORIZATION_DENIED", "access_denied") == (
        event.consent_denial.reason,
        event.consent_denial.provider_code,
    )
    assert event.WhichOneof("payload") is None


async def test_what_the_vendor_sent_is_shown(gateway: World) -> None:
    """An unknown vendor event carries its name and content."""
    await write(gateway, 1)

    [event] = (await listed(gateway.api)).events

    assert ("providers/tiktok", "of.the.future.1", {"n": 1}) == (
        event.provider_event.provider,
        event.provider_event.event,
        dict(event.provider_event.content),
    )


async def test_an_event_of_another_version_is_shown_as_far_as_it_can_be_read(gateway: World) -> None:
    """An unknown type is unspecified, a snapshot that cannot be read is left out; neither stops the list."""
    await write(gateway, 1, kind="OF_TOMORROW")
    async with gateway.domain.db.transaction() as tx:
        payload = {"post": {"of": "yesterday"}}
        await events.append(tx, "l1", type="POST_STATE_CHANGED", subject="p", payload=payload, now=gateway.clock())

    first, second = (await listed(gateway.api)).events

    assert (event_pb2.EVENT_TYPE_UNSPECIFIED, "s") == (first.type, first.subject)
    assert (event_pb2.EVENT_TYPE_POST_STATE_CHANGED, "p", None) == (
        second.type,
        second.subject,
        second.WhichOneof("payload"),
    )


# --- lists ------------------------------------------------------------------------------------------------------------


async def test_pages_reach_every_event_once(gateway: World) -> None:
    """Events come oldest first, page by page, and the last page has no token."""
    await write(gateway, *range(7))
    found, token = [], ""
    while True:
        page = await listed(gateway.api, page_size=3, page_token=token)
        found.append([event.name for event in page.events])
        if not (token := page.next_page_token):
            break

    assert [named(1, 2, 3), named(4, 5, 6), named(7)] == found


async def test_a_list_can_be_filtered(gateway: World) -> None:
    """Types and subject each restrict the list."""
    made = await gateway.connect()

    by_type = await listed(gateway.api, types=[STATUS_CHANGED, event_pb2.EVENT_TYPE_CONNECTION_DENIED])
    by_subject = await listed(gateway.api, subject=made.name)
    neither = await listed(gateway.api, subject=made.name, types=[event_pb2.EVENT_TYPE_ACCOUNT_ATTACHED])

    assert [named(2), named(2), []] == [[each.name for each in page.events] for page in (by_type, by_subject, neither)]


@pytest.mark.parametrize("value", [0, 99, -1])
async def test_a_type_that_is_none_is_refused(gateway: World, value: int) -> None:
    """A filter by a type that does not exist would match nothing, or everything: it is FIELD_INVALID."""
    await write(gateway, 1)
    types = [STATUS_CHANGED, value]
    await refused(listed(gateway.api, types=types), "FIELD_INVALID", field="types[1]")
    async with streaming(gateway.api, types=types) as call:
        await refused(call.read(), "FIELD_INVALID", field="types[1]")


async def test_a_page_after_pruned_events_is_refused(gateway: World) -> None:
    """A page token whose next events are gone says so, instead of leaving them out."""
    await write(gateway, 1, 2, 3)
    token = (await listed(gateway.api, page_size=1)).next_page_token
    await prune(gateway)

    await refused(listed(gateway.api, page_size=1, page_token=token), "CURSOR_EXPIRED")
    assert [] == list((await listed(gateway.api)).events)


async def prune(gateway: World) -> None:
    """Delete all events, as the sweeper does when they are old."""
    await events.drop(gateway.domain.db, gateway.clock() + partitions.WEEK)


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parent", [PARENT, "locations/-"])
async def test_a_stream_begins_now_and_goes_on_where_it_ended(gateway: World, parent: str) -> None:
    """Without a cursor only what happens from now on comes; with one, all that came after it, each once."""
    await write(gateway, 1)
    async with streaming(gateway.api, parent) as call:
        first = await call.read()
        await write(gateway, 2)
        second = await call.read()
    await write(gateway, 3, 4)
    async with streaming(gateway.api, parent, start_cursor=second.cursor) as call:
        after = await names_of(call, 2)
    async with streaming(gateway.api, parent, start_cursor=first.cursor) as call:
        again = await names_of(call, 3)

    assert (True, [], False) == (first.checkpoint, list(first.events), second.checkpoint)
    assert [named(2), named(3, 4), named(2, 3, 4)] == [[event.name for event in second.events], after, again]


async def test_a_list_s_cursor_continues_as_a_stream(gateway: World) -> None:
    """The cursor of any page leads to the events behind that page, whatever it was filtered by."""
    await write(gateway, 1, 2, 3)
    middle = (await listed(gateway.api, page_size=2)).cursor
    last = (await listed(gateway.api, types=[STATUS_CHANGED])).cursor
    await write(gateway, 4)

    for cursor, expected in ((middle, named(3, 4)), (last, named(4))):
        async with streaming(gateway.api, start_cursor=cursor) as call:
            assert expected == await names_of(call, len(expected))


@pytest.mark.parametrize("parent", [PARENT, "locations/-"])
async def test_a_filtered_stream_moves_past_what_it_leaves_out(gateway: World, parent: str) -> None:
    """Events of other types are not sent, and are behind the cursor all the same."""
    await write(gateway, 1)
    async with streaming(gateway.api, parent, types=[STATUS_CHANGED]) as call:
        await call.read()
        await write(gateway, 2)
        await write(gateway, 3, kind="CONNECTION_STATUS_CHANGED")
        message = await call.read()
    await write(gateway, 4)
    async with streaming(gateway.api, parent, start_cursor=message.cursor) as call:
        rest = await names_of(call, 1)

    assert [named(3), named(4)] == [[event.name for event in message.events], rest]


async def test_a_stream_over_all_locations_has_one_order(gateway: World) -> None:
    """Two streams see the events of several locations in the same order, each location's as it was committed."""
    places = ("l1", "l2", "l3")
    async with (
        gateway.another("two") as second,
        streaming(gateway.api, "locations/-") as one,
        streaming(second.api, "locations/-") as other,
    ):
        await one.read()
        await other.read()
        await asyncio.gather(*(write(gateway, *range(20), location=place) for place in places))
        found = [await names_of(call, 60) for call in (one, other)]

    assert found[0] == found[1]
    for place in places:
        assert named(*range(1, 21), location=place) == [name for name in found[0] if f"/{place}/" in name]


async def test_a_long_backlog_comes_in_several_messages(gateway: World) -> None:
    """More events than one message holds come in order, and each message's cursor is that of its last event."""
    await write(gateway, *range(stream.BATCH + 5))
    first = await listed(gateway.api, page_size=1)
    async with streaming(gateway.api, start_cursor=first.cursor) as call:
        messages: list[Message] = [await call.read(), await call.read()]
    async with streaming(gateway.api, start_cursor=messages[0].cursor) as call:
        again = await call.read()

    assert [stream.BATCH, 4, 4] == [len(each.events) for each in (*messages, again)]


async def test_large_events_are_split_by_size(gateway: World) -> None:
    """A batch that is too large for one message is sent as several, none beyond what clients accept."""
    async with gateway.domain.db.transaction() as tx:
        await locations.claim(tx, "l1", "default", gateway.clock())
        for number in range(8):
            payload = {"provider": "tiktok", "event": "large", "content": {"truncated": "x" * 900_000}}
            await events.append(
                tx, "l1", type="PROVIDER_UNKNOWN", subject=str(number), payload=payload, now=gateway.clock()
            )
    first = await listed(gateway.api, page_size=1)
    sizes, seen = [], list[str]()
    async with streaming(gateway.api, start_cursor=first.cursor) as call:
        while len(seen) < 7:
            message = await call.read()
            sizes.append(message.ByteSize())
            seen += [event.subject for event in message.events]

    assert [str(number) for number in range(1, 8)] == seen
    assert 4 * 1024**2 > max(sizes)


async def test_an_idle_stream_sends_checkpoints(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without events a checkpoint comes now and then, whose cursor is as good as an event's."""
    monkeypatch.setattr(stream, "CHECKPOINT_SECONDS", 0.05)
    await write(gateway, 1)
    async with streaming(gateway.api) as call:
        messages = [await call.read() for _ in range(3)]
    await write(gateway, 2)
    async with streaming(gateway.api, start_cursor=messages[-1].cursor) as call:
        assert named(2) == await names_of(call, 1)

    assert [(True, 0)] * 3 == [(each.checkpoint, len(each.events)) for each in messages]


async def test_a_stream_that_is_left_leaves_nothing(gateway: World) -> None:
    """When nobody streams over an agency any more, nobody orders its events."""

    def ordering() -> list[Any]:
        return [task for task in asyncio.all_tasks() if task.get_name() == "event order"]

    await write(gateway, 1)
    async with streaming(gateway.api, "locations/-") as call, streaming(gateway.api, "locations/-") as other:
        await call.read()
        await other.read()
        assert 1 == len(ordering())
    await until(lambda: not ordering())


async def test_a_silence_among_others_events_is_a_silence(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is woken again and again by events that it leaves out still sends its checkpoints."""
    monkeypatch.setattr(stream, "CHECKPOINT_SECONDS", 0.3)
    await write(gateway, 0)
    stopped = asyncio.Event()

    async def others() -> None:
        while not stopped.is_set():
            await write(gateway, 1)
            await asyncio.sleep(0.05)

    writing = asyncio.create_task(others())
    async with streaming(gateway.api, types=[STATUS_CHANGED]) as call:
        messages = [await asyncio.wait_for(call.read(), 10) for _ in range(3)]
    stopped.set()
    await writing

    assert [(True, 0)] * 3 == [(each.checkpoint, len(each.events)) for each in messages]


async def test_a_slow_reader_is_told_what_it_missed(gateway: World) -> None:
    """A cursor that was made today among events of last month says CURSOR_EXPIRED once those behind it are gone."""
    await write(gateway, 0)
    async with streaming(gateway.api, "locations/-") as call:
        start = (await call.read()).cursor
        await write(gateway, *range(stream.BATCH + 5))
        await names_of(call, stream.BATCH + 5)
    gateway.clock.advance(timedelta(days=29))
    async with streaming(gateway.api, "locations/-", start_cursor=start) as call:
        middle = (await call.read()).cursor
    gateway.clock.advance(timedelta(days=8))
    await events.drop(gateway.domain.db, gateway.clock() - timedelta(days=30))
    async with streaming(gateway.api, "locations/-", start_cursor=middle) as call:
        await refused(call.read(), "CURSOR_EXPIRED")


async def test_a_fault_does_not_end_the_order(gateway: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error of any kind the events of an agency are ordered again."""
    monkeypatch.setattr(order, "FAULT_SECONDS", 0.05)
    await write(gateway, 0)
    give, failures = event_order.order, [True, True]

    async def fail(*args: Any, **values: Any) -> int | None:
        if failures and not values.get("wait"):
            failures.pop()
            raise RuntimeError("of any kind")
        return await give(*args, **values)

    monkeypatch.setattr(event_order, "order", fail)
    async with streaming(gateway.api, "locations/-") as call:
        await call.read()
        await write(gateway, 1)
        assert named(2) == await names_of(call, 1)
    assert [] == failures


async def test_content_that_json_cannot_hold_stops_nothing(gateway: World) -> None:
    """A vendor's event that is nested too deeply, or has a number beyond all bounds, is listed without its content."""
    deep: Any = {}
    for _ in range(200):
        deep = {"deeper": deep}
    await write(gateway, 0)
    for content in (deep, {"n": 10**400}):
        payload = {"provider": "tiktok", "event": "strange", "content": content}
        async with gateway.domain.db.transaction() as tx:
            await events.append(tx, "l1", type="PROVIDER_UNKNOWN", subject="s", payload=payload, now=gateway.clock())

    found = (await listed(gateway.api)).events
    assert named(1, 2, 3) == [event.name for event in found]
    async with gateway.domain.db.read() as tx:
        for row in await events.after(tx, "l1", 0, limit=10):
            assert "provider.unknown" in event_to_proto.to_json(row, ())


# --- cursors ----------------------------------------------------------------------------------------------------------


async def test_a_cursor_that_is_not_ours_is_refused(gateway: World) -> None:
    """Forged, cut, foreign and misplaced cursors are CURSOR_INVALID."""
    await write(gateway, 1)
    await write(gateway, 1, location="l2")
    own, other = (await listed(gateway.api)).cursor, (await listed(gateway.api, "locations/l2")).cursor
    for cursor in ("x", "ü" * 20, own[:-4], own[:-5] + "AAAA=", other, "A" * 100_000):
        async with streaming(gateway.api, start_cursor=cursor) as call:
            await refused(call.read(), "CURSOR_INVALID")
    async with streaming(gateway.api, "locations/-", start_cursor=own) as call:
        await refused(call.read(), "CURSOR_INVALID")


async def test_a_cursor_says_nothing(gateway: World) -> None:
    """How many events others have cannot be read from a cursor: two of one place have nothing in common."""
    await write(gateway, 1)
    one, two = [(await listed(gateway.api)).cursor for _ in range(2)]
    assert one[20:] != two[20:]


@pytest.mark.parametrize("parent", [PARENT, "locations/-"])
async def test_a_cursor_before_what_is_kept_is_refused(gateway: World, parent: str) -> None:
    """Whoever comes back after events are gone is told, with how far back they reach."""
    await write(gateway, 1)
    async with streaming(gateway.api, parent) as call:
        cursor = (await call.read()).cursor
    await write(gateway, 2)
    gateway.clock.advance(timedelta(days=31))
    await prune(gateway)
    async with streaming(gateway.api, parent, start_cursor=cursor) as call:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()

    assert_reason(caught.value, "CURSOR_EXPIRED")
    assert grpc.StatusCode.OUT_OF_RANGE is caught.value.code()


async def test_a_quiet_location_s_cursor_does_not_grow_old(gateway: World) -> None:
    """Where nothing happened since, nothing was missed: the cursor is good after any time."""
    await write(gateway, 1)
    async with streaming(gateway.api) as call:
        cursor = (await call.read()).cursor
    gateway.clock.advance(timedelta(days=31))
    await prune(gateway)
    await write(gateway, 2)
    async with streaming(gateway.api, start_cursor=cursor) as call:
        assert named(2) == await names_of(call, 1)


# --- tenants ----------------------------------------------------------------------------------------------------------


async def keyed(gateway: World, **values: Any) -> Client:
    """Return a client with a key of its own."""
    return gateway.client(await gateway.key(**values))


async def test_nobody_hears_of_other_tenants(gateway: World) -> None:
    """A stream over all locations has those that the key names, or all of its agency's, and never another agency's."""
    for place in ("l1", "l2"):
        await write(gateway, 1, location=place)
    all_of_it, some, rival = (
        await keyed(gateway),
        await keyed(gateway, locations=["l2"]),
        await keyed(gateway, agency="rival"),
    )
    async with (
        streaming(all_of_it, "locations/-") as everything,
        streaming(some, "locations/-") as part,
        streaming(rival, "locations/-") as nothing,
    ):
        for call in (everything, part, nothing):
            await call.read()
        await write(gateway, 2)
        await write(gateway, 2, location="l2")
        assert [*named(2), *named(2, location="l2")] == await names_of(everything, 2)
        assert named(2, location="l2") == await names_of(part, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(nothing.read(), 0.5)


async def test_another_s_location_is_forbidden(gateway: World) -> None:
    """Neither a list nor a stream of another agency's location is begun."""
    await write(gateway, 1)
    rival = await keyed(gateway, agency="rival")
    await refused(listed(rival), "LOCATION_FORBIDDEN")
    async with streaming(rival) as call:
        await refused(call.read(), "LOCATION_FORBIDDEN")


async def test_a_key_needs_the_scope(gateway: World) -> None:
    """Reading posts is not reading events."""
    client = await keyed(gateway, scopes=["posts.read"])
    await refused(listed(client), "SCOPE_MISSING")


async def test_a_location_that_is_taken_away_is_not_heard_of(gateway: World) -> None:
    """A stream over an agency's locations leaves out, at once, one that has another owner now."""
    await write(gateway, 1)
    await write(gateway, 1, location="l2")
    async with streaming(gateway.api, "locations/-") as call:
        await call.read()
        async with gateway.domain.db.transaction() as tx:
            await tx.execute(text("UPDATE locations SET agency = 'rival' WHERE location = 'l1'"))
            payload = {"provider": "tiktok", "event": "e", "content": {}}
            await events.append(tx, "l1", type="PROVIDER_UNKNOWN", subject="s", payload=payload, now=gateway.clock())
        await write(gateway, 2, location="l2")
        assert named(2, location="l2") == await names_of(call, 1)
