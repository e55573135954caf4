"""Bytes in and out: WriteUpload of a large file and of a small one, and a chunk to a vendor.

Owns the load; both sides of a pair get the same. Does not know the table.
"""

import asyncio
import hashlib
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.domain.media import uploads
from providers.models.publishing import VideoFile
from providers.models.secret import Secret
from socialgateway.v1 import upload_pb2
from socialgateway.v1.upload_service_pb2 import WriteUploadRequest
from tests.bench.bare import METHOD
from tests.bench.rounds import Result, Rounds, at_least, at_most
from tests.bench.servers import Bench, client, program
from tests.bench.usage import cpu_seconds
from tests.fixtures.client import Client

PIECE = 256 * 1024
LARGE_BYTES = 256 * 1024 * 1024
SMALL_BYTES = 1_000_000
SMALL_FILES = 100
AT_ONCE = 4
CHUNK_BYTES = 64_000_000
CHUNKS_A_ROUND = 4
BLOCK = hashlib.shake_256(b"bench").digest(4 * 1024 * 1024)
LOCATION = "locations/bench0"


def messages(name: str, size: int, head: bytes = b"") -> Iterator[WriteUploadRequest]:
    """Yield the messages of a file of `size` bytes that begins with `head`."""
    for offset in range(0, size, PIECE):
        start = offset % len(BLOCK)
        data = head[offset : offset + PIECE] + BLOCK[start : start + PIECE]
        yield WriteUploadRequest(
            name="" if offset else name,
            write_offset=offset,
            data=data[: min(PIECE, size - offset)],
            finish=offset + PIECE >= size,
        )


async def create(gateway: Client, size: int, parent: str = LOCATION) -> str:
    """Create an upload, and return its name."""
    upload = upload_pb2.Upload(mime_type="video/mp4", size_bytes=size)
    return str((await gateway.call("UploadService/CreateUpload", parent=parent, upload=upload)).name)


async def write(gateway: Client, name: str, size: int, head: bytes = b"") -> None:
    """Send a file."""
    done = await gateway.uploads.WriteUpload(messages(name, size, head))
    assert upload_pb2.Upload.COMPLETE == done.state


@asynccontextmanager
async def _beside_sink(bench: Bench) -> AsyncIterator[tuple[int, Client, int, Callable[[int], Awaitable[None]]]]:
    """Run a gateway and the bare sink: yield the gateway's pid and a client of it, the sink's pid, and what streams a
    file of a size into it.
    """
    async with (
        bench.gateway() as process,
        program("tests.bench.bare", "sink") as sink,
        bench.client(process) as gateway,
        client(sink.port) as caller,
    ):
        channel = caller.channel
        call: Any = channel.stream_unary(METHOD, WriteUploadRequest.SerializeToString, upload_pb2.Upload.FromString)

        async def stream(size: int) -> None:
            assert size == (await call(messages("x", size))).committed_size

        yield process.pid, gateway, sink.pid, stream


async def write_upload(bench: Bench, rounds: Rounds) -> list[Result]:
    """WriteUpload, stored and hashed, against a stream into a sink that only hashes."""
    async with _beside_sink(bench) as (_, gateway, _, stream):

        async def ours() -> float:
            name = await create(gateway, LARGE_BYTES)
            start = time.perf_counter()
            await write(gateway, name, LARGE_BYTES)
            seconds = time.perf_counter() - start
            await gateway.call("UploadService/DeleteUpload", name=name)
            return LARGE_BYTES / seconds / 1e6

        async def to_sink() -> float:
            start = time.perf_counter()
            await stream(LARGE_BYTES)
            return LARGE_BYTES / (time.perf_counter() - start) / 1e6

        name, against = "WriteUpload of 256 MiB", "grpc.aio sink, sha256"
        return [await rounds.side_by_side(name, against, "MB/s", at_least(0.9), ours=ours, bare=to_sink)]


async def small_upload(bench: Bench, rounds: Rounds) -> list[Result]:
    """CreateUpload and WriteUpload of a megabyte, against a stream into the sink: processor time of the server."""
    async with _beside_sink(bench) as (process, gateway, sink, stream):

        async def upload() -> None:
            await write(gateway, await create(gateway, SMALL_BYTES), SMALL_BYTES)

        return [
            await rounds.side_by_side(
                "Upload of 1 MB, server CPU",
                "grpc.aio sink, sha256",
                "ms",
                at_most(4),
                ours=lambda: _cost(process, upload),
                bare=lambda: _cost(sink, lambda: stream(SMALL_BYTES)),
            )
        ]


async def _cost(pid: int, send: Callable[[], Awaitable[None]]) -> float:
    """Send many files, a few at a time, and return the milliseconds of processor time for each."""

    async def caller() -> None:
        for _ in range(SMALL_FILES // AT_ONCE):
            await send()

    before = cpu_seconds(pid)
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return (cpu_seconds(pid) - before) / SMALL_FILES * 1e3


async def send_chunk(bench: Bench, rounds: Rounds) -> list[Result]:
    """A chunk from our store to a vendor, against curl's PUT of the same bytes from a file to the same server."""
    if shutil.which("curl") is None:
        rounds.tell("left out: curl is not installed")
        return []
    path = bench.folder / "chunk"
    upload = await _stored_chunk(bench, path)
    async with program("tests.bench.bare", "raw") as raw:
        url, domain = f"http://127.0.0.1:{raw.port}/upload", bench.domain

        async def ours() -> float:
            start = time.perf_counter()
            for _ in range(CHUNKS_A_ROUND):
                sent = await domain.providers["tiktok"].publishing.send_chunk(
                    Secret(url),
                    VideoFile(CHUNK_BYTES, "video/mp4", ""),
                    first=0,
                    end=CHUNK_BYTES,
                    body=lambda: uploads.read(domain, "bench0", upload, 0, CHUNK_BYTES),
                )
                assert sent.complete
            return CHUNKS_A_ROUND * CHUNK_BYTES / (time.perf_counter() - start) / 1e6

        async def curl() -> float:
            seconds = [await _curl(path, url) for _ in range(CHUNKS_A_ROUND)]
            return CHUNKS_A_ROUND * CHUNK_BYTES / sum(seconds) / 1e6

        name = "Chunk of 64 MB to vendor"
        return [await rounds.side_by_side(name, "curl PUT", "MB/s", at_least(0.8), ours=ours, bare=curl)]


async def _stored_chunk(bench: Bench, path: Path) -> str:
    """Store a chunk through a gateway, copy it to a file, and return the upload's id."""
    blobs = {"GATEWAY_BLOB_URL": (bench.folder / "blobs").as_uri()}
    async with bench.gateway(**blobs) as process, bench.client(process) as gateway:
        name = await create(gateway, CHUNK_BYTES)
        await write(gateway, name, CHUNK_BYTES)
    upload = name.rsplit("/", 1)[1]
    with path.open("wb") as file:
        async for piece in uploads.read(bench.domain, "bench0", upload, 0, CHUNK_BYTES):
            file.write(piece)
    return upload


async def _curl(path: Path, url: str) -> float:
    """PUT a file, and return the seconds that curl itself measured, without its own start."""
    # `Expect:` without a value: curl otherwise waits for 100 Continue, which is not asked of vendors here.
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{json}", "-H", "Expect:", "-T", str(path), url]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    measured = json.loads(output)
    assert (201, CHUNK_BYTES) == (measured["http_code"], measured["size_upload"]), measured
    return float(measured["time_total"])
