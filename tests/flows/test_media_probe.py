"""Looking into files of strangers: what is found, what it may cost, and when it is done at all.

Owns the proofs of `gateway/media` and `gateway/domain/media/probe.py`. The workers are real processes; where a
file cannot make one misbehave on demand, another program takes the worker's place.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import grpc
import psutil
import pytest

from gateway.domain.locations import Owners
from gateway.errors import GatewayUnavailable, MediaInvalid
from gateway.media.facts import MediaFacts
from gateway.media.probe import ProbeFailed, Prober
from gateway.media.remote import MAX_BYTES
from gateway.rpc.posts import PostService
from gateway.rpc.providers import ProviderService
from gateway.rpc.request import RequestGuard
from providers.simulators.tiktok import SimulatorConfig
from socialgateway.v1 import (
    account_pb2,
    post_pb2,
    post_service_pb2,
    post_service_pb2_grpc,
    provider_service_pb2,
    provider_service_pb2_grpc,
)
from storage import uploads
from tests.fixtures import media
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.probing import kept, look, standing_in, templates, watched, workers
from tests.fixtures.waiting import until
from tests.rpc import serving

MIB = 1024 * 1024
LITTLE = 48 * MIB
"""What a look may add to our own memory, whatever the file is."""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After every test no worker is left, neither running nor dead, and no template."""
    yield
    assert [] == workers() + templates()


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a quiet vendor."""
    async with opened(database_url, tmp_path, SimulatorConfig(rate_limits=False, posts_per_day=None)) as made:
        yield made
        # That of the stage, or the one that a test put in its place.
        await made.domain.prober.close()


# --- what is found ----------------------------------------------------------------------------------------------------


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (media.clip, MediaFacts("mp4", "h264", 1000, 30, 360, 640)),
        (partial(media.clip, container="mov"), MediaFacts("quicktime", "h264", 1000, 30, 360, 640)),
        (partial(media.clip, codec="libx265", fps=24), MediaFacts("mp4", "hevc", 1000, 24, 360, 640)),
        (partial(media.clip, codec="libvpx", container="webm"), MediaFacts("webm", "vp8", 1000, 30, 360, 640)),
        (partial(media.clip, codec="libvpx-vp9", container="webm"), MediaFacts("webm", "vp9", 1000, 30, 360, 640)),
        (partial(media.clip, container="matroska"), MediaFacts("matroska", "h264", 1000, 30, 360, 640)),
        (partial(media.clip, fps=30000 / 1001, width=640), MediaFacts("mp4", "h264", 1001, 29.97, 640, 640)),
        (partial(media.video, 9_000_000), MediaFacts("mp4", "h264", 1000, 30, 360, 640)),
        (media.jpeg, MediaFacts("jpeg", "mjpeg", width=720, height=1080)),
        (partial(media.jpeg, size=20_000_000), MediaFacts("jpeg", "mjpeg", width=720, height=1080)),
        (media.webp, MediaFacts("webp", "webp", width=720, height=1080)),
        (partial(media.webp, lossless=True), MediaFacts("webp", "webp", width=720, height=1080)),
        (partial(media.webp, alpha=True), MediaFacts("webp", "webp", width=720, height=1080)),
        (media.moving_webp, MediaFacts("webp", "webp", width=720, height=1080, animated=True)),
    ],
    ids=[
        "mp4", "mov", "hevc", "vp8", "vp9", "mkv", "29.97", "moov first", "jpeg", "large jpeg", "webp", "lossless webp",
        "transparent webp", "animated webp",
    ],
)  # fmt: skip
async def test_what_a_file_is_is_found(make: Callable[[], bytes], expected: MediaFacts) -> None:
    """Container, codec, duration, rate and sides of every kind that may be uploaded are those it was made with."""
    data = make()
    assert expected == await look(data)


async def test_little_of_a_large_file_is_read() -> None:
    """Of a gigabyte with a short head less than a megabyte is asked for."""
    head, size, asked = media.clip(), 1024 * MIB, [0]
    head += media.padding_head(size - len(head))

    async def read(first: int, end: int) -> bytes:
        asked[0] += end - first
        return head[first:end].ljust(end - first, b"\x55")

    async with Prober() as prober:
        facts = await prober.look(size, read)

    assert ("h264", "") == (facts.codec, facts.trouble)
    assert asked[0] < MIB


# --- what it may cost -------------------------------------------------------------------------------------------------


@pytest.mark.chaos
@pytest.mark.parametrize("name", media.HOSTILE)
async def test_a_file_that_is_no_medium_is_said_to_be_none(name: str) -> None:
    """Broken headers, lists of other files and plain nonsense end at once, as a fact about the file."""
    data = media.HOSTILE[name]
    async with asyncio.timeout(8):
        facts = await look(data)
    assert facts.trouble


async def test_a_file_cannot_take_much_memory() -> None:
    """A file of some hundred bytes that makes its reader allocate gigabytes ends its reader, not us; the bound is ours,
    and no fault of the file.
    """
    data, before = media.many_samples(50_000_000), psutil.Process().memory_info().rss
    facts = await look(data)
    assert ("", "needs too much memory to be read") == (facts.trouble, facts.unknown)
    assert psutil.Process().memory_info().rss - before < LITTLE


@pytest.mark.parametrize(("make", "count"), [(media.many_tracks, 5_000), (media.nested, 200_000)])
async def test_a_file_of_many_parts_is_given_up(make: Callable[[int], bytes], count: int) -> None:
    """Thousands of tracks or levels are not followed."""
    data = make(count)
    async with asyncio.timeout(8):
        facts = await look(data)
    assert facts.trouble or facts.unknown


@pytest.mark.chaos
async def test_a_file_cannot_make_us_read_it_all() -> None:
    """Of a file that is nothing but headers so many are read, in little memory; what the others say is unknown."""
    piece, before = media.box(b"free") * 100_000, psutil.Process().memory_info().rss
    asked = [0]

    async def read(first: int, end: int) -> bytes:
        asked[0] += end - first
        return media.FTYP + piece[: end - len(media.FTYP)] if first == 0 else piece[first % 8 :][: end - first]

    async with Prober(wall_seconds=60) as prober:
        facts = await prober.look(4096 * MIB, read)

    assert ("", "has more parts than are visited here") == (facts.trouble, facts.unknown)
    assert asked[0] <= MAX_BYTES
    assert psutil.Process().memory_info().rss - before < LITTLE


@pytest.mark.chaos
async def test_a_file_cannot_take_much_time() -> None:
    """A reader that loops is ended by its processor time, a bound of ours: nothing is known about the file."""
    facts = await look(bytes(10), wall_seconds=60, command=standing_in("while True: pass"))
    assert ("", "needs too much processor time to be read") == (facts.trouble, facts.unknown)


FORKS = """
import asyncio, ctypes, uvloop
from gateway.media.probe import Prober
from tests.fixtures import media

