"""The simulated world: nodes of the gateway over one PostgreSQL, both vendors, callers, and readers of events.

Owns how it is built from a seed, and how a node dies and comes back. Nodes are built from the gateway's own parts,
below gRPC; what is replaced are the database's notifications, the queue's connection, the blob store, and the wires.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import httpx
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from psycopg.rows import dict_row

from gateway import app, bootstrap
from gateway.domain.context import Domain
from gateway.domain.events.feeds import Feeds
from gateway.jobs.runner import Jobs, JobsConfig
from gateway.shutdown import Shutdown
from providers.simulators import highlevel, tiktok
from providers.simulators.faults import Fault
from storage import jobs as storage_jobs
from storage import uploads
from storage.blobs import BlobStore
from storage.database import DatabaseUnavailable, raw_connection
from storage.engine import PoolConnection
from storage.errors import NotFound
from storage.states import UploadState
from storage.uploads import UploadPartRow, UploadRow
from tests.fixtures.clock import START
from tests.fixtures.domain import GOOD, edge_of
from tests.fixtures.rows import connect_bakery, connect_tiktok
from tests.fixtures.settings import for_highlevel, for_tiktok, make_settings
from tests.simulation.faults import EdgeWire, Faults, Receiver, VendorWire, here
from tests.simulation.loop import NODE, Loop

NODES = (2, 3)
CREATORS = 3
LOCATIONS = ("l1", "l2")
AGENCY = "agency"
SELDOM = 86400.0


class Work(JobsConfig):
    """A configuration whose loops go round less often: idle rounds show nothing, and cost the time of more seeds."""

    stalled = 30.0


WORK = Work(concurrency=4, heartbeat=15, stale=60, sweep=5, connections=40, old=SELDOM, seldom=SELDOM)
FAR = timedelta(seconds=30)
"""How far a clock is stepped at most."""


class Died(BaseException):
    """The node on which this was raised is dead: nothing runs there any more."""


class Lost(Exception):
    """A call got no answer: its node is dead, or none was there, or its caller left."""


class Notifications:
    """In place of a node's `Listener`: what a commit notifies of arrives a little later, or only after a reconnect."""

    healthy = True

    def __init__(self) -> None:
        self._subscribers: list[tuple[str, Callable[[str], None], Callable[[], None] | None]] = []

    def subscribe(
        self, topic: str, callback: Callable[[str], None], *, reset: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Call back for each notification of a topic."""
        entry = topic, callback, reset
        self._subscribers.append(entry)
        return lambda: self._subscribers.remove(entry)

    def dispatch(self, payload: str) -> None:
        """Pass a notification on."""
        topic, _, key = payload.partition(" ")
        for subscribed, callback, _ in tuple(self._subscribers):
            if subscribed == topic:
                callback(key)

    def reset(self) -> None:
        """Say that notifications may have been missed."""
        for _, _, callback in tuple(self._subscribers):
            if callback is not None:
                callback()


class Blobs(BlobStore):
    """A blob store in memory, which all nodes share."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes | memoryview) -> None:
        """Keep bytes."""
        await here()
        self.kept[key] = bytes(data)

    async def size(self, key: str) -> int:
        """Return how many bytes are kept."""
        if key not in self.kept:
            raise NotFound("blob", key)
        return len(self.kept[key])

    async def stream(self, key: str, start: int, end: int, chunk: int = 1 << 16) -> AsyncIterator[bytes]:
        """Yield bytes in pieces, between which others run."""
        await self.size(key)
        for first in range(start, end, chunk):
            await asyncio.sleep(0)
            yield self.kept[key][first : min(first + chunk, end)]

    async def delete(self, keys: Iterable[str]) -> None:
        """Forget bytes."""
        await here()
        for key in keys:
            self.kept.pop(key, None)

    async def older(self, prefix: str, before: datetime) -> AsyncIterator[dict[str, int]]:
        """Yield nothing: every blob is in use."""
        for blobs in list[dict[str, int]]():
            yield blobs

    async def remove_unfinished(self, prefix: str, before: datetime, *, dry_run: bool = False) -> list[int]:
        """Remove nothing: a write is one step."""
        return []

    def room(self) -> int | None:
        """Return that there is no end."""
        return None


class QueueConnector(PsycopgConnector):
    """The queue over a node's own pool, polled: a LISTEN has no order that could be known."""

    async def open_async(self, pool: Any = None) -> None:
        """Open nothing."""

    async def close_async(self) -> None:
        """Close nothing."""

    async def listen_notify(self, on_notification: Any, channels: Iterable[str]) -> None:
        """Hear nothing."""
        await asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def _get_cursor(self, connection: Any = None) -> Any:
        NODE.get().world.tick()
        try:
            async with NODE.get().domain.db.transaction() as tx:
                raw = await raw_connection(tx)
                async with raw.cursor(row_factory=dict_row) as cursor:
                    yield cursor
        except DatabaseUnavailable as error:
            raise ConnectorException from error


def queue(url: str) -> App:
    """Return the queue of the node on which this runs."""
    made = App(connector=QueueConnector())
    made.job_manager = storage_jobs._Manager(made.connector)
    return made


@dataclass(eq=False)
class Node:
    """One process of the gateway, which serves calls and runs jobs."""

    name: str
    world: World
    dead: bool = False
    skew: timedelta = timedelta()
    domain: Domain = None  # type: ignore[assignment]
    feeds: Feeds = None  # type: ignore[assignment]
    notifications: Notifications = field(default_factory=Notifications)
    lines: list[PoolConnection] = field(default_factory=list)
    context: Context = field(default_factory=copy_context)

    def __post_init__(self) -> None:
        self.gone: asyncio.Future[None] = self.world.loop.create_future()
        self.context.run(NODE.set, self)

    def __str__(self) -> str:
        return self.name

    def clock(self) -> datetime:
        """Return what this node takes for the present."""
        return self.world.clock() + self.skew

    async def start(self, folder: Path) -> None:
        """Build the gateway's parts and start its jobs."""
        world = self.world
        settings = make_settings(
            world.url,
            folder,
            **{**for_tiktok(), **for_highlevel()},
            database_lock_seconds=60,
            worker_stale_seconds=WORK.stale,
            pull_allow_loopback=True,
        )
        # Kept, and never left: what nobody refers to is closed.
        self._opened = bootstrap.open_resources(settings, jobs=False, pool_size=6)
        resources = await self._opened.__aenter__()
        domain = await app.build_domain(
            Shutdown(),
            resources,
            self.notifications,  # type: ignore[arg-type]
            clock=self.clock,
            new_id=world.new_id,
            overrides={name: {"transport": wire} for name, wire in world.wires.items()},
            public_url="http://127.0.0.1",
        )
        self.domain = replace(domain, blobs=world.blobs, poster=world.receiver)  # type: ignore[arg-type]
        self.feeds = Feeds(self.domain)
        self._edge = httpx.ASGITransport(edge_of(self.domain).app())
        jobs = Jobs(self.domain, WORK, lambda event: "{}")
        jobs._clock.monotonic = world.loop.time
        await jobs.start()

    async def carry(self, request: httpx.Request) -> httpx.Response:
        """Answer one HTTP request."""
        response = await self._edge.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

    def die(self) -> None:
        """Run nothing any more, from this moment on."""
        self.dead = True
        self.world.loop.note(f"{self} dies")
        self.world.loop.bury({line.pgconn.socket for line in self.lines if not line.closed})
        self.gone.set_result(None)


class World:
    """Everything of one seed. `strict` is a vendor whose grant is lost with the answer to a refresh."""

    Lost = Lost

    def __init__(self, seed: int, loop: Loop, url: str, folder: Path) -> None:
        self.loop, self.url, self.folder = loop, url, folder
        self.rng = Random(f"world {seed}")
        self.faults = Faults(Random(f"faults {seed}"))
        self.strict = self.rng.random() < 0.5
        self.away_until, self.expired = 0.0, 0
        self.nodes: list[Node] = []
        self.graves: list[Node] = []
        self.kept: set[asyncio.Future[Any]] = set()
        self.blobs, self.receiver = Blobs(), Receiver(self.faults)
        self._ids = 0
        self._context = copy_context()
        wire = EdgeWire(self, self.faults)
        tempo: dict[str, Any] = {"processing_seconds": self.rng.choice((0.5, 5, 30))}
        tempo |= {"posts_per_day": None, "rate_limits": False}
        self.direct = tiktok.create_app(
            tiktok.SimulatorConfig(
                webhook_url="http://127.0.0.1/webhooks/tiktok",
                pending_drafts=None,
                moderation_seconds=self.rng.choice((0.5, 30)),
                refresh_invalidates_old=self.strict,
                **tempo,
            ),
            clock=self.clock,
            transport=wire,
        )
        self.planner = highlevel.create_app(
            highlevel.SimulatorConfig(
                publish_now_results=self.rng.random() < 0.5, refresh_invalidates_old=self.strict, **tempo
            ),
            clock=self.clock,
            transport=wire,
        )
        self.tiktok: tiktok.Vendor = self.direct.state.vendor
        self.highlevel: highlevel.Vendor = self.planner.state.vendor
        self.wires = {
            "tiktok": VendorWire(self.direct, self.tiktok, self.faults, self),
            "highlevel": VendorWire(self.planner, self.highlevel, self.faults, self),
        }

    def clock(self) -> datetime:
        """Return the true time."""
        return START + timedelta(seconds=self.loop.now)

    def new_id(self) -> str:
        """Return ids in order."""
        self._ids += 1
        return f"i{self._ids:06}"

    @staticmethod
    def fault(match: str, kind: str) -> Fault:
        """Return a fault of a simulator's own."""
        return Fault(match=match, kind=kind)

    def outside(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run work that belongs to no node."""
        task = self.loop.create_task(work, context=self._context.copy())
        self.kept.add(task)
        return task

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run work that belongs to no node, and that nobody waits for."""
        self.outside(work).add_done_callback(lambda _: None)

    async def start(self) -> None:
        """Start the nodes, connect the accounts."""
        for number in range(self.rng.choice(NODES)):
            await self.boot(number)
        first = self.nodes[0]
        await self._on(first, self._connect(first.domain))

    async def boot(self, number: int) -> None:
        """Start a node, again after a death; its folder is the same."""
        generation = sum(each.name.startswith(f"n{number}.") for each in self.graves)
        node = Node(f"n{number}.{generation}", self)
        while not node.dead:
            try:
                await self._on(node, node.start(self.folder / f"n{number}"))
            except DatabaseUnavailable:
                await asyncio.sleep(1)
            except Lost:
                break
            else:
                self.nodes.append(node)
                return
        self.graves.append(node)
        await self.boot(number)

    async def _connect(self, domain: Domain) -> None:
        for number in range(CREATORS - 2):
            self.tiktok.add_user(open_id=f"creator-{number}", username=f"c{number}", display_name=f"Creator {number}")
        for number in range(CREATORS):
            where = LOCATIONS[number % 2]
            names = {"connection": f"c{number}", "account": f"a{number}"}
            await connect_tiktok(domain, self.tiktok, location=where, user=number, **names)
        await connect_bakery(domain, self.highlevel, location="l1", connection="planner", prefix="h-", agency=AGENCY)

    async def _on(self, node: Node, work: Coroutine[Any, Any, Any]) -> Any:
        """Run work on a node, and return its result; raises Lost if the node dies."""
        task = self.loop.create_task(work, context=node.context.copy())
        self.kept.add(task)
        if self.faults.happens("caller leaves") and node.domain is not None:
            self.loop.call_later(self.faults.rng.uniform(0, 1), task.cancel)
        await asyncio.wait({task, node.gone}, return_when=asyncio.FIRST_COMPLETED)
        if node.dead or task.cancelled():
            raise Lost
        return task.result()

    async def call(self, work: Callable[[Node], Coroutine[Any, Any, Any]]) -> Any:
        """Make a call to one of the nodes; raises Lost, and what the call raises."""
        if not self.nodes:
            raise Lost
        node = self.rng.choice(self.nodes)
        return await self._on(node, work(node))

    def bury(self, node: Node) -> None:
        """Let a node die, and come back after a while."""
        if node in self.nodes:
            self.nodes.remove(node)
            self.graves.append(node)
            node.die()
            self.begin(self._return(int(node.name[1])))

    async def _return(self, number: int) -> None:
        await asyncio.sleep(self.rng.uniform(0.1, 40))
        await self.boot(number)

    async def upload(self, domain: Domain, location: str, id: str, size: int) -> None:
        """Store a video of so many bytes."""
        data = sha256(id.encode()).digest() * (size // 32 + 1)
        async with domain.db.transaction() as tx:
            row = UploadRow(
                location=location,
                id=id,
                mime_type="video/mp4",
                size_bytes=size,
                committed_size=size,
                sha256=sha256(data[:size]).hexdigest(),
                state=UploadState.COMPLETE,
                media=GOOD.to_json(),
                create_time=self.clock(),
                expire_time=self.clock() + timedelta(days=7),
            )
            await uploads.insert(tx, row)
            key = f"uploads/{location}/{id}/0"
            await domain.blobs.put(key, data[:size])
            tx.add(UploadPartRow(location=location, upload=id, first=0, size=size, key=key))

    def tick(self) -> None:
        """Set the database's clock, before a statement that reads it."""
        self.loop.side.execute("SELECT setval('sim.clock', %s)", (int(self.loop.now * 1_000_000) + 1,))

    def pump(self) -> None:
        """Deliver the notifications of what has been committed."""
        for _, payload in sorted(self.loop.side.execute("DELETE FROM sim.notes RETURNING id, payload")):
            for node in self.nodes:
                if self.faults.happens("notification lost"):
                    delay, call = self.faults.rng.uniform(1, 10), node.notifications.reset
                    self.loop.call_later(delay, call, context=node.context.copy())
                else:
                    delay = self.faults.rng.expovariate(200)
                    self.loop.call_later(delay, node.notifications.dispatch, payload, context=node.context.copy())
