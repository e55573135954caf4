"""Fairness: how long one agency waits beside a greedy one, and which share each of three has when there is too much.

Owns the loads: the greedy agency has an ordinary key and many locations, the patient one does one thing. Does not know
the table.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import grpc
from sqlalchemy import text

from providers.simulators.faults import Fault
from providers.simulators.serving import serve
from providers.simulators.tiktok import Vendor, create_app
from socialgateway.v1 import post_pb2
from socialgateway.v1.upload_service_pb2 import WriteUploadRequest
from tests.bench import publishing, transfers
from tests.bench.publishing import VIDEO_BYTES
from tests.bench.rounds import Result, Rounds, at_most
from tests.bench.servers import Bench, Serving, client, program, vendor_config
from tests.fixtures.client import Client

LIMIT = at_most(3)
LOOK_SECONDS = 0.02
STREAMS = 64
PULLS = 8
PULLED_A_SECOND = 20_000
SLOW_SECONDS = 3.0
SLOW_POSTS = 32
QUEUED = 2000
QUEUED_EACH = 10
LOOKS = 160
CALLS = 250
CALLED = 60
OVERLOAD = {"A": 60, "B": 30, "C": 15}
"""Locations of each agency in the overload, each with QUEUED_EACH posts."""

OVERLOAD_SECONDS = 20.0
GREEDY, PATIENT = "greedy", "patient"
SETTLE_SECONDS = 1.0

Act = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Tenants:
    """A gateway with a key of each agency, and the vendor that it calls."""

    bench: Bench
    vendor: Vendor
    gateway: Serving
    greedy: Client
    patient: Client
    greedy_key: str

    async def connected(self, agency: str, count: int) -> list[str]:
        """Connect accounts of an agency, each in a location of its own."""
        return await publishing.connected(self.bench, count, self.vendor, agency)


@asynccontextmanager
async def tenants(bench: Bench) -> AsyncIterator[Tenants]:
    """Run a fresh gateway, and a vendor of its own that is done with a video at once."""
    simulator = create_app(vendor_config(processing_seconds=0))
    keys = [await bench.new_key(agency) for agency in (GREEDY, PATIENT)]
    async with (
        serve(simulator) as url,
        bench.gateway(
            GATEWAY_TIKTOK_API_URL=url,
            GATEWAY_PULL_ALLOW_LOOPBACK="true",
        ) as gateway,
        client(gateway.port, keys[0]) as greedy,
        client(gateway.port, keys[1]) as patient,
    ):
        yield Tenants(bench, simulator.state.vendor, gateway, greedy, patient, keys[0])


@asynccontextmanager
async def under_way(acts: list[Act]) -> AsyncIterator[None]:
    """Do something all through the block."""
    tasks = [asyncio.create_task(_quietly(act)) for act in acts]
    await asyncio.sleep(SETTLE_SECONDS)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _quietly(act: Act) -> None:
    with suppress(grpc.aio.AioRpcError):
        await act()


async def seconds_of(act: Act) -> float:
    """Return how long something takes."""
    begin = time.perf_counter()
    await act()
    return time.perf_counter() - begin


async def _compared(name: str, rounds: Rounds, one_round: Callable[[], Awaitable[tuple[float, float]]]) -> Result:
    """Measure the patient one's seconds alone and beside the greedy one, in as many rounds."""
    pairs = await rounds.repeated(one_round)
    return Result(name, "alone", "s", LIMIT, tuple(pair[1] for pair in pairs), tuple(pair[0] for pair in pairs))


async def uploads(bench: Bench, rounds: Rounds) -> Result:
    """An upload of a megabyte beside as many streams as there are slots, each of a byte a second."""

    async def one_round() -> tuple[float, float]:
        async with tenants(bench) as here:
            places, [own] = await here.connected(GREEDY, 8), await here.connected(PATIENT, 1)
            names = [await transfers.create(here.greedy, 0, f"locations/{places[n % 8]}") for n in range(STREAMS)]

            async def trickle(name: str) -> AsyncIterator[WriteUploadRequest]:
                for offset in itertools.count():
                    yield WriteUploadRequest(name="" if offset else name, write_offset=offset, data=b"x")
                    await asyncio.sleep(1)

            async def upload() -> None:
                name = await transfers.create(here.patient, VIDEO_BYTES, f"locations/{own}")
                await transfers.write(here.patient, name, VIDEO_BYTES)

            async def send(name: str) -> None:
                await here.greedy.uploads.WriteUpload(trickle(name))

            await upload()
            alone = await seconds_of(upload)
            async with under_way([partial(send, name) for name in names]):
                return alone, await seconds_of(upload)

    return await _compared("An upload beside 64 trickling ones", rounds, one_round)