forks = 0

@ctypes.CFUNCTYPE(None)
def forking():
    global forks
    forks += 1

ctypes.CDLL(None).__register_atfork(forking, None, None, None)

async def main():
    data = media.clip()
    async def read(first, end):
        return data[first:end]
    async with Prober() as prober:
        facts = await prober.look(len(data), read)
    print(facts.codec, forks)

uvloop.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only the GNU library names the handlers of fork so")
def test_a_worker_is_started_without_the_handlers_of_fork() -> None:
    """gRPC's handlers of fork crash a child now and then; a good file would then be called unreadable."""
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=60, check=False)
    assert "h264 0\n" == done.stdout, done.stderr


async def test_a_reader_that_crashes_is_the_files_fault() -> None:
    """FFmpeg stumbling over a file says that the file cannot be read."""
    facts = await look(bytes(10), command=standing_in("os.abort()"))
    assert "cannot be read: its reader gave up" == facts.trouble


async def test_the_worker_has_nothing_to_reach_for() -> None:
    """Inside the worker there are no files, no sockets, no memory, and nothing of our environment."""
    code = """
def tried(what):
    try:
        what()
    except (OSError, MemoryError):
        return "no"
    return "yes"
found = [tried(each) for each in (
    lambda: open("/etc/passwd"), lambda: socket.socket(), lambda: os.pipe(), lambda: bytearray(2 * 1024**3),
)]
found += sorted(name for name in os.environ if not name.startswith("LC_"))
answer = json.dumps({"trouble": " ".join(found)}).encode()
os.write(1, worker.MESSAGE.pack(b"D", 0, len(answer)) + answer)
"""
    os.environ["GATEWAY_CANARY"] = "a key"
    try:
        facts = await look(bytes(10), command=standing_in(code))
    finally:
        del os.environ["GATEWAY_CANARY"]
    assert "no no no no" == facts.trouble


