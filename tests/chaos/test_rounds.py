"""Rounds of trouble while thousands of posts go out: processes killed, the database stopped, vendors that fail.

Owns the rounds and the verdict. The vendors' ledgers, the receiver of deliveries and the rows are the witnesses. What
happens is chosen by a seed, though not exactly when: real processes run as they like.
`make chaos TESTS=tests/chaos/test_rounds.py POSTS=20000 SEED=7` makes so many posts, in other rounds.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import grpc
import psycopg
import pytest
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.clock import now
from gateway.domain.api_keys import DEFAULT_AGENCY
from providers.simulators import highlevel, tiktok
from providers.simulators.faults import Fault
from providers.simulators.serving import serve
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from storage import embedded_cluster
from storage.embedded import EmbeddedServer, start_embedded
from tests.chaos import planners, processes
from tests.fixtures import database, media, reaper
from tests.fixtures.client import Client
from tests.fixtures.domain import built
from tests.fixtures.rows import connect_bakery, connect_tiktok
from tests.fixtures.settings import for_highlevel, for_tiktok, make_settings
from tests.simulation import rows

POSTS = int(os.environ.get("CHAOS_POSTS") or 200)
SEED = int(os.environ.get("CHAOS_SEED") or 1)
PATIENCE = 240
"""Seconds in which something must have been finished, or all that is left is stuck."""

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900 + POSTS)]

GATEWAYS = 3
LOCATIONS = tuple(f"rounds-{number}" for number in range(4))
CREATORS = max(4, POSTS // 12)
"""Each may begin six posts in a minute."""

CALLERS = 24
PLANNED = 0.1
"""The share of posts that go to the planner, whose one location has a limit of calls."""

AGAIN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
)
"""After these a caller asks again, with the same request id."""

OPERATIONS = {
    "tiktok": ("creator_info", "video.init", "upload", "status"),
    "highlevel": ("medias.upload", "posts.create", "posts.get", "posts.list"),
}
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "slow", "seconds": 3.0},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 502, "effect": True},
)

# A gateway whose clock is ahead of the machine's, or behind, by the seconds in a file.
STEPPED = """
import sys
from datetime import timedelta
from pathlib import Path
from gateway import clock
file, real = Path(sys.argv.pop(1)), clock.now
clock.now = lambda: real() + timedelta(seconds=float(file.read_text() or 0))
from gateway.__main__ import main
main()
"""


@dataclass
class Receiver:
    """The server behind the webhook endpoints: it remembers the deliveries that it verified, and refuses some."""

    rng: Random
    secrets: dict[str, str] = field(default_factory=dict)
    received: Counter[str] = field(default_factory=Counter)
    forged: int = 0

    async def take(self, request: Request) -> Response:
        """Answer one delivery."""
        body = (await request.body()).decode()
        try:
            Webhook(self.secrets[request.path_params["location"]]).verify(body, dict(request.headers))
        except Exception:  # whatever is wrong with it
            self.forged += 1
            return Response(status_code=400)
        if self.rng.random() < 0.02:
            return Response(status_code=503)
        self.received[request.headers["webhook-id"]] += 1
        return Response(status_code=502 if self.rng.random() < 0.02 else 200)


@dataclass
class Rounds:
    """Everything that runs, and what is done to it."""

    rng: Random
    server: EmbeddedServer
    url: str
    vendors: dict[str, Any]
    receiver: Receiver
    gateways: list[processes.Gateway]
    accounts: list[tuple[str, str]] = field(default_factory=list)
    uploads: dict[str, str] = field(default_factory=dict)
    troubles: Counter[str] = field(default_factory=Counter)
    unwilling: Counter[str] = field(default_factory=Counter)

    async def trouble(self) -> None:
        """Let something go wrong every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(self.rng.uniform(0.5, 3))
            weights = {self.fault: 8, self.kill: 3, self.cut: 2, self.step_clock: 2, self.stop_database: 1}
            [strike] = self.rng.choices(list(weights), list(weights.values()))
            self.troubles[strike.__name__] += 1
            await strike()

    async def fault(self) -> None:
        """Let a vendor fail some of its next calls."""
        name = self.rng.choice(list(OPERATIONS))
        chosen, match = self.rng.choice(FAULTS), self.rng.choice(OPERATIONS[name])
        self.vendors[name].faults.add(Fault(match=match, times=self.rng.randint(1, 6), **chosen))

    async def kill(self) -> None:
        """Kill a gateway and start it again."""
        gateway = self.rng.choice(self.gateways)
        await gateway.stop()
        await asyncio.sleep(self.rng.uniform(0, 3))
        await gateway.start()

    async def cut(self) -> None:
        """Cut all connections to the database."""
        await asyncio.to_thread(
            self._ask, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )

    async def step_clock(self) -> None:
        """Step the clock of a gateway."""
        gateway = self.rng.choice(self.gateways)
        (gateway.folder / "clock").write_text(str(self.rng.uniform(-20, 20)))

    async def stop_database(self) -> None:
        """Stop PostgreSQL for a moment."""
        await asyncio.to_thread(embedded_cluster.stop, self.server._cluster)
        await asyncio.sleep(self.rng.uniform(0, 3))
        await self.server.revive()

    def _ask(self, query: str) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query).fetchall()

    async def rows(self, query: str) -> list[Any]:
        """Return the rows of a query."""
        return await asyncio.to_thread(self._ask, query)

    async def publish(self, clients: list[Client], numbers: asyncio.Queue[int]) -> None:
        """Make posts, each until some gateway has answered that it is made."""
        while not numbers.empty():
            request = self._request(numbers.get_nowait())
            while not await self._made(self.rng.choice(clients), request):
                pause = self.rng.uniform(0.2, 2)
                await asyncio.sleep(pause)

    def _request(self, number: int) -> post_service_pb2.CreatePostRequest:
        location, account = self.accounts[number % len(self.accounts)]
        if number % round(1 / PLANNED) == 0:
            location, account = LOCATIONS[0], "h-tiktok"
        post = post_pb2.Post(account=f"locations/{location}/accounts/{account}", mode=post_pb2.POST_MODE_DIRECT)
        post.caption = f"post {number}"
        post.video.source.upload = self.uploads[location]
        privacy = account_pb2.PRIVACY_LEVEL_PUBLIC if account == "h-tiktok" else account_pb2.PRIVACY_LEVEL_ONLY_ME
        post.options.privacy_level = privacy
        request = f"{number:08x}-0000-4000-8000-{SEED:012x}"
        return post_service_pb2.CreatePostRequest(parent=f"locations/{location}", post=post, request_id=request)

    async def _made(self, client: Client, request: post_service_pb2.CreatePostRequest) -> bool:
        try:
            await client.posts.CreatePost(request, timeout=10)
        except grpc.aio.AioRpcError as error:
            self.unwilling[error.code().name] += 1
            if error.code() not in AGAIN:
                raise
            return False
        return True

    async def until(self, finished: Callable[[], Any], what: str) -> None:
        """Wait until a coroutine function finds nothing unfinished; fail when it finds the same for long."""
        fewest, end = POSTS * 100, 0.0
        while left := await finished():
            if len(left) < fewest:
                fewest, end = len(left), time.monotonic() + PATIENCE
            assert time.monotonic() < end, f"stuck: {what}: {left[:5]}"
            await asyncio.sleep(1)

    async def until_most_are_out(self) -> None:
        """Wait while trouble goes on until few posts are left, or it has gone on for long enough."""
        end = time.monotonic() + 60 + POSTS / 10
        while time.monotonic() < end:
            await asyncio.sleep(1)
            with suppress(psycopg.OperationalError):
                if len(await self.unfinished()) <= POSTS // 20:
                    return

    async def unfinished(self) -> list[Any]:
        """Return the posts that are not finished."""
        return await self.rows(f"SELECT id, state, due_at, error FROM posts WHERE state IN {rows.UNFINISHED}")

    async def undelivered(self) -> list[str]:
        """Return the events that the receiver does not have."""
        events = await self.rows("SELECT 'locations/' || location || '/events/' || number FROM events")
        return [name for (name,) in events if not self.receiver.received[name]]

    @property
    def posted(self) -> Counter[str]:
        """What is on the networks, by caption."""
        titles = [post.title for post in self.vendors["tiktok"].posts]
        return Counter(titles + [post.summary for post in self.vendors["highlevel"].posts])


