"""Files of every awkward size, through both hops of a real gateway process, byte for byte; and what memory that takes.

Owns the sizes at which chunk plans change or are known to be refused. The simulator refuses plans the vendor refuses.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import post_pb2, upload_pb2, upload_service_pb2
from tests.chaos import processes
from tests.chaos.test_kill_publish import vendor_config
from tests.fixtures import media

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

SIZES = (1_000_000, 4_194_304, 6_000_000, 11_000_000, 30_567_100, 50_000_123, 64_000_000)
LARGE = (66_259_900, 158_008_374, 287_000_000)
GIBIBYTE = 1_073_741_824
MEBIBYTE = 1024 * 1024
BLOCK = processes.pattern(8 * MEBIBYTE)


def pieces(size: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of a video in which no two megabytes are alike, without holding it."""
    head = media.clip() + media.padding_head(size - len(media.clip()))
    yield 0, head + BLOCK[len(head) : min(MEBIBYTE, size)]
    for offset in range(MEBIBYTE, size, MEBIBYTE):
        start = (offset // MEBIBYTE * 4099) % (len(BLOCK) - MEBIBYTE)
        yield offset, BLOCK[start : start + min(MEBIBYTE, size - offset)]


async def send(gateway: processes.Gateway, size: int) -> tuple[str, str]:
    """Upload such a file, and return the upload's name and the file's SHA-256."""
    digest = hashlib.sha256()

    async def messages(name: str) -> AsyncIterator[upload_service_pb2.WriteUploadRequest]:
        for offset, data in pieces(size):
            await asyncio.to_thread(digest.update, data)
            yield upload_service_pb2.WriteUploadRequest(
                name=name, write_offset=offset, data=data, finish=offset + len(data) == size
            )

    async with gateway.client() as client:
        upload = upload_pb2.Upload(mime_type="video/mp4", size_bytes=size)
        made = await client.call("UploadService/CreateUpload", parent=processes.LOCATION, upload=upload)
        done = await client.uploads.WriteUpload(messages(made.name))
    assert upload_pb2.Upload.COMPLETE == done.state
    assert digest.hexdigest() == done.sha256
    return str(made.name), digest.hexdigest()


async def through(gateway: processes.Gateway, account: str, size: int) -> tuple[str, str]:
    """Send a file of a size through both hops, and return the SHA-256 that was sent, and the post's title."""
    upload, sha256 = await send(gateway, size)
    name = await processes.create_post(gateway, processes.new_post(account, upload, str(size), f"s{size}"))
    post = await processes.until_final(gateway, name, 90)
    assert post_pb2.Post.PUBLISHED == post.state, post.error
    return sha256, str(size)


@pytest.mark.parametrize("sizes", [SIZES, LARGE], ids=["one-chunk", "many-chunks"])
async def test_every_size_arrives_byte_for_byte(sizes: tuple[int, ...], database_url: str, tmp_path: Path) -> None:
    """Each file is cut by a plan the vendor accepts, and what the vendor received is what was sent."""
    app = create_app(vendor_config())
    async with (
        serve(app) as vendor_url,
        processes.running(processes.Gateway(database_url, vendor_url, tmp_path)) as gateway,
    ):
        accounts = await processes.connect_many(gateway, app.state.vendor, 2)
        sent = [await through(gateway, accounts[number % 2], size) for number, size in enumerate(sizes)]

    assert sent == [(post.sha256, post.title) for post in app.state.vendor.posts]


async def test_a_gibibyte_through_both_hops_takes_little_memory(database_url: str, tmp_path: Path) -> None:
    """While 1 GiB comes in and goes out, the process grows by at most 96 MiB of resident memory."""
    app = create_app(vendor_config())
    async with (
        serve(app) as vendor_url,
        processes.running(processes.Gateway(database_url, vendor_url, tmp_path)) as gateway,
    ):
        account = await processes.connect(gateway)
        await through(gateway, account, 1_000_000)
        assert gateway.process is not None
        process = psutil.Process(gateway.process.pid)
        before = highest = process.memory_info().rss
        work = asyncio.create_task(through(gateway, account, GIBIBYTE))
        while not work.done():
            highest = max(highest, process.memory_info().rss)
            await asyncio.sleep(0.02)
        sha256, _ = await work

    assert sha256 == app.state.vendor.posts[-1].sha256
    assert highest - before <= 96 * MEBIBYTE, f"grew by {(highest - before) / MEBIBYTE:.0f} MiB"