@pytest.mark.parametrize(
    "code",
    [
        "os.write(1, b'x' * 13)",
        "os.write(1, worker.MESSAGE.pack(b'R', 5, 100))",
        "os.write(1, worker.MESSAGE.pack(b'R', 0, 0))",
        "os.write(1, worker.MESSAGE.pack(b'R', 2**63, 2**31))",
        "os.write(1, worker.MESSAGE.pack(b'D', 0, 3) + b'[1]')",
        "os.write(1, worker.MESSAGE.pack(b'D', 0, 3) + b'\\xff\\xff\\xff')",
        "os.write(1, worker.MESSAGE.pack(b'D', 0, 2**31) + b'{' * 20_000)",
        "sys.exit(1)",
        "pass",
    ],
)
async def test_a_worker_that_was_taken_over_is_not_believed(code: str) -> None:
    """Impossible ranges and malformed worker answers are no media facts, and are not stored."""
    with pytest.raises(ProbeFailed):
        await look(b"0123456789", command=standing_in(code))


@pytest.mark.parametrize("command", [("/nowhere/python",), (sys.executable, "-I", "-c", "import nothing_like_it")])
async def test_a_machine_that_cannot_look_knows_nothing(command: tuple[str, ...]) -> None:
    """A worker that does not start is no fact about the file."""
    with pytest.raises(ProbeFailed):
        await look(bytes(10), command=command)


async def test_a_store_that_does_not_answer_is_not_waited_for() -> None:
    """Bytes that do not come within the time are the machine's fault, and the worker is ended."""

    async def read(first: int, end: int) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with Prober(wall_seconds=1) as prober:
        with pytest.raises(ProbeFailed):
            await prober.look(10_000, read)
        assert [] == workers()


async def test_two_are_looked_into_at_once() -> None:
    """However many files wait, two workers run, and every file gets its turn; a cancelled look ends its worker."""
    gate, asked = asyncio.Event(), [0]

    async def read(first: int, end: int) -> bytes:
        asked[0] += 1
        await gate.wait()
        return media.clip()[first:end]

    async with Prober() as prober:
        looks = [asyncio.create_task(prober.look(len(media.clip()), read)) for _ in range(6)]
        await until(lambda: asked[0] == 2)
        assert 2 == len(workers())
        looks[0].cancel()
        await asyncio.wait(looks[:1])
        await until(lambda: asked[0] == 3)
        assert 2 == len(workers())
        gate.set()
        assert ["h264"] * 5 == [facts.codec for facts in await asyncio.gather(*looks[1:])]


# --- when it is done --------------------------------------------------------------------------------------------------


async def test_an_upload_is_looked_into_once(stage: Stage) -> None:
    """The probe's result is stored with the upload: a second post, and the transfer, do not probe again."""
    prober, account, upload = watched(stage), await stage.connect(), await stage.upload(media.clip(), media=None)
    assert await kept(stage, upload) is None

    first, second = await stage.post(account, upload), await stage.post(account, upload)
    states = [(await stage.finish(post)).state for post in (first, second)]

    assert (["PUBLISHED", "PUBLISHED"], 1) == (states, prober.looks)
    assert {"container": "mp4", "codec": "h264", "duration_ms": 1000, "trouble": ""}.items() <= (
        await kept(stage, upload) or {}
    ).items()


async def test_facts_of_an_earlier_version_are_found_again(stage: Stage) -> None:
    """What an earlier version of the reader said of a file, rightly or wrongly, does not decide about it today."""
    prober, account, upload = watched(stage), await stage.connect(), await stage.upload(media.clip(), media=None)
    async with stage.domain.db.transaction() as tx:
        row = await uploads.get(tx, LOCATION, upload, lock=True)
        row.media = {"container": "mp4", "codec": "h264", "trouble": "needs more than 64 MiB to be understood"}
        tx.add(row)

    assert "QUEUED" == (await stage.post(account, upload)).state
    assert 1 == prober.looks


async def test_what_cannot_be_read_is_kept_too(stage: Stage) -> None:
    """A file that is no medium is looked into once, however often it is tried."""
    prober, account, upload = (
        watched(stage),
        await stage.connect(),
        await stage.upload(media.HOSTILE["html"], media=None),
    )
    for _ in range(3):
        with pytest.raises(MediaInvalid):
            await stage.post(account, upload)
    assert 1 == prober.looks


async def test_posts_of_one_upload_share_a_look(stage: Stage) -> None:
    """Concurrent posts of one upload share one probe; a caller that goes away does not end it for the others."""
    prober, account, upload = watched(stage), await stage.connect(), await stage.upload(media.clip(), media=None)
    prober.gate.clear()
    posts = [asyncio.create_task(stage.post(account, upload)) for _ in range(5)]
    await until(lambda: prober.callers == 5)
    posts[0].cancel()
    await asyncio.wait(posts[:1])
    prober.gate.set()
    assert ["QUEUED"] * 4 == [post.state for post in await asyncio.gather(*posts[1:])]
    assert 1 == prober.looks


