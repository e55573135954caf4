"""What is measured: two reads, the way in of a file, and its way out.

Owns the load of each measurement; both sides of a pair get the same. Does not know the table.
"""

import asyncio
import hashlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from gateway.domain.context import Domain
from gateway.domain.media import uploads
from providers import tiktok
from providers.models.publishing import VideoFile
from providers.models.secret import Secret
from socialgateway.v1 import (
    connection_pb2,
    connection_service_pb2,
    post_pb2,
    post_service_pb2,
    upload_pb2,
    upload_service_pb2,
    upload_service_pb2_grpc,
)
from tests.bench.bare import METHOD
from tests.bench.ground import LOCATIONS, Bench, channel
from tests.bench.rounds import Result, side_by_side

CALLERS = 32
CALL_SECONDS = 1.5
PIECE = 256 * 1024
UPLOAD_BYTES = 256 * 1024 * 1024
CHUNK_BYTES = 64_000_000
CHUNKS_A_ROUND = 4
BLOCK = hashlib.shake_256(b"bench").digest(4 * 1024 * 1024)


async def get_post(bench: Bench, rounds: int) -> Result:
    """GetPost, of one location after the other, against an echo of the same request."""
    requests = [post_service_pb2.GetPostRequest(name=f"locations/bench{n}/posts/p") for n in range(LOCATIONS)]
    method = "/socialgateway.v1.PostService/GetPost"
    return await _calls("GetPost", bench, method, requests, post_pb2.Post, 0.30, rounds)


async def get_status(bench: Bench, rounds: int) -> Result:
    """GetConnectionStatus, of one location after the other, against an echo of the same size."""
    requests = [
        connection_service_pb2.GetConnectionStatusRequest(parent=f"locations/bench{n}", provider="providers/tiktok")
        for n in range(LOCATIONS)
    ]
    method = "/socialgateway.v1.ConnectionService/GetConnectionStatus"
    return await _calls("GetConnectionStatus", bench, method, requests, connection_pb2.Connection, 0.45, rounds)


async def _calls(
    name: str, bench: Bench, method: str, requests: list[Any], answer: Any, target: float, rounds: int
) -> Result:
    """Measure calls per second. The client reads no answers, so that the servers are what is measured."""
    bodies = [request.SerializeToString() for request in requests]
    echoes = [post_service_pb2.GetPostRequest(name=f"locations/bench{n}/posts/p") for n in range(LOCATIONS)]
    async with channel(bench.target) as gateway, channel(bench.echo) as echo:
        ours: Any = gateway.unary_unary(method)
        bare: Any = echo.unary_unary(METHOD)
        # Every location once: they are read from PostgreSQL, and their answers proved to be answers.
        for body in bodies:
            read = answer.FromString(await ours(body, metadata=bench.metadata))
            assert read.HasField("create_time"), read
        echoed = [message.SerializeToString() for message in echoes]
        return await side_by_side(
            name,
            "grpc.aio echo",
            "calls/s",
            target,
            ours=lambda: _rate(ours, bodies, bench.metadata),
            bare=lambda: _rate(bare, echoed, None),
            rounds=rounds,
        )


async def _rate(call: Any, bodies: list[bytes], metadata: Any) -> float:
    """Call for a while from several callers at once; give calls per second."""
    rotation = itertools.cycle(bodies)
    done, end = 0, time.perf_counter() + CALL_SECONDS

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await call(next(rotation), metadata=metadata)
            done += 1

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.perf_counter() - start)


