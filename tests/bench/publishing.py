"""Posts that are published: what one costs beside a bare script, in processor time and commits, and how many a second.

Owns the load: videos of a megabyte, a simulated vendor without limits, no faults. Does not know the table.
"""

import asyncio
import itertools
import time
from dataclasses import dataclass

from sqlalchemy import text

from gateway.domain.api_keys import DEFAULT_AGENCY
from providers.simulators.serving import serve
from providers.simulators.tiktok import Vendor, create_app
from socialgateway.v1 import account_pb2, post_pb2
from tests.bench import transfers
from tests.bench.rounds import Result, Rounds, at_least, at_most
from tests.bench.servers import Bench, Serving, program, vendor_config
from tests.bench.usage import cpu_seconds
from tests.fixtures import media
from tests.fixtures.client import Client
from tests.fixtures.rows import CAPABILITIES, account_row, as_grant, connect, connection_row

POSTS = 60
VIDEO_BYTES = 1_000_000
CREATORS = 8
LOOK_SECONDS = 0.25
PATIENCE_SECONDS = 300.0

RATE_ACCOUNTS = 400
RATE_SECONDS = 20.0
BEFORE = (5.0, "5/s, the build of 2026-11-30")
"""Posts a second of an earlier build, with everything on two cores; it cannot run beside this one."""

_names = itertools.count()


@dataclass(frozen=True, slots=True)
class Cost:
    """What one published post cost: milliseconds of processor time, and commits."""

    cpu: float
    commits: float


async def cost_of_a_post(bench: Bench, rounds: Rounds) -> list[Result]:
    """A post from CreateUpload to PUBLISHED, against a script that makes the same vendor calls with the same client."""
    path = bench.folder / "video"
    path.write_bytes(b"".join(each.data for each in transfers.messages("", VIDEO_BYTES, head(VIDEO_BYTES))))
    async with (
        bench.gateway() as gateway,
        program("tests.bench.bare_post", bench.vendor_url, str(path)) as script,
        bench.client(gateway) as client,
    ):

        async def ours() -> Cost:
            return await cost(bench, gateway, client, await connected(bench, POSTS, bench.vendor))

        async def bare() -> float:
            tokens = [bench.vendor.grant(_new_user(bench.vendor))["access_token"] for _ in range(POSTS)]
            before = cpu_seconds(script.pid)
            assert str(POSTS) == await script.ask(" ".join(tokens))
            return (cpu_seconds(script.pid) - before) / POSTS * 1e3

        pairs = await rounds.in_turns(ours, bare)
    costs, scripts = [cost for cost, _ in pairs], [script for _, script in pairs]
    name, against = "CPU a published post, gateway + database", "script, httpx"
    cpu, commits = tuple(cost.cpu for cost in costs), tuple(cost.commits for cost in costs)
    return [
        Result(name, against, "ms", at_most(8), cpu, tuple(scripts)),
        Result("Commits a published post", "", "", at_most(20), commits),
    ]


async def cost(bench: Bench, gateway: Serving, client: Client, places: list[str]) -> Cost:
    """Publish one post in each location, and return what each of them cost."""
    processes = (gateway.pid, bench.postmaster)
    before, commits = cpu_seconds(*processes), await transactions(bench)
    await publish_all(bench, client, places)
    cpu = cpu_seconds(*processes) - before
    return Cost(cpu / len(places) * 1e3, (await transactions(bench) - commits) / len(places))


async def publish_all(bench: Bench, client: Client, places: list[str]) -> None:
    """Publish a video of a megabyte in each location, several callers at once, and wait until all are published."""
    queue = iter(places)

    async def creator() -> None:
        for place in queue:
            await publish(client, place, VIDEO_BYTES)

    await asyncio.gather(*(creator() for _ in range(CREATORS)))
    await until_published(bench, places, len(places))


async def until_published(bench: Bench, places: list[str], count: int) -> None:
    """Wait until so many posts of these locations are published."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await _published(bench, places) < count:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(LOOK_SECONDS)


async def rate(bench: Bench, rounds: Rounds) -> list[Result]:
    """Posts a second, from the first upload until the last post is out; the vendor is done with a video at once."""
    simulator = create_app(vendor_config(processing_seconds=0))

    async def one_round() -> float:
        places = await connected(bench, RATE_ACCOUNTS, simulator.state.vendor)
        async with bench.gateway(GATEWAY_TIKTOK_API_URL=vendor_url) as gateway, bench.client(gateway) as client:
            return await _rate(bench, client, places)

    async with serve(simulator) as vendor_url:
        rates = await rounds.repeated(one_round)
    reference, against = BEFORE
    bare = (reference,) * len(rates)
    return [Result("Posts a second", against, "/s", at_least(10), tuple(rates), bare)]


async def _rate(bench: Bench, client: Client, places: list[str]) -> float:
    """Create posts for a while without a pause, wait for all of them, and return how many a second that was."""
    rotation, created, begin = itertools.cycle(places), 0, time.perf_counter()

    async def creator() -> None:
        nonlocal created
        while time.perf_counter() < begin + RATE_SECONDS:
            await publish(client, next(rotation), VIDEO_BYTES)
            created += 1

    await asyncio.gather(*(creator() for _ in range(CREATORS)))
    await until_published(bench, places, created)
    return created / (time.perf_counter() - begin)


async def publish(client: Client, place: str, size: int) -> None:
    """Upload a video of `size` bytes, and post it."""
    parent = f"locations/{place}"
    upload = await transfers.create(client, size, parent)
    await transfers.write(client, upload, size, head(size))
    post = new_post(parent)
    post.video.source.upload = upload
    await client.call("PostService/CreatePost", parent=parent, post=post)


def new_post(parent: str) -> post_pb2.Post:
    """Return a post of a location's account, without its video."""
    post = post_pb2.Post(account=f"{parent}/accounts/a1", mode=post_pb2.POST_MODE_DIRECT, caption="A caption")
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_PUBLIC
    return post


def head(size: int) -> bytes:
    """Return the beginning of a real video of `size` bytes; every reader skips the rest."""
    clip = media.clip()
    return clip + media.padding_head(size - len(clip))


def _new_user(vendor: Vendor) -> str:
    number = next(_names)
    user = vendor.add_user(open_id=f"pub-{number}", username=f"pub{number}", display_name=f"Pub {number}")
    return user.open_id


async def connected(bench: Bench, count: int, vendor: Vendor, agency: str = DEFAULT_AGENCY) -> list[str]:
    """Connect new users of the vendor, each in a location of its own: a creator may start six posts a minute."""
    domain, now, places = bench.domain, bench.domain.clock(), []
    for open_id in [_new_user(vendor) for _ in range(count)]:
        grant = as_grant(vendor.grant(open_id), now)
        can = {"capabilities": CAPABILITIES, "granted_scopes": list(grant.scopes), "provider_subject": grant.subject}
        row = connection_row(now, location=open_id, last_verify_time=now, **can)
        account = account_row(now, location=open_id, provider_account_id=open_id, username=open_id)
        await connect(domain, row, grant, [account], agency)
        places.append(open_id)
    return places


async def _published(bench: Bench, places: list[str]) -> int:
    query = text("SELECT count(*) FROM posts WHERE location = ANY(:places) AND state = 'PUBLISHED'")
    async with bench.domain.db.read() as tx:
        return int((await tx.execute(query, {"places": places})).scalar_one())


async def transactions(bench: Bench) -> int:
    """Return the number of the next transaction that writes: each such transaction waits once for the disk."""
    query = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    async with bench.domain.db.read() as tx:
        return int((await tx.execute(query)).scalar_one())