@asynccontextmanager
async def rounds(folder: Path) -> AsyncIterator[Rounds]:
    """Run a PostgreSQL of its own, both vendors, the receiver and the gateways until the block ends."""
    rng = Random(SEED)
    direct = tiktok.create_app(
        tiktok.SimulatorConfig(processing_seconds=0.2, rate_limits=False, posts_per_day=None, pending_drafts=None)
    )
    planner = highlevel.create_app(planners.vendor_config(), clock=now)
    receiver = Receiver(rng)
    hook = Starlette(routes=[Route("/{location}", receiver.take, methods=["POST"])])
    async with AsyncExitStack() as stack:
        place = database.place() / f"social-gateway-rounds-{os.getpid()}"
        stack.callback(reaper.reap, place)
        server = await start_embedded(place, fsync=False)
        stack.push_async_callback(server.release)
        urls = [await stack.enter_async_context(serve(each)) for each in (direct, planner, hook)]
        vendors = {"tiktok": direct.state.vendor, "highlevel": planner.state.vendor}
        settings = planners.Planner(planner.state.vendor, urls[1], []).settings
        settings |= {"GATEWAY_BLOB_URL": (folder / "blobs").as_uri(), "GATEWAY_PULL_ALLOW_LOOPBACK": "true"}
        made = []
        for number in range(GATEWAYS):
            own = folder / f"g{number}"
            own.mkdir()
            (own / "clock").write_text("0")
            program = ("-c", STEPPED, str(own / "clock"))
            made.append(processes.Gateway(server.url, urls[0], own, settings=settings, program=program))
        running = Rounds(rng, server, server.url, vendors, receiver, made)
        await _connect(running, folder)
        for gateway in made:
            await stack.enter_async_context(processes.running(gateway))
        await _prepare(running, urls[2])
        yield running