async def pulls(bench: Bench, rounds: Rounds) -> Result:
    """A post whose video is pulled, beside pulls from a server that sends 20 kB/s."""

    async def one_round() -> tuple[float, float]:
        async with tenants(bench) as here, _media_server() as url:
            places, own = await here.connected(GREEDY, PULLS), await here.connected(PATIENT, 3)
            # The first one warms up.
            _, alone = [await _until_out(here, here.patient, each, uri=f"{url}/quick.mp4") for each in own[:2]]
            for place in places:
                await _post(here.greedy, place, uri=f"{url}/slow.mp4")
            await asyncio.sleep(SETTLE_SECONDS)
            return alone, await _until_out(here, here.patient, own[2], uri=f"{url}/quick.mp4")

    return await _compared("A pull beside 8 at 20 kB/s", rounds, one_round)


@asynccontextmanager
async def _media_server() -> AsyncIterator[str]:
    """Serve one video, slowly or quickly."""
    data = b"".join(each.data for each in transfers.messages("", VIDEO_BYTES, publishing.head(VIDEO_BYTES)))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # uvloop raises RuntimeError for a connection that the other side has closed.
        with suppress(ConnectionError, RuntimeError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {len(data)}\r\n\r\n".encode())
            step = PULLED_A_SECOND // 10 if b"slow" in head else len(data)
            for offset in range(0, len(data), step):
                writer.write(data[offset : offset + step])
                await writer.drain()
                await asyncio.sleep(0.1 if step < len(data) else 0)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def hand_overs(bench: Bench, rounds: Rounds) -> Result:
    """A post beside many whose vendor takes three seconds for each submit, as it does for this one."""

    async def one_round() -> tuple[float, float]:
        async with tenants(bench) as here:
            places, own = await here.connected(GREEDY, SLOW_POSTS), await here.connected(PATIENT, 3)
            here.vendor.faults.add(Fault(match="video.init", kind="slow", times=None, seconds=SLOW_SECONDS))
            _, alone = [await _until_out(here, here.patient, each) for each in own[:2]]
            await _post_all(here.greedy, places)
            return alone, await _until_out(here, here.patient, own[2])

    return await _compared("A post beside 32 slow hand-overs", rounds, one_round)


async def queued(bench: Bench, rounds: Rounds) -> Result:
    """A post beside two thousand that are due."""

    async def one_round() -> tuple[float, float]:
        async with tenants(bench) as here:
            own = await here.connected(PATIENT, 3)
            _, alone = [await _until_out(here, here.patient, each) for each in own[:2]]
            places = await here.connected(GREEDY, QUEUED // QUEUED_EACH)
            await _fill(here, {GREEDY: places})
            await asyncio.sleep(SETTLE_SECONDS)
            return alone, await _until_out(here, here.patient, own[2])

    return await _compared("A post beside 2,000 that are due", rounds, one_round)


async def looks(bench: Bench, rounds: Rounds) -> Result:
    """A check of a post, which looks into its video, beside many of them."""

    async def one_round() -> tuple[float, float]:
        async with tenants(bench) as here:
            places, own = await here.connected(GREEDY, LOOKS), await here.connected(PATIENT, 3)
            posts = [await _new_post(here.greedy, place) for place in places]
            mine = [await _new_post(here.patient, place) for place in own]
            async with bench.domain.db.transaction() as tx:
                # As if no look had come ahead of them.
                await tx.execute(text("UPDATE uploads SET media = NULL"))
            check = partial(_check, here.patient)
            _, alone = [await seconds_of(partial(check, *each)) for each in mine[:2]]
            async with _begun([partial(_check, here.greedy, *each) for each in posts]):
                return alone, await seconds_of(partial(check, *mine[2]))

    return await _compared("A look beside 160", rounds, one_round)


async def _check(caller: Client, parent: str, post: post_pb2.Post) -> None:
    await caller.call("PostService/CreatePost", parent=parent, post=post, validate_only=True)


@asynccontextmanager
async def _begun(acts: list[Act]) -> AsyncIterator[None]:
    """Do something while the block is run, which begins right after it."""
    tasks = [asyncio.create_task(_quietly(act)) for act in acts]
    await asyncio.sleep(0.05)
    try:
        yield
    finally:
        await asyncio.gather(*tasks, return_exceptions=True)


async def calls(bench: Bench, rounds: Rounds) -> Result:
    """A list of posts, which reads the database, beside 250 of them at all times: the median of sixty."""

    async def one_round() -> tuple[float, float]:
        async with tenants(bench) as here:
            [place], [own] = await here.connected(GREEDY, 1), await here.connected(PATIENT, 1)

            async def call() -> None:
                await here.patient.call("PostService/ListPosts", parent=f"locations/{own}")

            async def median() -> float:
                return sorted([await seconds_of(call) for _ in range(CALLED)])[CALLED // 2]

            await median()
            alone = await median()
            load = (str(here.gateway.port), here.greedy_key, f"locations/{place}", str(CALLS))
            async with program("tests.bench.greedy", *load):
                await asyncio.sleep(SETTLE_SECONDS)
                return alone, await median()

    return await _compared("A call beside 250", rounds, one_round)


async def shares(bench: Bench, rounds: Rounds) -> list[Result]:
    """Which share of the hand-overs each of three agencies has while all have more due than can be done."""

    async def one_round() -> dict[str, float]:
        async with tenants(bench) as here:
            here.vendor.faults.add(Fault(match="video.init", kind="slow", times=None, seconds=SLOW_SECONDS / 10))
            places = {agency: await here.connected(agency, count) for agency, count in OVERLOAD.items()}
            await _fill(here, places)
            await asyncio.sleep(OVERLOAD_SECONDS)
            done = await _handed_over(bench, places)
            return {agency: 100 * count / sum(done.values()) for agency, count in done.items()}

    found = await rounds.repeated(one_round)
    return [
        Result(
            f"Share of agency {agency}, {count * QUEUED_EACH} posts due",
            "",
            "%",
            None,
            tuple(each[agency] for each in found),
        )
        for agency, count in OVERLOAD.items()
    ]


async def _handed_over(bench: Bench, places: dict[str, list[str]]) -> dict[str, int]:
    """Return how many posts of each agency have been handed over, all of which have more."""
    query = text("""
        SELECT count(*) FILTER (WHERE state NOT IN ('QUEUED', 'TRANSFERRING')), count(*) FILTER (WHERE state = 'QUEUED')
        FROM posts WHERE location = ANY(:places) AND id LIKE '%-%'
    """)
    found: dict[str, int] = {}
    async with bench.domain.db.read() as tx:
        for agency, own in places.items():
            done, left = (await tx.execute(query, {"places": own})).one()
            assert left, f"{agency} has nothing left: this was no overload"
            found[agency] = int(done)
    return found


async def fairness(bench: Bench, rounds: Rounds) -> list[Result]:
    """Everything above, one after the other."""
    found: list[Result] = []
    for measure in (uploads, pulls, hand_overs, queued, looks, calls):
        rounds.tell(measure.__doc__ or "")
        found.append(await measure(bench, rounds))
    return found + await shares(bench, rounds)


async def _new_post(caller: Client, place: str, uri: str = "") -> tuple[str, post_pb2.Post]:
    """Return a location, and a post in it: of a new upload, or of a video at an address."""
    parent = f"locations/{place}"
    post = publishing.new_post(parent)
    if uri:
        post.video.source.uri = uri
    else:
        post.video.source.upload = await transfers.create(caller, VIDEO_BYTES, parent)
        await transfers.write(caller, post.video.source.upload, VIDEO_BYTES, publishing.head(VIDEO_BYTES))
    return parent, post


async def _post(caller: Client, place: str, uri: str = "") -> str:
    parent, post = await _new_post(caller, place, uri)
    return str((await caller.call("PostService/CreatePost", parent=parent, post=post)).name)


async def _post_all(caller: Client, places: list[str]) -> None:
    """Upload all videos first, then create the posts at once."""
    made = [await _new_post(caller, place) for place in places]
    await asyncio.gather(*(caller.call("PostService/CreatePost", parent=parent, post=post) for parent, post in made))


async def _until_out(here: Tenants, caller: Client, place: str, uri: str = "") -> float:
    """Create a post, and return how long it takes until its vendor has it, its upload not included."""
    parent, post = await _new_post(caller, place, uri)
    begin = time.perf_counter()
    name = (await caller.call("PostService/CreatePost", parent=parent, post=post)).name
    query = text("SELECT state FROM posts WHERE location = :location AND id = :id")
    values = {"location": place, "id": name.rpartition("/")[2]}
    async with asyncio.timeout(publishing.PATIENCE_SECONDS):
        while True:
            async with here.bench.domain.db.read() as tx:
                if (await tx.execute(query, values)).scalar_one() not in ("QUEUED", "TRANSFERRING"):
                    return time.perf_counter() - begin
            await asyncio.sleep(LOOK_SECONDS)


async def _fill(here: Tenants, places: dict[str, list[str]]) -> None:
    """Queue posts in these locations: one of each is created and goes out, then its copies are due all at once."""
    first: dict[str, str] = {}
    for agency, own in places.items():
        async with client(here.gateway.port, await here.bench.new_key(agency)) as caller:
            first |= {place: (await _post(caller, place)).rpartition("/")[2] for place in own}
    async with here.bench.domain.db.transaction() as tx:
        await tx.execute(_COPIES, {"locations": list(first), "ids": list(first.values()), "count": QUEUED_EACH})


_COPIES = text("""
INSERT INTO posts SELECT (jsonb_populate_record(p, jsonb_build_object(
    'id', p.id || '-' || n, 'state', 'QUEUED', 'attempt', 0, 'round_start', 1, 'sent_bytes', 0, 'due_at', now(),
    'provider_post_id', '', 'provider_post_ids', jsonb_build_array(), 'public_uri', '', 'publish_time', NULL
))).*
FROM unnest(CAST(:locations AS text[]), CAST(:ids AS text[])) AS first(location, id)
JOIN posts AS p USING (location, id), generate_series(1, :count) AS n
""")
