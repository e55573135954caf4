"""What a real gateway process takes in memory while files come in: a constant for one, a bound for many.

Owns the proof for WriteUpload alone; both hops together are proved in `tests/chaos/test_sizes.py`.
"""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from gateway.domain.media.upload_slots import MAX_PER_LOCATION, MEMORY
from socialgateway.v1 import upload_pb2, upload_service_pb2
from tests.chaos import processes
from tests.fixtures.client import Client

pytestmark = [pytest.mark.chaos]

MIB = 1024 * 1024
BLOCK = hashlib.shake_256(b"memory").digest(4 * MIB)


def messages(name: str, size: int) -> Iterator[upload_service_pb2.WriteUploadRequest]:
    """Make a file's messages one by one, without ever holding the file."""
    for offset in range(0, size, MIB):
        start = offset % len(BLOCK)
        yield upload_service_pb2.WriteUploadRequest(
            name=name, write_offset=offset, data=BLOCK[start : start + MIB], finish=offset + MIB == size
        )


async def upload(client: Client, size: int, location: str = processes.LOCATION) -> str:
    """Send a file, and return the checksum that the gateway computed."""
    new = upload_pb2.Upload(mime_type="video/mp4", size_bytes=size)
    made = await client.call("UploadService/CreateUpload", parent=location, upload=new)
    done = await client.uploads.WriteUpload(messages(made.name, size))
    assert (upload_pb2.Upload.COMPLETE, size) == (done.state, done.committed_size)
    await client.call("UploadService/DeleteUpload", name=made.name)
    return str(done.sha256)


def sha256(size: int) -> str:
    """Return the checksum of such a file."""
    digest = hashlib.sha256()
    for block in itertools.repeat(BLOCK, size // len(BLOCK)):
        digest.update(block)
    return digest.hexdigest()


@asynccontextmanager
async def growth(database_url: str, folder: Path) -> AsyncIterator[tuple[Client, list[int]]]:
    """Run a gateway, warm it up, and watch its resident memory; the list gets its growth in bytes, first the most."""
    gateway = processes.Gateway(database_url, "http://127.0.0.1:9", folder)
    async with processes.running(gateway), gateway.client() as client:
        await upload(client, 4 * MIB)
        assert gateway.process is not None
        process = psutil.Process(gateway.process.pid)
        before = process.memory_info().rss
        most = [0]

        async def watch() -> None:
            while True:
                most[0] = max(most[0], process.memory_info().rss - before)
                await asyncio.sleep(0.01)

        watching = asyncio.create_task(watch())
        yield client, most
        watching.cancel()


@asynccontextmanager
async def holding(client: Client, streams: int) -> AsyncIterator[None]:
    """Take slots with streams that have sent one byte of two."""
    end = asyncio.Event()

    async def hold() -> None:
        new = upload_pb2.Upload(mime_type="video/mp4", size_bytes=2)
        made = await client.call("UploadService/CreateUpload", parent=processes.LOCATION, upload=new)
        begun.release()

        async def said() -> AsyncIterator[upload_service_pb2.WriteUploadRequest]:
            yield upload_service_pb2.WriteUploadRequest(name=made.name, data=b"x")
            await end.wait()

        await client.uploads.WriteUpload(said())

    begun = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        for _ in range(streams):
            group.create_task(hold())
        for _ in range(streams):
            await begun.acquire()
        yield
        end.set()


async def settled(most: list[int]) -> None:
    """Wait until the most that was seen has not changed for a second."""
    seen = -1
    while seen != most[0]:
        seen = most[0]
        await asyncio.sleep(1)


async def test_a_gibibyte_comes_in_within_constant_memory(database_url: str, tmp_path: Path) -> None:
    """A file of 1 GiB makes the process at most 96 MiB larger, and is hashed right."""
    async with growth(database_url, tmp_path) as (client, most):
        hashed = await upload(client, 1024 * MIB)
    assert sha256(1024 * MIB) == hashed
    assert 0 < most[0] <= 96 * MIB, f"grew by {most[0] / MIB:.0f} MiB"


async def test_many_files_at_once_share_one_bound(database_url: str, tmp_path: Path) -> None:
    """Forty streams at once take no more than what is set aside for all of them, and gRPC's own windows."""
    async with growth(database_url, tmp_path) as (client, most):
        hashed = await asyncio.gather(*(upload(client, 8 * MIB) for _ in range(40)))
    assert {sha256(8 * MIB)} == set(hashed)
    assert 0 < most[0] <= MEMORY + 40 * 7 * MIB, f"grew by {most[0] / MIB:.0f} MiB"


async def test_streams_that_wait_for_their_turn_are_held_back(database_url: str, tmp_path: Path) -> None:
    """While the location's slots are taken, each further stream has a quarter of its 24 MiB in the process at most."""
    async with growth(database_url, tmp_path) as (client, most), holding(client, MAX_PER_LOCATION):
        await upload(client, 4 * MIB, location="locations/other")
        uploads = [asyncio.create_task(upload(client, 24 * MIB)) for _ in range(24)]
        # The clients send what the windows take; then nothing moves any more.
        await settled(most)
        assert 0 < most[0] <= 24 * 6 * MIB, f"grew by {most[0] / MIB:.0f} MiB"
        for each in uploads:
            each.cancel()
        await asyncio.gather(*uploads, return_exceptions=True)