async def _connect(running: Rounds, folder: Path) -> None:
    """Connect the creators and the planner."""
    await database.migrated(running.url)
    values = {**for_tiktok(), **for_highlevel(running.vendors["highlevel"].config)}
    async with built(make_settings(running.url, folder, **values)) as (_, domain):
        for number in range(CREATORS):
            location = LOCATIONS[number % len(LOCATIONS)]
            running.vendors["tiktok"].add_user(open_id=f"u{number}", username=f"u{number}", display_name=f"U {number}")
            names = {"connection": f"c{number}", "account": f"a{number}", "agency": DEFAULT_AGENCY}
            await connect_tiktok(domain, running.vendors["tiktok"], location=location, user=2 + number, **names)
            running.accounts.append((location, f"a{number}"))
        names = {"location": LOCATIONS[0], "connection": "planner", "prefix": "h-", "agency": DEFAULT_AGENCY}
        await connect_bakery(domain, running.vendors["highlevel"], **names)


async def _prepare(running: Rounds, receiver_url: str) -> None:
    """Upload a video to each location, and make its webhook endpoint."""
    async with running.gateways[0].client() as client:
        for location in LOCATIONS:
            parent = f"locations/{location}"
            running.uploads[location] = await client.upload(media.clip(), parent=parent)
            wanted = {"uri": f"{receiver_url}/{location}", "max_per_second": 100}
            made = await client.call(
                "WebhookEndpointService/CreateWebhookEndpoint", parent=parent, webhook_endpoint=wanted
            )
            running.receiver.secrets[location] = made.secret


async def listed(client: Client, location: str) -> list[str]:
    """Return the names of all events of a location, as ListEvents pages through them."""
    names, token = [], ""
    while True:
        page = await client.call(
            "EventService/ListEvents", parent=f"locations/{location}", page_size=1000, page_token=token
        )
        names += [event.name for event in page.events]
        if not (token := page.next_page_token):
            return names


async def test_rounds_of_trouble_lose_double_and_stick_nothing(tmp_path: Path) -> None:
    """Every post is on its network once when its callers are told so, every event is there in order, and delivered."""
    async with rounds(tmp_path) as running:
        numbers: asyncio.Queue[int] = asyncio.Queue()
        for number in range(POSTS):
            numbers.put_nowait(number)
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(gateway.client()) for gateway in running.gateways]
            trouble = asyncio.create_task(running.trouble())
            await asyncio.gather(*(running.publish(clients, numbers) for _ in range(CALLERS)))
            await running.until_most_are_out()
            trouble.cancel()
            await asyncio.wait([trouble])
            await heal(running)
            await running.until(running.unfinished, "posts")
            await running.until(running.undelivered, "deliveries")
            await judge(running, clients[0])


async def heal(running: Rounds) -> None:
    """End all trouble."""
    for vendor in running.vendors.values():
        vendor.faults.clear()
    await running.server.revive()
    for gateway in running.gateways:
        (gateway.folder / "clock").write_text("0")
        await gateway.stop()
        await gateway.start()


async def judge(running: Rounds, client: Client) -> None:
    """Compare what callers are told with what is on the networks, and read all events."""
    posted = running.posted
    found = await running.rows("SELECT caption, state FROM posts")
    states = dict(found)
    print(f"seed {SEED}: {len(found)} posts {Counter(states.values())}, {running.troubles}, {running.unwilling}")
    assert POSTS == len(found) == len(states), "a request made no post, or two"
    assert not [caption for caption, count in posted.items() if count > 1], "posted twice"
    assert not [caption for caption, state in found if state == "PUBLISHED" and not posted[caption]], "lost"
    assert not [caption for caption, state in found if state == "FAILED" and posted[caption]], "posted, and FAILED"
    assert len([state for state in states.values() if state != "PUBLISHED"]) <= POSTS / 50, Counter(states.values())
    assert [] == await running.rows(rows.ALL)
    assert 0 == running.receiver.forged
    for location in LOCATIONS:
        names = await listed(client, location)
        assert [f"locations/{location}/events/{number}" for number in range(1, len(names) + 1)] == names
