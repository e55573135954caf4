"""Delivering events to webhook endpoints: signed, in order, at least once, and given up in the end.

Owns the proofs of `gateway/domain/endpoints/deliver.py` and `gateway/jobs/deliveries.py`. The receiver is a real HTTP
server, which verifies each delivery with the Standard Webhooks library.
"""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from aiohttp import web
from sqlalchemy import text
from standardwebhooks import Webhook

from gateway.domain.endpoints import deliver, retry_schedule
from gateway.jobs.runner import Jobs, JobsConfig
from gateway.rpc import event_to_proto
from providers.capabilities import Capability
from providers.http.post import Poster
from providers.registry import providers_with
from socialgateway.v1 import event_pb2, webhook_endpoint_pb2, webhook_endpoint_service_pb2
from storage import location_contents, locations, webhook_endpoints
from storage.fair import FairPlaces
from storage.states import LocationClaim
from tests.fixtures.gateway import World, opened
from tests.fixtures.node import executable
from tests.fixtures.waiting import until
from tests.rpc.test_events import listed, named, write

Endpoint = webhook_endpoint_pb2.WebhookEndpoint
PARENT = "locations/l1"
ROOT = Path(__file__).parents[2]
VERIFIER = Path(__file__).parent / "webhook_verifier"
INSTALLED = ROOT / ".venv" / "webhook-verifier"


