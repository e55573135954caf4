"""What is measured: two reads, the upload of a file, and its transfer to a vendor.

Owns the load of each measurement; both sides of a pair get the same. Does not know the table.
"""

import asyncio
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.domain.media import uploads
from providers.models.publishing import VideoFile
from providers.models.secret import Secret
from socialgateway.v1 import upload_pb2
from socialgateway.v1.upload_service_pb2 import WriteUploadRequest
from tests.bench.bare import METHOD
from tests.bench.rounds import Result, side_by_side
from tests.bench.servers import LOCATIONS, Bench, client
from tests.fixtures.client import METHODS, Client

CALLERS = 32
CALL_SECONDS = 1.5
PIECE = 256 * 1024
UPLOAD_BYTES = 256 * 1024 * 1024
CHUNK_BYTES = 64_000_000
CHUNKS_A_ROUND = 4
BLOCK = hashlib.shake_256(b"bench").digest(4 * 1024 * 1024)


async def get_post(bench: Bench, rounds: int) -> Result:
    """GetPost, of one location after the other, against an echo of the same request."""
    requests = [{"name": f"locations/bench{n}/posts/p1"} for n in range(LOCATIONS)]
    return await _calls(bench, "PostService/GetPost", requests, 0.30, rounds)


async def get_status(bench: Bench, rounds: int) -> Result:
    """GetConnectionStatus, of one location after the other, against an echo of the same size."""
    requests = [{"parent": f"locations/bench{n}", "provider": "providers/tiktok"} for n in range(LOCATIONS)]
    return await _calls(bench, "ConnectionService/GetConnectionStatus", requests, 0.45, rounds)


async def _calls(bench: Bench, name: str, requests: list[dict[str, str]], target: float, rounds: int) -> Result:
    """Measure calls per second. The client reads no answers, so that the servers are what is measured."""
    method = METHODS[name]
    bodies = [method.request(**values).SerializeToString() for values in requests]
    echoes = [METHODS["PostService/GetPost"].request(name=f"locations/bench{n}/posts/p1") for n in range(LOCATIONS)]
    echoed = [message.SerializeToString() for message in echoes]
    async with bench.client() as gateway, client(bench.echo) as echo:
        ours: Any = gateway.channel.unary_unary(method.path)
        bare: Any = echo.channel.unary_unary(METHOD)
        # Every location once: they are read from PostgreSQL, and their answers are checked.
        for values in requests:
            read = await gateway.call(name, **values)
            assert read.HasField("create_time"), read
        metadata = (("authorization", f"Bearer {bench.key}"),)
        return await side_by_side(
            name.partition("/")[2],
            "grpc.aio echo",
            "calls/s",
            target,
            ours=lambda: _rate(ours, bodies, metadata),
            bare=lambda: _rate(bare, echoed, None),
            rounds=rounds,
        )


async def _rate(call: Any, bodies: list[bytes], metadata: Any) -> float:
    """Call for a while from several callers at once, and return calls per second."""
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
    async with bench.client() as gateway, client(bench.sink) as sink:
        bare: Any = sink.channel.stream_unary(
            METHOD, WriteUploadRequest.SerializeToString, upload_pb2.Upload.FromString
        )

        async def ours() -> float:
            name, seconds = await _upload(gateway, UPLOAD_BYTES)
            await gateway.call("UploadService/DeleteUpload", name=name)
            return UPLOAD_BYTES / seconds / 1e6

        async def to_sink() -> float:
            start = time.perf_counter()
            answer = await bare(_messages("x", UPLOAD_BYTES))
            assert UPLOAD_BYTES == answer.committed_size
            return UPLOAD_BYTES / (time.perf_counter() - start) / 1e6

        name, against = "WriteUpload", "grpc.aio sink, sha256"
        return await side_by_side(name, against, "MB/s", 0.6, ours=ours, bare=to_sink, rounds=rounds)


def _messages(name: str, size: int) -> Iterator[WriteUploadRequest]:
    for offset in range(0, size, PIECE):
        start = offset % len(BLOCK)
        data = BLOCK[start : start + min(PIECE, size - offset)]
        yield WriteUploadRequest(
            name="" if offset else name, write_offset=offset, data=data, finish=offset + PIECE >= size
        )


async def _upload(gateway: Client, size: int) -> tuple[str, float]:
    """Send a file, and return its name and the seconds that the stream took."""
    upload = upload_pb2.Upload(mime_type="video/mp4", size_bytes=size)
    made = await gateway.call("UploadService/CreateUpload", parent="locations/bench0", upload=upload)
    start = time.perf_counter()
    done = await gateway.uploads.WriteUpload(_messages(made.name, size))
    seconds = time.perf_counter() - start
    assert upload_pb2.Upload.COMPLETE == done.state
    return made.name, seconds


async def send_chunk(bench: Bench, rounds: int) -> Result:
    """A chunk from our store to a vendor, against curl's PUT of the same bytes from a file to the same server."""
    async with bench.client() as gateway:
        name, _ = await _upload(gateway, CHUNK_BYTES)
        upload, domain = name.rsplit("/", 1)[1], bench.domain
        url = f"http://127.0.0.1:{bench.raw}/upload"
        path = bench.folder / "chunk"
        with path.open("wb") as file:
            async for piece in uploads.read(domain, "bench0", upload, 0, CHUNK_BYTES):
                file.write(piece)

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

        return await side_by_side("Chunk to vendor", "curl PUT", "MB/s", 0.4, ours=ours, bare=curl, rounds=rounds)


async def _curl(path: Path, url: str) -> float:
    """PUT a file, and return the seconds that curl itself measured, without its own start."""
    # `Expect:` without a value: curl otherwise waits for 100 Continue, which is not asked of vendors here.
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{json}", "-H", "Expect:", "-T", str(path), url]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    measured = json.loads(output)
    assert (201, CHUNK_BYTES) == (measured["http_code"], measured["size_upload"]), measured
    return float(measured["time_total"])
