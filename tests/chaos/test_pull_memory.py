"""What a real gateway process takes in memory while it pulls a large file from a caller's address: a constant.

Owns a server that makes its bytes up as it sends them. The way on to the vendor is measured too: it follows at once.
"""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import account_pb2, post_pb2, post_service_pb2
from tests.chaos import processes
from tests.chaos.test_kill_publish import vendor_config
from tests.chaos.test_sizes import pieces
from tests.providers.http.support import Heard, Talk, head, serving

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

MIB = 1024 * 1024
SIZE = 2_000_000_000
SMALL = 1_000_000
ALLOWED = 96 * MIB


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder with room for the file; the bytes go with the test."""
    free = shutil.disk_usage(tmp_path).free
    if free < 2 * SIZE:
        pytest.skip(f"needs {2 * SIZE} bytes on disk, {free} are free")
    yield tmp_path
    shutil.rmtree(tmp_path / "blobs", ignore_errors=True)


def giving() -> Callable[[Heard], Talk]:
    """Answer `/{size}` with a file of so many bytes in which no two megabytes are alike, without ever holding it."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            size = int((await head(heard, reader)).split(" ")[1].strip("/"))
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {size}\r\n\r\n".encode())
            for _, data in pieces(size):
                writer.write(data)
                await writer.drain()

        return talk

    return make


def sha256(size: int) -> str:
    """Return the hash of such a file."""
    digest = hashlib.sha256()
    for _, data in pieces(size):
        digest.update(data)
    return digest.hexdigest()


async def pulled(gateway: processes.Gateway, account: str, base: str, size: int) -> None:
    """Post a file of a size by its address, and wait until it is published."""
    post = post_pb2.Post(account=account, mode=post_pb2.POST_MODE_DIRECT, caption=str(size))
    post.video.source.uri = f"{base}/{size}"
    post.options.privacy_level = account_pb2.PRIVACY_LEVEL_ONLY_ME
    request = post_service_pb2.CreatePostRequest(parent=processes.LOCATION, post=post, post_id=f"s{size}")
    done = await processes.until_final(gateway, await processes.create_post(gateway, request), 240)
    assert post_pb2.Post.PUBLISHED == done.state, done


@asynccontextmanager
async def watched(process: psutil.Process) -> AsyncIterator[list[int]]:
    """Watch a process's resident memory; the list gets how many bytes it grew by at most."""
    before, most = process.memory_info().rss, [0]

    async def watch() -> None:
        while True:
            most[0] = max(most[0], process.memory_info().rss - before)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    yield most
    watching.cancel()


async def test_pulling_two_gigabytes_takes_little_memory(database_url: str, folder: Path) -> None:
    """While 2 GB come in from an address and go out to the vendor, the process grows by at most 96 MiB, and every byte
    is right.
    """
    app = create_app(vendor_config())
    settings = {"GATEWAY_PULL_ALLOW_LOOPBACK": "true"}
    async with serve(app) as vendor_url, serving(giving()) as server:
        gateway = processes.Gateway(database_url, vendor_url, folder, settings=settings)
        async with processes.running(gateway):
            account = await processes.connect(gateway)
            await pulled(gateway, account, server.url, SMALL)
            assert gateway.process is not None
            async with watched(psutil.Process(gateway.process.pid)) as most:
                await pulled(gateway, account, server.url, SIZE)

    assert [sha256(SMALL), sha256(SIZE)] == [post.sha256 for post in app.state.vendor.posts]
    assert 0 < most[0] <= ALLOWED, f"grew by {most[0] / MIB:.0f} MiB"
