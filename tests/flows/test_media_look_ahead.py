"""Looking into an upload as soon as it is complete: nobody waits for it, and no post waits behind it.

Owns the proofs of `look_ahead` in `gateway/domain/media/probe.py`, and of `Prober.later`. What a look finds is
`test_media_probe.py`, how much may wait `tests/unit/test_media_backlog.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from gateway.domain.media import upload_stream
from gateway.domain.media import uploads as upload_rules
from gateway.domain.media.upload_slots import Piece, UploadSlots
from gateway.errors import UploadChecksumMismatch
from gateway.media.probe import Prober
from gateway.media.types import SHEET
from providers.simulators.tiktok import SimulatorConfig
from storage import uploads
from storage.fair import Tenant
from storage.states import UploadState
from storage.uploads import UploadRow
from tests.fixtures import logs, media
from tests.fixtures.app import running
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.probing import kept, templates, watched, workers
from tests.fixtures.waiting import until

CLIP = media.clip()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After every test no worker and no template is left, neither running nor dead."""
    yield
    assert [] == workers() + templates()


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage with a quiet vendor."""
    async with opened(database_url, tmp_path, SimulatorConfig(rate_limits=False, posts_per_day=None)) as made:
        yield made
        # That of the stage, or the one that a test put in its place.
        await made.domain.prober.close()


async def send(stage: Stage, id: str, data: bytes = CLIP, mime_type: str = "video/mp4", sha256: str = "") -> UploadRow:
    """Send a file as a caller does, and return its upload."""
    now = stage.clock()
    async with stage.domain.db.transaction() as tx:
        await uploads.insert(
            tx,
            UploadRow(
                location=LOCATION,
                id=id,
                mime_type=mime_type,
                size_bytes=0,
                sha256=sha256,
                create_time=now,
                expire_time=now + timedelta(hours=1),
            ),
        )

    async def pieces() -> AsyncIterator[Piece]:
        yield Piece(0, data, None, True)

    return await upload_stream.write(stage.domain, UploadSlots(), LOCATION, id, pieces())


async def is_kept(stage: Stage, upload: str) -> bool:
    """Return whether what was found in an upload is stored."""
    return await kept(stage, upload) is not None


# --- uploads ----------------------------------------------------------------------------------------------------------


async def test_a_complete_upload_is_looked_into_before_its_post(stage: Stage) -> None:
    """What is in a file is known soon after it was sent; its first post does not look again."""
    prober, account = watched(stage), await stage.connect()
    assert UploadState.COMPLETE == (await send(stage, "u1")).state
    await until(lambda: is_kept(stage, "u1"))
    assert ("QUEUED", 1) == ((await stage.post(account, "u1")).state, prober.looks)


async def test_a_post_joins_the_look_that_is_running(stage: Stage) -> None:
    """The answer to the last bytes does not wait for the look; a post that comes meanwhile waits for that one."""
    prober, account = watched(stage), await stage.connect()
    prober.gate.clear()
    assert UploadState.COMPLETE == (await send(stage, "u1")).state
    await prober.asked.wait()
    post = asyncio.create_task(stage.post(account, "u1"))
    await until(lambda: prober.callers == 2)
    prober.gate.set()
    assert ("QUEUED", 1) == ((await post).state, prober.looks)


async def test_a_post_that_goes_away_does_not_end_the_look(stage: Stage) -> None:
    """The look that began with the upload goes on without the post that joined it."""
    prober, account = watched(stage), await stage.connect()
    prober.gate.clear()
    await send(stage, "u1")
    post = asyncio.create_task(stage.post(account, "u1"))
    await until(lambda: prober.callers == 2)
    post.cancel()
    await asyncio.wait([post])
    prober.gate.set()
    await until(lambda: is_kept(stage, "u1"))
    assert 1 == prober.looks


async def test_an_upload_is_complete_although_nothing_can_look(stage: Stage) -> None:
    """A machine that cannot look fails no upload; the post looks when it comes."""
    account, usual = await stage.connect(), stage.domain.prober
    prober = watched(stage, command=("/nowhere/python",))
    with logs.capture() as lines:
        assert UploadState.COMPLETE == (await send(stage, "u1")).state
        await until(lambda: "media.not_looked_ahead" in lines.getvalue())
    assert (1, False) == (prober.looks, await is_kept(stage, "u1"))
    watched(stage)
    assert "QUEUED" == (await stage.post(account, "u1")).state
    await usual.close()


async def test_what_is_no_complete_medium_is_not_looked_into(stage: Stage) -> None:
    """Neither a sheet for a planner nor an upload whose hash was wrong is a file for a post."""
    prober = watched(stage)
    await send(stage, "u1", b"a,b\n", SHEET)
    with pytest.raises(UploadChecksumMismatch):
        await send(stage, "u2", sha256="0" * 64)
    await send(stage, "u3")
    await until(lambda: is_kept(stage, "u3"))
    assert (1, 1) == (prober.looks, prober.callers)


async def test_an_upload_that_is_deleted_before_its_turn_is_not_looked_into(stage: Stage) -> None:
    """A look that waited finds no upload any more, and does nothing."""
    prober = watched(stage, max_concurrent=1)
    prober.gate.clear()
    await send(stage, "u1")
    await prober.asked.wait()
    await send(stage, "u2")
    await upload_rules.delete(stage.domain, LOCATION, "u2", None)
    with logs.capture() as lines:
        prober.gate.set()
        await until(lambda: "media.not_looked_ahead" in lines.getvalue())
    assert 1 == prober.looks


async def test_a_stop_does_not_wait_for_looks_ahead(database_url: str, tmp_path: Path) -> None:
    """A gateway that stops ends what nobody waits for, with its processes."""
    asked = asyncio.Event()

    async def forever() -> None:
        async def read(first: int, end: int) -> bytes:
            asked.set()
            await asyncio.Event().wait()
            return b""

        await gateway.domain.prober.look(1000, read)

    async with running(database_url, tmp_path) as gateway:
        gateway.domain.prober.later(Tenant("a", "l1"), forever)
        await asked.wait()
        left = [*templates(), *workers()]
        assert 2 == len(left)
    assert not any(map(psutil.Process.is_running, left))


# --- whose turn it is -------------------------------------------------------------------------------------------------


class Order:
    """Work that notes when it begins, and ends when it is told to."""

    def __init__(self, prober: Prober) -> None:
        self.prober, self.begun = prober, list[str]()
        self.gates: dict[str, asyncio.Event] = {}

    async def look(self, name: str) -> None:
        """Look into a file of this name."""
        gate = self.gates.setdefault(name, asyncio.Event())

        async def read(first: int, end: int) -> bytes:
            if name not in self.begun:
                self.begun.append(name)
            await gate.wait()
            return CLIP[first:end]

        await self.prober.look(len(CLIP), read)

    def later(self, name: str) -> None:
        """Look in the background; the group is the first letter."""
        self.prober.later(Tenant(name[0], name[0]), lambda: self.look(name))

    async def next(self, *names: str) -> None:
        """Let the last one end, and wait until these have begun."""
        if self.begun:
            self.gates[self.begun[-1]].set()
        expected = [*self.begun, *names]
        await until(lambda: self.begun == expected)


async def test_posts_go_before_looks_ahead() -> None:
    """With one place a post waits for the look that is running, and for no other."""
    async with Prober(max_concurrent=1) as prober:
        order = Order(prober)
        for name in ("a1", "a2", "a3"):
            order.later(name)
        await order.next("a1")
        posts = [asyncio.create_task(order.look(name)) for name in ("post1", "post2")]
        await order.next("post1")
        await order.next("post2")
        await order.next("a2")
        await order.next("a3")
        order.gates["a3"].set()
        await asyncio.gather(*posts)


async def test_a_place_is_left_to_posts() -> None:
    """However many looks wait, of two places they take one: a post begins at once."""
    async with Prober(max_concurrent=2) as prober:
        order = Order(prober)
        for name in ("a1", "a2"):
            order.later(name)
        await order.next("a1")
        post = asyncio.create_task(order.look("post"))
        await until(lambda: ["a1", "post"] == order.begun)
        for gate in ("post", "a1"):
            order.gates[gate].set()
        await post
        await order.next("a2")


async def test_locations_take_turns() -> None:
    """A location that sends many files does not keep the others waiting."""
    async with Prober(max_concurrent=1) as prober:
        order = Order(prober)
        for name in ("a1", "a2", "a3", "a4", "b1"):
            order.later(name)
        for name in ("a1", "b1", "a2", "a3", "a4"):
            await order.next(name)