async def write_upload(bench: Bench, rounds: int) -> Result:
    """WriteUpload, stored and hashed, against a stream into a sink that only hashes."""
    async with channel(bench.target) as gateway, channel(bench.sink) as sink:
        stub = upload_service_pb2_grpc.UploadServiceStub(gateway)
        bare: Any = sink.stream_unary(
            METHOD, upload_service_pb2.WriteUploadRequest.SerializeToString, upload_pb2.Upload.FromString
        )

        async def ours() -> float:
            name, seconds = await _upload(bench, stub, UPLOAD_BYTES)
            request = upload_service_pb2.DeleteUploadRequest(name=name)
            await stub.DeleteUpload(request, metadata=bench.metadata)
            return UPLOAD_BYTES / seconds / 1e6

        async def to_sink() -> float:
            start = time.perf_counter()
            answer = await bare(_messages("x", UPLOAD_BYTES))
            assert UPLOAD_BYTES == answer.committed_size
            return UPLOAD_BYTES / (time.perf_counter() - start) / 1e6

        name, against = "WriteUpload", "grpc.aio sink, sha256"
        return await side_by_side(name, against, "MB/s", 0.6, ours=ours, bare=to_sink, rounds=rounds)


def _messages(name: str, size: int) -> Iterator[upload_service_pb2.WriteUploadRequest]:
    for offset in range(0, size, PIECE):
        end = min(offset + PIECE, size)
        start = offset % len(BLOCK)
        yield upload_service_pb2.WriteUploadRequest(
            name=name if offset == 0 else "",
            write_offset=offset,
            data=BLOCK[start : start + end - offset],
            finish=end == size,
        )


async def _upload(bench: Bench, stub: Any, size: int) -> tuple[str, float]:
    """Send a file; give its name and the seconds that the stream took."""
    upload = upload_pb2.Upload(mime_type="video/mp4", size_bytes=size)
    request = upload_service_pb2.CreateUploadRequest(parent="locations/bench0", upload=upload)
    made = await stub.CreateUpload(request, metadata=bench.metadata)
    start = time.perf_counter()
    done = await stub.WriteUpload(_messages(made.name, size), metadata=bench.metadata)
    seconds = time.perf_counter() - start
    assert upload_pb2.Upload.COMPLETE == done.state
    return made.name, seconds


async def send_chunk(bench: Bench, rounds: int) -> Result:
    """A chunk from our store to a vendor, against curl's PUT of the same bytes from a file to the same server."""
    async with channel(bench.target) as gateway, _publishing() as publishing:
        stub = upload_service_pb2_grpc.UploadServiceStub(gateway)
        name, _ = await _upload(bench, stub, CHUNK_BYTES)
        upload = name.rsplit("/", 1)[1]
        # Reading an upload takes no more of the domain than this.
        domain = cast(Domain, SimpleNamespace(db=bench.db, blobs=bench.blobs))
        url = f"http://127.0.0.1:{bench.raw_port}/upload"
        path = bench.folder / "chunk"
        with path.open("wb") as file:
            async for piece in uploads.read(domain, "bench0", upload, 0, CHUNK_BYTES):
                file.write(piece)

        async def ours() -> float:
            start = time.perf_counter()
            for _ in range(CHUNKS_A_ROUND):
                sent = await publishing.send_chunk(
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

        return await side_by_side("Chunk to vendor", "curl PUT", "MB/s", 0.4, ours=ours, bare=curl, rounds=rounds)


@asynccontextmanager
async def _publishing() -> AsyncIterator[Any]:
    settings = {
        "client_key": "key",
        "client_secret": "secret",
        "api_url": "http://127.0.0.1:9",
        "authorize_url": "http://127.0.0.1:9/",
        "upload_hosts": ("127.0.0.1",),
        "allow_loopback": True,
    }
    provider = tiktok.build(settings, clock=lambda: datetime.now(UTC))
    try:
        yield provider.publishing
    finally:
        await provider.close()


async def _curl(path: Path, url: str) -> float:
    """PUT a file; give the seconds that curl itself measured, without its own start."""
    # `Expect:` without a value: curl otherwise waits for a leave that no vendor is asked for here.
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{json}", "-H", "Expect:", "-T", str(path), url]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    told = json.loads(output)
    assert (201, CHUNK_BYTES) == (told["http_code"], told["size_upload"]), told
    return float(told["time_total"])