async def test_a_look_that_nobody_waits_for_ends(stage: Stage) -> None:
    """When the only caller goes away its worker ends, nothing is stored, and the next caller starts a new probe."""
    prober, account, upload = watched(stage), await stage.connect(), await stage.upload(media.clip(), media=None)
    prober.gate.clear()
    post = asyncio.create_task(stage.post(account, upload))
    await prober.asked.wait()
    assert 1 == len(workers())
    post.cancel()
    await asyncio.wait([post])
    assert ([], None) == (workers(), await kept(stage, upload))

    prober.gate.set()
    assert "QUEUED" == (await stage.post(account, upload)).state
    assert 2 == prober.looks


async def test_a_machine_that_cannot_look_refuses_no_file(stage: Stage) -> None:
    """The error allows repeating the call, nothing is stored, and later the same upload is posted."""
    account, upload, usual = await stage.connect(), await stage.upload(media.clip(), media=None), stage.domain.prober
    watched(stage, command=("/nowhere/python",))
    with pytest.raises(GatewayUnavailable):
        await stage.post(account, upload)
    assert await kept(stage, upload) is None

    stage.domain = replace(stage.domain, prober=usual)
    assert "QUEUED" == (await stage.post(account, upload)).state


async def test_a_post_waits_for_a_machine_that_can_look(stage: Stage) -> None:
    """At the hand-over a look that cannot be made postpones the post; it goes out when it can."""
    account, upload, usual = await stage.connect(), await stage.upload(media.clip(), media=None), stage.domain.prober
    post = await stage.post(account, upload)
    async with stage.domain.db.transaction() as tx:
        row = await uploads.get(tx, LOCATION, upload)
        row.media = None
        tx.add(row)
    watched(stage, command=("/nowhere/python",))
    waiting = await stage.step(post)
    assert ("QUEUED", []) == (waiting.state, stage.vendor.inits)

    stage.domain = replace(stage.domain, prober=usual)
    stage.clock.advance(timedelta(minutes=1))
    assert "PUBLISHED" == (await stage.finish(waiting)).state


async def test_lost_bytes_are_not_taken_for_a_bad_file(stage: Stage) -> None:
    """An upload whose bytes are gone is refused as such, and nothing is kept about what was in it."""
    account, upload = await stage.connect(), await stage.upload(media.clip(), media=None)
    await stage.domain.blobs.delete([f"uploads/{LOCATION}/{upload}/0"])
    with pytest.raises(MediaInvalid) as caught:
        await stage.post(account, upload)
    assert f"locations/{LOCATION}/uploads/{upload}" == caught.value.resource
    assert await kept(stage, upload) is None


async def test_other_calls_are_answered_while_a_look_hangs(stage: Stage) -> None:
    """Looking is done beside the event loop: while a worker waits for bytes that do not come, every other call is
    answered; a call whose caller gives up leaves no worker.
    """
    prober, account, upload = watched(stage), await stage.connect(), await stage.upload(media.clip(), media=None)
    prober.gate.clear()
    door = RequestGuard(Owners(stage.domain.db, stage.clock), b"s" * 32)
    services = (
        serving.posts(PostService(stage.domain, door)),
        serving.providers(
            ProviderService({name: each.table for name, each in stage.domain.providers.items()}, b"s" * 32)
        ),
    )
    async with serving.serving(*services) as server:
        posts, others = (
            post_service_pb2_grpc.PostServiceStub(server.channel),
            provider_service_pb2_grpc.ProviderServiceStub(server.channel),
        )
        mode = post_pb2.POST_MODE_DIRECT
        post = post_pb2.Post(account=f"locations/{LOCATION}/accounts/{account}", mode=mode, caption="hi")
        post.video.source.upload = f"locations/{LOCATION}/uploads/{upload}"
        post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
        request = post_service_pb2.CreatePostRequest(parent=f"locations/{LOCATION}", post=post)
        call = posts.CreatePost(request, metadata=serving.AUTH, timeout=30)
        await prober.asked.wait()
        for _ in range(20):
            await others.GetProvider(
                provider_service_pb2.GetProviderRequest(name="providers/tiktok"), metadata=serving.AUTH, timeout=2
            )
        assert 1 == len(workers())
        call.cancel()
        with suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
            await call
        await until(lambda: not workers())
