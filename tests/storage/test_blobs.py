"""Blobs: what is written can be read back in ranges, no key leaves the folder, and the disk is never filled."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.blobs import BlobStore, StoreFull
from storage.errors import NotFound
from tests.fixtures import disks

DAY = timedelta(days=1)
MIB = 1024 * 1024
DATA = os.urandom(3_000_001)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    """Return a store in a folder with a space in its name."""
    return BlobStore.open((tmp_path / "blobs of ours").as_uri())


async def read(blobs: BlobStore, key: str, start: int, end: int, chunk: int = 1 << 20) -> list[bytes]:
    """Return the pieces of a range."""
    return [piece async for piece in blobs.stream(key, start, end, chunk)]


@pytest.mark.parametrize(
    ("start", "end"), [(0, len(DATA)), (0, 0), (1, 2), (1_048_575, 1_048_577), (2_999_999, len(DATA)), (7, 2_500_000)]
)
async def test_any_range_is_read_back_exactly(blobs: BlobStore, start: int, end: int) -> None:
    """A range is read byte for byte in pieces of at most the requested size."""
    await blobs.put("loc/up/0", DATA)
    pieces = await read(blobs, "loc/up/0", start, end)
    assert DATA[start:end] == b"".join(pieces)
    assert all(0 < len(piece) <= 1 << 20 for piece in pieces)


async def test_a_view_is_written_without_its_surroundings(blobs: BlobStore) -> None:
    """Writing a memoryview of part of a buffer writes exactly that part."""
    await blobs.put("k", memoryview(DATA)[10:20])
    assert [DATA[10:20]] == await read(blobs, "k", 0, 10)
    assert await blobs.size("k") == 10


async def test_a_missing_blob_is_not_found(blobs: BlobStore) -> None:
    """Reading a missing blob or its size raises NotFound."""
    with pytest.raises(NotFound):
        await read(blobs, "nothing", 0, 1)
    with pytest.raises(NotFound):
        await blobs.size("nothing")


async def test_a_blob_that_is_too_short_is_an_error(blobs: BlobStore) -> None:
    """A range that reaches beyond the end is never silently shorter."""
    await blobs.put("short", b"12345")
    with pytest.raises(OSError, match="ends before"):
        await read(blobs, "short", 0, 6)


async def test_delete_removes_and_forgives(blobs: BlobStore) -> None:
    """Deleting removes existing blobs and ignores missing ones."""
    await blobs.put("a/1", b"x")
    await blobs.put("a/2", b"y")
    await blobs.delete(["a/0", "a/1", "a/3"])
    assert [b"y"] == await read(blobs, "a/2", 0, 1)
    with pytest.raises(NotFound):
        await blobs.size("a/1")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a\0b", "ä", "a\n", "x" * 513]
)
async def test_a_key_never_leaves_the_folder(blobs: BlobStore, key: str) -> None:
    """Keys that could escape the folder are refused by every operation."""
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.put(key, b"x")
    with pytest.raises(ValueError, match="not a blob key"):
        await read(blobs, key, 0, 1)
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.size(key)
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.delete([key])


def test_the_folder_is_closed_to_others(tmp_path: Path) -> None:
    """The local folder has mode 0700, even if it existed with another mode."""
    folder = tmp_path / "blobs"
    folder.mkdir(mode=0o755)
    BlobStore.open(folder.as_uri())
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


@pytest.mark.parametrize("url", ["", "/tmp/x", "http://h/x", "file://host/x", "file:relative", "memory:///"])
def test_a_url_that_is_no_store_is_refused(url: str) -> None:
    """A URL that is not a blob store is refused when it is opened."""
    with pytest.raises(ValueError, match="blob URL"):
        BlobStore.open(url)


WRITER = """
import asyncio, sys
from storage.blobs import BlobStore
data = bytes(256 << 20)
print("ready", flush=True)
asyncio.run(BlobStore.open(sys.argv[1], reserve=0).put("uploads/l1/u1/0-x", data))
"""


def killed_put(url: str, folder: Path) -> list[Path]:
    """Kill a process while it writes a blob, and return the files that are there then."""
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        while writer.poll() is None:
            if any(path.stat().st_size for path in folder.rglob("*#1")):
                writer.kill()
                break
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_a_killed_process_was_writing_is_swept(tmp_path: Path) -> None:
    """A put that is killed leaves a file that the store does not list; it is removed when old, its folder with it."""
    url = (tmp_path / "blobs").as_uri()
    blobs = BlobStore.open(url)
    await blobs.put("uploads/l1/u0/0-kept", b"x")
    left = [path for path in killed_put(url, tmp_path / "blobs") if path.name != "0-kept"]
    written = datetime.fromtimestamp(left[0].stat().st_mtime, UTC)

    assert ["0-x#1"] == [path.name for path in left]
    assert ["uploads/l1/u0/0-kept"] == [key async for keys in blobs.older("uploads", written + DAY) for key in keys]
    assert [] == await blobs.remove_unfinished("uploads", written)
    assert 1 == len(await blobs.remove_unfinished("uploads", written + DAY))
    assert ["0-kept"] == [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert not left[0].parent.exists()


async def test_a_store_leaves_the_reserve_of_its_disk_free(tmp_path: Path) -> None:
    """Blobs are refused before they are written when less than the reserve would be left; deleting makes room."""
    with disks.small(tmp_path / "blobs", 20 * MIB) as mounted:
        if not mounted:
            pytest.skip("nothing may be mounted here")
        blobs = BlobStore.open((tmp_path / "blobs").as_uri(), reserve=8 * MIB)
        results = await asyncio.gather(
            *(blobs.put(f"uploads/{number}", bytes(2 * MIB)) for number in range(10)), return_exceptions=True
        )
        kept = results.count(None)
        assert {type(None), StoreFull} == {type(each) for each in results}
        assert shutil.disk_usage(tmp_path / "blobs").free >= 8 * MIB
        await blobs.delete([f"uploads/{number}" for number in range(10)])
        await blobs.put("uploads/again", bytes(2 * MIB))

    assert 3 <= kept <= 6


async def test_the_default_reserve_is_a_tenth_of_a_small_disk(tmp_path: Path) -> None:
    """Without a setting a tenth of the disk stays free, and never more than a gibibyte."""
    with disks.small(tmp_path / "blobs", 20 * MIB) as mounted:
        blobs = BlobStore.open((tmp_path / "blobs").as_uri())
        usage, room = shutil.disk_usage(tmp_path / "blobs"), blobs.room()

    assert room is not None
    reserved = usage.free - room
    assert reserved == 2 * MIB if mounted else 0 < reserved <= 1 << 30


def test_an_object_store_has_no_disk() -> None:
    """In an object store there is always room."""
    assert BlobStore.open("s3://bucket").room() is None