@dataclass
class Receiver:
    """A server that takes deliveries, or answers what it is told to; `seen` are the ids, in order."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    refused: Callable[[str], bool] = lambda id: False
    silent: bool = False

    @property
    def seen(self) -> list[str]:
        """Return the ids of the deliveries."""
        return [headers["webhook-id"] for headers, _ in self.requests]

    @property
    def bodies(self) -> list[Any]:
        """Return what was delivered."""
        return [json.loads(body) for _, body in self.requests]

    async def take(self, request: web.Request) -> web.Response:
        """Answer one delivery."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.read()))
        if self.silent:
            await asyncio.sleep(1)
        status = self.statuses.pop(0) if self.statuses else 200
        if self.refused(headers["webhook-id"]):
            status = 500
        return web.Response(status=status, headers=self.headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Yield a receiver on a port of this machine."""
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?token=canary"
    yield made
    await runner.cleanup()


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Yield a gateway that may call this machine, without workers: a test gives the turns."""
    async with opened(database_url, tmp_path, pull_allow_loopback=True) as world:
        yield world


async def create(world: World, receiver: Receiver, **values: Any) -> Endpoint:
    """Create an endpoint in a location that has an event already."""
    await write(world, 0)
    wanted = {"uri": receiver.url, "max_per_second": 100, **values}
    request = webhook_endpoint_service_pb2.CreateWebhookEndpointRequest(
        parent=PARENT, webhook_endpoint=Endpoint(**wanted)
    )
    made: Endpoint = await world.api.endpoints.CreateWebhookEndpoint(request)
    return made


async def endpoint(world: World, made: Endpoint) -> Endpoint:
    """Get an endpoint."""
    request = webhook_endpoint_service_pb2.GetWebhookEndpointRequest(name=made.name)
    found: Endpoint = await world.api.endpoints.GetWebhookEndpoint(request)
    return found


async def turns(world: World, render: deliver.Render | None = None) -> int:
    """Run a turn of every endpoint that is due, and return the number of turns."""
    usual = providers_with(world.domain.providers, Capability.VIDEO_QUERY)
    await deliver.wake(world.domain, None)
    rows = await deliver.take_due(world.domain, FairPlaces(100))
    for row in rows:
        await deliver.deliver(
            world.domain, render or (lambda event: event_to_proto.to_json(event, usual)), row, lambda: False
        )
    return len(rows)


async def run(world: World, rounds: int = 50) -> None:
    """Give turns until nothing is due."""
    for _ in range(rounds):
        if not await turns(world):
            return
    raise AssertionError("there is always something due")


def verify(receiver: Receiver, secret: str, now: datetime, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Verify every delivery with the library, as at `now`, and return the bodies."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Frozen)
    return [Webhook(secret).verify(body, headers) for headers, body in receiver.requests]


async def test_an_event_is_delivered_signed(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is made is one POST for each event, which the standard's own library verifies."""
    made = await create(gateway, receiver)
    connection = await gateway.connect()
    await run(gateway)

    first, second = verify(receiver, made.secret, gateway.clock(), monkeypatch)

    assert named(2, 3) == receiver.seen
    assert ["account.attached", "connection.status_changed"] == [first["type"], second["type"]]
    assert connection.name == second["data"]["subject"]
    assert ("VALID", "EVENT_TYPE_CONNECTION_STATUS_CHANGED") == (
        second["data"]["connection"]["status"],
        second["data"]["type"],
    )
    assert first["timestamp"]
    assert "application/json" == receiver.requests[0][0]["content-type"]


async def test_a_receiver_in_node_verifies_it_too(gateway: World, receiver: Receiver) -> None:
    """The standard's library for Node verifies each delivery, and reads the same payload."""
    node = executable(VERIFIER, INSTALLED)
    made = await create(gateway, receiver)
    await write(gateway, 1)
    await run(gateway)
    [(headers, body)] = receiver.requests
    asked = {
        "secret": made.secret,
        "headers": headers,
        "body": body.decode(),
        "now": int(gateway.clock().timestamp()),
    }
    process = await asyncio.create_subprocess_exec(
        node, VERIFIER / "verify.cjs", INSTALLED, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate(json.dumps(asked).encode())

    assert 0 == process.returncode, err.decode()
    assert json.loads(body) == json.loads(out)


async def test_only_what_was_asked_for_is_delivered(gateway: World, receiver: Receiver) -> None:
    """Events of other types are passed over, and nothing of before the endpoint is sent."""
    await create(gateway, receiver, types=[event_pb2.EVENT_TYPE_CONNECTION_STATUS_CHANGED])
    await gateway.connect()
    await write(gateway, 9)
    await run(gateway)

    assert named(3) == receiver.seen
    assert 0 == await turns(gateway)


async def test_a_former_secret_signs_too_for_a_while(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rotation both secrets verify; after the overlap only the new one does."""
    made = await create(gateway, receiver)
    rotated = await gateway.api.call(
        "WebhookEndpointService/RotateWebhookEndpointSecret", name=made.name, overlap={"seconds": 3600}
    )
    await write(gateway, 1)
    await run(gateway)
    both = [verify(receiver, secret, gateway.clock(), monkeypatch) for secret in (made.secret, rotated.secret)]
    receiver.requests.clear()
    gateway.clock.advance(timedelta(hours=2))
    await write(gateway, 2)
    await run(gateway)

    assert made.secret != rotated.secret
    assert both[0] == both[1]
    assert 1 == len(verify(receiver, rotated.secret, gateway.clock(), monkeypatch))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify(receiver, made.secret, gateway.clock(), monkeypatch)


async def test_what_was_not_taken_is_tried_again_and_holds_up_nothing(gateway: World, receiver: Receiver) -> None:
    """An event that is refused waits five seconds, then thirty; those after it are delivered meanwhile."""
    made = await create(gateway, receiver)
    receiver.refused = lambda id: id == named(2)[0]
    await write(gateway, 1, 2, 3)
    await run(gateway)
    told, first = await endpoint(gateway, made), list(receiver.seen)
    gateway.clock.advance(timedelta(seconds=5))
    await run(gateway)
    gateway.clock.advance(timedelta(seconds=29))
    early = await turns(gateway)
    receiver.refused = lambda id: False
    gateway.clock.advance(timedelta(seconds=1))
    await run(gateway)

    assert named(2, 3, 4) == first
    assert (1, "answered 500") == (told.waiting_count, told.last_error)
    assert 0 == early
    assert named(2, 3, 4, 2, 2) == receiver.seen
    assert 0 == (await endpoint(gateway, made)).waiting_count


async def test_a_receiver_may_ask_for_patience(gateway: World, receiver: Receiver) -> None:
    """Retry-After is heeded where it is longer than the usual pause."""
    await create(gateway, receiver)
    receiver.statuses, receiver.headers = [429], {"Retry-After": "600"}
    await write(gateway, 1)
    await run(gateway)
    gateway.clock.advance(timedelta(seconds=599))
    early = await turns(gateway)
    gateway.clock.advance(timedelta(seconds=1))
    await run(gateway)

    assert 0 == early
    assert named(2, 2) == receiver.seen


async def test_while_nothing_is_taken_one_event_is_tried(gateway: World, receiver: Receiver) -> None:
    """After five failures in a row one event is tried at a time, at growing distances; after a success all follow."""
    made = await create(gateway, receiver)
    receiver.refused = lambda id: True
    await write(gateway, *range(1, 11))
    await run(gateway)
    at_first = len(receiver.seen)
    for seconds in (5, 30):
        gateway.clock.advance(timedelta(seconds=seconds))
        await run(gateway)
    while_down = len(receiver.seen)
    receiver.refused = lambda id: False
    gateway.clock.advance(timedelta(hours=10))
    await run(gateway)

    assert retry_schedule.MANY_FAILURES == at_first
    assert at_first + 2 == while_down
    assert set(named(*range(2, 12))) == set(receiver.seen)
    told = await endpoint(gateway, made)
    assert (0, False, Endpoint.ENABLED) == (told.waiting_count, told.HasField("failing_since_time"), told.state)


async def test_an_endpoint_that_takes_nothing_for_days_is_disabled(gateway: World, receiver: Receiver) -> None:
    """After five days it is DISABLED, an event says so, and nothing is sent until it is enabled again."""
    made = await create(gateway, receiver)
    receiver.refused = lambda id: True
    await write(gateway, 1)
    for _ in range(30):
        await run(gateway)
        gateway.clock.advance(timedelta(hours=10))
        if (await endpoint(gateway, made)).state == Endpoint.DISABLED:
            break
    told, tries = await endpoint(gateway, made), len(receiver.seen)
    await write(gateway, 2)
    silent = await turns(gateway)
    receiver.refused = lambda id: False
    receiver.requests.clear()
    await gateway.api.call("WebhookEndpointService/EnableWebhookEndpoint", name=made.name)
    await run(gateway)

    assert ("FAILING", "answered 500", 0) == (told.disable_reason, told.last_error, silent)
    assert 10 < tries < 30
    kinds = [event.type for event in (await listed(gateway.api)).events]
    assert 1 == kinds.count(event_pb2.EVENT_TYPE_WEBHOOK_ENDPOINT_DISABLED)
    # The first event has waited too long to be kept; those since are delivered, the disabling itself among them.
    assert named(3, 4) == [id for id in receiver.seen if id != named(2)[0]]


async def test_an_endpoint_that_is_gone_is_disabled_at_once(gateway: World, receiver: Receiver) -> None:
    """410 says that nobody wants the deliveries any more."""
    made = await create(gateway, receiver)
    receiver.statuses = [410]
    await write(gateway, 1)
    await run(gateway)

    told = await endpoint(gateway, made)
    assert (Endpoint.DISABLED, "GONE", 1) == (told.state, told.disable_reason, len(receiver.seen))


async def test_a_redirect_is_not_followed(gateway: World, receiver: Receiver) -> None:
    """A redirect is a failure: the address that was checked is the only one that is called."""
    made = await create(gateway, receiver)
    receiver.statuses, receiver.headers = [302], {"Location": receiver.url}
    await write(gateway, 1)
    await run(gateway)

    assert ("answered 302", 1) == ((await endpoint(gateway, made)).last_error, len(receiver.seen))


async def test_a_replay_delivers_once_more_from_a_cursor(gateway: World, receiver: Receiver) -> None:
    """EnableWebhookEndpoint with a cursor sends what came after it, whether or not it was delivered."""
    made = await create(gateway, receiver)
    cursor = (await listed(gateway.api)).cursor
    await write(gateway, 1, 2)
    await run(gateway)
    await gateway.api.call("WebhookEndpointService/EnableWebhookEndpoint", name=made.name, start_cursor=cursor)
    await run(gateway)

    assert named(2, 3, 2, 3) == receiver.seen


async def test_a_worker_that_dies_delivers_again(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that ends before its result is stored is made again after the lease, under the same ids."""
    await create(gateway, receiver)
    await write(gateway, 1)
    await deliver.wake(gateway.domain, None)
    [row] = await deliver.take_due(gateway.domain, FairPlaces(1))
    with monkeypatch.context() as patched:
        patched.setattr(deliver, "_store", _die)
        with pytest.raises(ProcessDied):
            await deliver.deliver(gateway.domain, lambda event: "{}", row, lambda: False)
    meanwhile = await turns(gateway)
    gateway.clock.advance(deliver.LEASE)
    await run(gateway)

    assert 0 == meanwhile
    assert named(2, 2) == receiver.seen


class ProcessDied(Exception):
    """Stands for a process that is killed."""


async def _die(*args: Any) -> None:
    raise ProcessDied


async def test_an_event_during_a_turn_is_not_forgotten(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed after a turn has looked, and before it is stored, makes the endpoint due again."""
    await create(gateway, receiver)
    await write(gateway, 1)
    store = deliver._store

    async def late(*args: Any) -> None:
        await write(gateway, 2)
        await store(*args)

    with monkeypatch.context() as patched:
        patched.setattr(deliver, "_store", late)
        await turns(gateway)
    async with gateway.domain.db.read() as tx:
        due = await webhook_endpoints.next_due(tx)
    await run(gateway)

    assert due is not None
    assert named(2, 3) == receiver.seen


async def test_a_caller_s_change_during_a_turn_stands(gateway: World, receiver: Receiver) -> None:
    """An endpoint that is disabled while its worker delivers stays disabled."""
    made = await create(gateway, receiver)
    await write(gateway, 1)
    await deliver.wake(gateway.domain, None)
    [row] = await deliver.take_due(gateway.domain, FairPlaces(1))
    await gateway.api.call("WebhookEndpointService/DisableWebhookEndpoint", name=made.name)
    await deliver.deliver(gateway.domain, lambda event: "{}", row, lambda: False)

    told = await endpoint(gateway, made)
    assert (Endpoint.DISABLED, "CALLER", 0) == (told.state, told.disable_reason, await turns(gateway))


async def test_jobs_deliver_by_themselves(gateway: World, receiver: Receiver) -> None:
    """Running jobs deliver what happens, by notification, and stop in between."""
    await create(gateway, receiver)
    jobs = Jobs(gateway.domain, JobsConfig(sweep=0.05), lambda event: json.dumps({"id": event.number}))
    await jobs.start()
    try:
        await write(gateway, 1)
        await until(lambda: receiver.seen == named(2))
        await write(gateway, 2, 3)
        await until(lambda: receiver.seen == named(2, 3, 4))
    finally:
        await jobs.stop(5)
    await write(gateway, 4)
    assert named(2, 3, 4) == receiver.seen


async def test_nobody_at_the_address_is_a_failure_that_says_so(gateway: World, receiver: Receiver) -> None:
    """A refused connection is an error without the address's query, and the event waits."""
    receiver.url = "http://127.0.0.1:9/hook?token=canary"
    made = await create(gateway, receiver)
    await write(gateway, 1)
    await run(gateway)

    told = await endpoint(gateway, made)
    assert 1 == told.waiting_count
    assert "127.0.0.1" in told.last_error
    assert "canary" not in str(told)


async def test_a_receiver_that_does_not_answer_has_not_taken_it(receiver: Receiver) -> None:
    """After the time limit the delivery counts as not taken, whatever the receiver does later."""
    receiver.silent = True
    poster = Poster(allow_loopback=True, seconds=0.1)
    answer = await poster.post(receiver.url, b"{}", {"webhook-id": "1"})
    await poster.close()

    assert (0, False, "127.0.0.1 did not answer in time.") == (answer.status, answer.taken, answer.error)


# --- what happens in between ------------------------------------------------------------------------------------------


async def test_an_event_that_comes_while_another_waits_is_delivered_at_once(gateway: World, receiver: Receiver) -> None:
    """A long pause of one event, here one that the receiver asked for, delays none that come later."""
    await create(gateway, receiver)
    receiver.statuses, receiver.headers = [429], {"Retry-After": "86400"}
    await write(gateway, 1)
    await run(gateway)
    await write(gateway, 2)
    await run(gateway)

    assert named(2, 3) == receiver.seen


async def test_an_event_that_is_always_refused_does_not_stop_the_others(gateway: World, receiver: Receiver) -> None:
    """However often one event was refused, the next new one is tried; once it is taken the endpoint counts as there."""
    made = await create(gateway, receiver)
    receiver.refused = lambda id: id == named(2)[0]
    await write(gateway, 1)
    for delay in retry_schedule.DELAYS[:6]:
        await run(gateway)
        gateway.clock.advance(delay)
    await run(gateway)
    refused = len(receiver.seen)
    await write(gateway, 2)
    gateway.clock.advance(retry_schedule.LONGEST_PROBE)
    await run(gateway)

    assert refused > retry_schedule.MANY_FAILURES
    assert named(3)[0] in receiver.seen
    told = await endpoint(gateway, made)
    assert (Endpoint.ENABLED, 1) == (told.state, told.waiting_count)
    assert told.HasField("last_success_time")


async def between(gateway: World, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> None:
    """Give the endpoint a turn in which `work` happens right after the first delivery."""
    await deliver.wake(gateway.domain, None)
    [row] = await deliver.take_due(gateway.domain, FairPlaces(1))
    send, left = deliver.send, [work]

    async def sent(*args: Any) -> Any:
        answer = await send(*args)
        if left:
            await left.pop()()
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(deliver, "send", sent)
        await deliver.deliver(gateway.domain, lambda event: "{}", row, lambda: False)


async def test_a_location_that_moves_takes_its_events_along(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one more event is sent to an endpoint of the former owner, although its turn has begun."""
    await create(gateway, receiver)
    await write(gateway, 1, 2)

    async def move() -> None:
        async with gateway.domain.db.transaction() as tx:
            await location_contents.wipe(tx, "l1", "default")
            await locations.move(tx, "l1", "rival", gateway.clock(), LocationClaim.ASSIGNED)

    await between(gateway, monkeypatch, move)
    await run(gateway)

    assert named(2) == receiver.seen


@pytest.mark.parametrize("verb", ["Disable", "Delete"])
async def test_a_caller_s_stop_is_heeded_within_a_turn(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """After DisableWebhookEndpoint or DeleteWebhookEndpoint nothing more is sent, and nothing of the turn is left."""
    made = await create(gateway, receiver)
    await write(gateway, 1, 2, 3)
    receiver.refused = lambda id: True

    async def stop() -> None:
        await gateway.api.call(f"WebhookEndpointService/{verb}WebhookEndpoint", name=made.name)

    await between(gateway, monkeypatch, stop)

    assert (1, 0) == (len(receiver.seen), await turns(gateway))
    async with gateway.domain.db.read() as tx:
        assert {} == await webhook_endpoints.count_retries(tx, "l1", [made.name.rpartition("/")[2]])


async def test_a_change_within_a_turn_loses_no_event(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Types that are added while a turn runs hold for every event after the change."""
    made = await create(gateway, receiver, types=[event_pb2.EVENT_TYPE_PROVIDER_UNKNOWN])
    await write(gateway, 1)

    async def widen() -> None:
        change, mask = {"name": made.name}, {"paths": ["types"]}
        await gateway.api.call(
            "WebhookEndpointService/UpdateWebhookEndpoint", webhook_endpoint=change, update_mask=mask
        )
        await write(gateway, 2, kind="CONNECTION_STATUS_CHANGED")

    await between(gateway, monkeypatch, widen)
    await run(gateway)

    assert {*named(2, 3)} == set(receiver.seen)


async def test_a_replay_within_a_turn_is_not_undone(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a replay asks for is delivered, whatever the turn that ran at that moment has found out."""
    made = await create(gateway, receiver)
    cursor = (await listed(gateway.api)).cursor
    await write(gateway, 1)

    async def replay() -> None:
        await gateway.api.call("WebhookEndpointService/EnableWebhookEndpoint", name=made.name, start_cursor=cursor)

    await between(gateway, monkeypatch, replay)
    await run(gateway)

    assert named(2, 2) == receiver.seen


async def test_a_replay_keeps_what_waits_of_before_its_cursor(gateway: World, receiver: Receiver) -> None:
    """Events before the cursor that were not taken are still tried again."""
    made = await create(gateway, receiver)
    receiver.statuses = [500]
    await write(gateway, 1)
    await run(gateway)
    cursor = (await listed(gateway.api)).cursor
    await gateway.api.call("WebhookEndpointService/EnableWebhookEndpoint", name=made.name, start_cursor=cursor)
    gateway.clock.advance(timedelta(seconds=5))
    await run(gateway)

    assert named(2, 2) == receiver.seen


async def test_so_many_events_wait_and_no_more(
    gateway: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the oldest are given up."""
    monkeypatch.setattr(deliver, "MAX_WAITING", 2)
    made = await create(gateway, receiver)
    receiver.refused = lambda id: True
    await write(gateway, 1, 2, 3)
    await run(gateway)

    assert 2 == (await endpoint(gateway, made)).waiting_count


async def test_a_fault_of_our_own_delays_one_endpoint(gateway: World, receiver: Receiver) -> None:
    """An endpoint whose turn fails is put off for minutes, says so, and another one is delivered to."""
    broken, sound = await create(gateway, receiver), await create(gateway, receiver)
    async with gateway.domain.db.transaction() as tx:
        values = {"id": broken.name.rpartition("/")[2]}
        await tx.execute(text("UPDATE webhook_endpoints SET uri_sealed = 'x' WHERE id = :id"), values)
    jobs = Jobs(gateway.domain, JobsConfig(sweep=0.05), lambda event: "{}")
    await jobs.start()
    try:
        await write(gateway, 1)
        # Both were made after an event of their own.
        await until(lambda: named(3)[0] in receiver.seen)

        async def told() -> bool:
            return "fault" in (await endpoint(gateway, broken)).last_error

        await until(told)
    finally:
        await jobs.stop(5)

    assert "" == (await endpoint(gateway, sound)).last_error
