"""Places at the HTTP edge: whoever opens however many connections and requests, others are still answered.

Owns the proofs of `gateway/http/places.py` and `gateway/http/admission.py`: the counting by itself, and on real sockets
from one loopback address or from many. Deadlines are proved in `tests/http/test_connection_limits.py`.
"""

import asyncio
import resource
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.http.connection_limits import Limits
from gateway.http.places import Kind, PlaceLimits, Places, Share, peer_of
from gateway.http.serving import HttpServer
from tests.fixtures import logs
from tests.fixtures.app import CALLS, running
from tests.fixtures.domain import edge_of
from tests.fixtures.timers import Timers
from tests.fixtures.waiting import until
from tests.http.sockets import GET, Streams, ask, closed, connect, serving, status
from tests.http.test_webhooks import KEY, SECRET, delivery, signed

FEW = PlaceLimits(connections=40, requests=Share(20, 10), probes=Share(2, 1), consents=Share(4, 2))
UNFINISHED = b"POST /webhooks/tiktok HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"
CALLBACK = "/oauth/tiktok/callback?state=unknown&code=c"
ONE = ["127.0.0.1"]
MANY = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(1500)]


def get(path: str) -> bytes:
    """Return a request."""
    return b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode()


def webhook() -> bytes:
    """Return a delivery of the vendor's."""
    body = delivery()
    lines = [f"{name}: {value}" for name, value in signed(body).items()]
    head = ["POST /webhooks/tiktok HTTP/1.1", "host: x", f"content-length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


async def answers(server: HttpServer, host: str) -> list[int]:
    """Ask for what must always be answered: both probes, a callback (that nobody waits for) and a delivery."""
    requests = (get("/healthz"), get("/readyz"), get(CALLBACK), webhook())
    return [await ask(server, request, host) for request in requests]


ALL_ANSWERED = [200, 200, 400, 200]


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    """Yield a gateway that takes deliveries."""
    application = {"tiktok_client_key": KEY, "tiktok_client_secret": SECRET}
    async with running(database_url, tmp_path, roles=CALLS, **application) as gateway:
        yield gateway


async def hold(server: HttpServer, hosts: Sequence[str], count: int, first: bytes = UNFINISHED) -> list[Streams]:
    """Open connections from these addresses in turn, and begin something on each."""
    return [await connect(server, first, hosts[number % len(hosts)]) for number in range(count)]


def leave(held: list[Streams]) -> None:
    """Close connections."""
    for _, writer in held:
        writer.transport.abort()


class Slow:
    """A page that reads the body, answers only when it is told to, and passes other requests on."""

    def __init__(self, others: Any = None) -> None:
        self.begun, self.inside, self.told, self.others = 0, 0, asyncio.Event(), others

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        if self.others is not None and scope["path"] != "/":
            await self.others(scope, receive, send)
            return
        self.begun += 1
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            return
        self.inside += 1
        await self.told.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@dataclass(eq=False)
class Peer:
    """A connection that is no socket."""

    name: str
    places: Places
    dropped: bool = False

    @property
    def peer(self) -> bytes:
        """Who it is from."""
        return self.name.encode()

    def drop(self) -> None:
        """Note it."""
        self.dropped = True
        self.places.disconnect(self)


@pytest.mark.parametrize("hosts", [ONE, MANY], ids=["one", "many"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9"], ids=["the-same", "another"])
async def test_unfinished_bodies_keep_nobody_out(gateway: Gateway, hosts: list[str], host: str) -> None:
    """With every place taken by bodies that do not end, from one peer or from many, also that peer itself (as behind a
    proxy) gets answers to probes, callbacks and deliveries.
    """
    app = edge_of(gateway.domain).app()
    async with serving(app, limits=Limits(places=FEW), timers=Timers()) as server:
        held = await hold(server, hosts, 60)
        for _ in range(3):
            assert ALL_ANSWERED == await answers(server, host)
            held += await hold(server, hosts, 30)
        leave(held)


@pytest.mark.chaos
@pytest.mark.parametrize("hosts", [ONE, MANY], ids=["one", "many"])
async def test_a_thousand_unfinished_bodies_keep_nobody_out(gateway: Gateway, hosts: list[str]) -> None:
    """The same with the real limits: 1,500 bodies that do not end."""
    assert gateway.http is not None
    held = await hold(gateway.http, hosts, 1500)
    assert ALL_ANSWERED == await answers(gateway.http, "127.0.0.1")
    leave(held)


async def test_a_request_at_work_makes_no_room() -> None:
    """A page that does not ask for the body goes on when its connection is closed, so it keeps its place: nobody gets
    more of them at work by announcing bodies.
    """
    slow = Slow()

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        async def nothing() -> Any:
            return {"type": "http.request", "body": b""}

        await slow(scope, nothing, send)

    async with serving(deaf, limits=Limits(places=FEW), timers=Timers()) as server:
        announced = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
        held = await hold(server, MANY[:20], 20, announced)
        await until(lambda: slow.inside == 20)
        assert [503] * 5 == [await ask(server, announced, host) for host in MANY[20:25]]
        assert 20 == slow.inside
        slow.told.set()
        assert [200] * 20 == [await status(reader) for reader, _ in held]
        leave(held)


@pytest.mark.parametrize("hosts", [ONE, MANY], ids=["one", "many"])
async def test_silent_connections_make_room(hosts: list[str]) -> None:
    """Connections without a head, however many, are bounded and do not keep a request from being answered."""
    slow = Slow()
    slow.told.set()
    async with serving(slow, limits=Limits(places=FEW), timers=Timers()) as server:
        silent = await hold(server, hosts, 100, b"")
        assert [200] * 3 == [await ask(server) for _ in range(3)]
        assert all([await closed(reader) for reader, _ in silent[:60]])
        assert len(server._server.server_state.connections) <= FEW.connections
        leave(silent)


async def test_the_peer_with_most_makes_room() -> None:
    """A connection that has waited longest stays while another peer opens more and more; so does a slow body."""
    slow = Slow()
    async with serving(slow, limits=Limits(places=FEW), timers=Timers()) as server:
        reading = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"
        idle, body = [await connect(server, first, "127.9.9.9") for first in (b"", reading)]
        await until(lambda: slow.begun == 1)
        crowd = await hold(server, ONE, 60, b"") + await hold(server, MANY[:5], 30, reading)
        for _, writer in (idle, body):
            writer.write(GET if writer is idle[1] else b"ok")
        slow.told.set()
        assert [200, 200] == [await status(reader) for reader, _ in (idle, body)]
        leave([*crowd, idle, body])


async def test_requests_at_work_leave_probes_and_consents_their_places(gateway: Gateway) -> None:
    """When as many requests are being answered as there are places, only probes and consents are answered besides;
    others learn that they can come again, deliveries with the status after which HighLevel does.
    """
    slow = Slow(edge_of(gateway.domain).app())
    async with serving(slow, limits=Limits(places=FEW), timers=Timers()) as server:
        held = await hold(server, MANY[:20], 20, GET)
        await until(lambda: slow.inside == 20)
        for host in ("127.9.9.9", MANY[0]):
            assert [200, 200, 400, 429] == await answers(server, host)
            assert 503 == await ask(server, get("/media/" + "A" * 32), host)
        slow.told.set()
        assert [200] * 20 == [await status(reader) for reader, _ in held]
        assert ALL_ANSWERED == await answers(server, "127.9.9.9")
        leave(held)


async def test_one_peer_has_at_most_its_share() -> None:
    """A peer with as many requests as one may have is told to wait; another one is answered."""
    slow = Slow()
    async with serving(slow, limits=Limits(places=FEW), timers=Timers()) as server:
        held = await hold(server, ONE, 10, GET)
        await until(lambda: slow.inside == 10)
        assert 503 == await ask(server)
        other = asyncio.create_task(ask(server, host="127.9.9.9"))
        await until(lambda: slow.inside == 11)
        slow.told.set()
        assert [200] * 11 == [await status(reader) for reader, _ in held] + [await other]
        leave(held)


async def test_who_leaves_takes_no_second_place() -> None:
    """A request that is still running when its peer has gone keeps its place until it ends."""
    slow = Slow()
    async with serving(slow, limits=Limits(places=FEW), timers=Timers()) as server:
        held = await hold(server, ONE, 10, GET)
        await until(lambda: slow.inside == 10)
        leave(held)
        await until(lambda: not server._server.server_state.connections)
        assert 503 == await ask(server)
        slow.told.set()
        await until(lambda: slow.inside == 0)
        assert 200 == await ask(server)


async def test_a_refusal_is_a_response_like_any_other() -> None:
    """Whom there is no place for gets the safe headers, a request id, and when to come again."""
    slow = Slow()
    async with serving(slow, limits=Limits(places=FEW), timers=Timers()) as server:
        held = await hold(server, ONE, 10, GET)
        await until(lambda: slow.inside == 10)
        reader, writer = await connect(server, GET)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("http/1.1 503 ")
        for line in ("retry-after: 1", "x-content-type-options: nosniff", "cache-control: no-store", "x-request-id: "):
            assert f"\r\n{line}" in head
        slow.told.set()
        leave([*held, (reader, writer)])


def test_a_new_connection_goes_when_nobody_waits() -> None:
    """If all connections are being answered, the newest is closed."""
    places = Places(PlaceLimits(connections=2))
    peers = [Peer(name, places) for name in "abc"]
    for each in peers[:2]:
        places.connect(each)
        places.keep(each)
    places.connect(peers[2])
    assert [False, False, True] == [each.dropped for each in peers]


def test_the_oldest_of_the_peer_with_most_goes_first() -> None:
    """Whoever has most makes room, its longest-waiting connection first; among equals the longest-waiting peer."""
    places = Places(PlaceLimits(connections=4))
    peers = [Peer(name, places) for name in "abbc"]
    for each in peers:
        places.connect(each)
    places.connect(Peer("d", places))
    assert [False, True, False, False] == [each.dropped for each in peers]
    places.connect(Peer("e", places))
    assert [True, True, False, False] == [each.dropped for each in peers]


def test_a_place_is_given_back_once() -> None:
    """Two who release the same place, the request and its dropped connection, free one."""
    places = Places(PlaceLimits(requests=Share(2, 1)))
    first, second = places.enter(b"a", Kind.OTHER), places.enter(b"b", Kind.OTHER)
    assert first is not None
    assert second is not None
    first.release()
    first.release()
    assert places.enter(b"c", Kind.OTHER) is not None
    assert places.enter(b"d", Kind.OTHER) is None


def test_own_places_are_shared_too() -> None:
    """One peer cannot have all the places for consents either; probes, consents, streams take none of each other."""
    own = Share(2, 1)
    places = Places(PlaceLimits(requests=Share(0, 0), probes=own, consents=own, streams=own))
    entered = [places.enter(peer, kind) is not None for kind in Kind for peer in (b"a", b"a", b"b", b"c")]
    assert [True, False, True, False] * 3 + [False] * 4 == entered


def test_streams_take_no_other_places() -> None:
    """However many there are, a request that is no stream finds its place, and none of them is given up for another."""
    places = Places(PlaceLimits(requests=Share(1, 1), streams=Share(1, 1)))
    assert places.enter(b"a", Kind.STREAM) is not None
    assert places.enter(b"b", Kind.STREAM) is None
    assert places.enter(b"a", Kind.OTHER) is not None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "a socket's path", False),
    ],
)
def test_who_is_one_peer(one: str, other: str, same: bool) -> None:
    """An IPv4 address, also inside IPv6, and a /64 of IPv6 are one peer each."""
    assert same is (peer_of(one) == peer_of(other))


async def test_full_places_are_logged_once_in_a_while() -> None:
    """An operator learns that all places are taken, from one line a minute, whatever comes."""
    timers, slow = Timers(), Slow()

    def lines() -> int:
        return stream.getvalue().count("all places for HTTP are taken")

    with logs.capture() as stream:
        async with serving(slow, limits=Limits(places=FEW), timers=timers) as server:
            held = await hold(server, ONE, 10, GET)
            await until(lambda: slow.inside == 10)
            assert 0 == lines()
            assert [503, 503] == [await ask(server) for _ in range(2)]
            assert 1 == lines()
            timers.advance(60)
            assert 503 == await ask(server)
            assert 2 == lines()
            slow.told.set()
            leave(held)


async def test_every_connection_may_have_its_file() -> None:
    """The limit on open files, 1024 under many service managers, is raised to what the connections need."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        async with serving(Slow()):
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (min(PlaceLimits().connections + 1024, hard), before[1]) == (soft, hard)


def test_somebody_can_always_be_heard() -> None:
    """Even with every request's place taken there are connections on which a head can arrive."""
    limits = PlaceLimits()
    requests = limits.requests.places + limits.probes.places + limits.consents.places
    assert limits.connections - requests >= 100
