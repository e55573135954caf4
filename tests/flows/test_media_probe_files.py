"""Looking into files that are almost right, or right and large: what the worker's bounds must let through, and end.

Owns the proofs of `gateway/media` over many files; how the worker is bounded and when it runs is `test_media_probe.py`.
"""

import asyncio
import random
import struct
from collections.abc import Iterator

import psutil
import pytest

from gateway.media.facts import MediaFacts
from gateway.media.probe import Prober
from tests.fixtures import media
from tests.fixtures.probing import look, reading

GIB = 1024**3
EBML = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x84webm\x42\x87\x81\x04"
"""The head of a WebM file."""

UNKNOWN = b"\x01" + b"\xff" * 7
"""The size of a Matroska element that does not say its own."""

STRANGERS = {
    "PNG": media.png()[:-6],
    "GIF": b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0, 0, 0) + b"\x2c" + bytes(20) + b"\x3b",
    "MP3": b"ID3\x04" + bytes(6) + b"\xff\xfb\x90\x00" + bytes(5_000),
    "zeros": bytes(100_000),
    "WebM without end": EBML + b"\x18\x53\x80\x67" + UNKNOWN + (b"\x16\x54\xae\x6b" + UNKNOWN) * 1_000,
    "WebM of many tracks": EBML + b"\x18\x53\x80\x67" + UNKNOWN + b"\x16\x54\xae\x6b" + UNKNOWN + b"\xae\x80" * 500_000,
    "video cut in its index": media.clip()[: media.clip().index(b"moov") + 300],
    "picture without its data": media.webp()[:20],
}
"""Files of other kinds, and of the right ones that are cut or swollen."""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After every test this process has as many children as before, dead ones counted."""
    before = {child.pid for child in psutil.Process().children()}
    yield
    assert set() == {child.pid for child in psutil.Process().children()} - before


@pytest.mark.parametrize("name", STRANGERS)
async def test_a_file_of_another_kind_is_a_fact(name: str) -> None:
    """Files of other kinds, cut files and swollen headers are said to be unreadable, within the worker's time."""
    facts = await look(STRANGERS[name])
    assert facts.trouble


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (media.clip().replace(b"avc1", b"evc1"), "mp4"),
        (media.clip(codec="libvpx", container="webm").replace(b"V_VP8", b"V_VQ8"), "webm"),
    ],
    ids=["mp4", "webm"],
)
async def test_a_codec_that_nobody_knows_is_a_fact(data: bytes, container: str) -> None:
    """A video whose codec cannot be decoded here is a video of no known codec; the machine is not blamed for it."""
    facts = await look(data)
    assert (container, "", "") == (facts.container, facts.codec, facts.trouble)


@pytest.mark.parametrize(
    ("codec", "container", "name"),
    [
        ("libx264", "mp4", "h264"),
        pytest.param("libvpx-vp9", "webm", "vp9", marks=pytest.mark.chaos),
    ],
)
async def test_the_largest_sides_that_may_be_posted_are_read(codec: str, container: str, name: str) -> None:
    """4096 pixels a side, the most that TikTok takes, fit into the worker's memory and time."""
    data = media.clip(seconds=0.01, width=4096, height=4096, codec=codec, container=container)
    facts = await look(data)
    assert (name, 4096, 4096, "") == (facts.codec, facts.width, facts.height, facts.trouble)


async def test_a_head_at_the_end_costs_two_ranges() -> None:
    """Of a gigabyte whose index comes last, as cameras write it, only the first and the last stretch are asked for."""
    small, asked = media.clip(), list[tuple[int, int]]()
    data, index = small.index(b"mdat") - 4, small.index(b"moov") - 4
    assert data < index
    tail = small[index:]
    front = small[:data] + struct.pack(">I4s", GIB - data - len(tail), b"mdat") + small[data + 8 : index]

    async def read(first: int, end: int) -> bytes:
        asked.append((first, end))
        given = bytearray(front[first:end].ljust(end - first, b"\x55"))
        if end > GIB - len(tail):
            given[max(0, GIB - len(tail) - first) :] = tail[max(0, first - GIB + len(tail)) :][: end - first]
        return bytes(given)

    async with Prober() as prober:
        facts = await prober.look(GIB, read)

    assert MediaFacts("mp4", "h264", 1000, 30, 360, 640) == facts
    assert [0, GIB] == [asked[0][0], asked[-1][1]]
    assert sum(end - first for first, end in asked) < 1024**2


def _damaged(count: int) -> Iterator[bytes]:
    """Yield files of every kind with some bytes of their headers changed; the same ones each time."""
    chance = random.Random(23)
    whole = [
        media.clip(),
        media.clip(container="mov"),
        media.clip(codec="libvpx-vp9", container="webm"),
        media.clip(container="matroska"),
        media.jpeg(),
        media.webp(alpha=True),
        media.moving_webp(),
    ]
    for number in range(count):
        data = bytearray(whole[number % len(whole)])
        near = min(len(data), 2_000)
        for _ in range(chance.choice((2, 8, 32))):
            place = chance.choice((chance.randrange(near), len(data) - 1 - chance.randrange(near)))
            data[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        yield bytes(data)


@pytest.mark.chaos
async def test_whatever_is_damaged_the_answer_is_a_fact() -> None:
    """No damaged file is taken for a fault of the machine, for which the post would wait."""
    async with Prober() as prober:
        found = await asyncio.gather(*(prober.look(len(data), reading(data)) for data in _damaged(35)))
    assert {True, False} == {bool(facts.trouble) for facts in found}


@pytest.mark.chaos
async def test_looks_that_are_cancelled_at_any_moment_leave_nothing() -> None:
    """Whether the worker starts, asks or ends when its caller goes away, even twice, it is ended and reaped."""
    chance, data = random.Random(5), media.clip()
    before = psutil.Process().num_fds()
    async with Prober(max_concurrent=4) as prober:
        for _ in range(12):
            looks = [asyncio.create_task(prober.look(len(data), reading(data))) for _ in range(4)]
            # The moment is what is varied; nothing is awaited by it.
            await asyncio.sleep(chance.random() * 0.25)
            for _ in range(2):
                for look in looks:
                    look.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(*looks, return_exceptions=True)
        # And nobody's turn is lost.
        facts = await asyncio.gather(*(prober.look(len(data), reading(data)) for _ in range(4)))
    assert {"h264"} == {each.codec for each in facts}
    assert psutil.Process().num_fds() <= before + 4
