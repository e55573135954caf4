"""Many streams at once: who writes, who waits for how long, and that nobody keeps other locations out.

Owns the proofs of the places of `gateway/domain/media/upload_slots.py`, through a real server.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from gateway.domain.media.upload_slots import MEMORY, MIB, UploadSlots
from socialgateway.v1 import upload_pb2, upload_service_pb2
from tests.fixtures.waiting import until
from tests.rpc import answers
from tests.rpc.serving import as_
from tests.rpc.uploading import PARENT, Message, Served, messages, noise, sha256, uploading

COMPLETE = upload_pb2.Upload.COMPLETE
PATIENCE = 20.0


@asynccontextmanager
async def held(served: Served, count: int) -> AsyncIterator[list[Any]]:
    """Hold places with streams that go on when the block ends, and yield their calls."""
    names = [(await served.create()).name for _ in range(count)]
    end = asyncio.Event()

    async def slow(name: str) -> AsyncIterator[Message]:
        yield Message(name=name, data=b"x")
        await end.wait()

    streams = [served.stub.WriteUpload(slow(name), metadata=as_("owner")) for name in names]
    await until(lambda: count == served.desk.streams)
    yield streams
    end.set()
    await asyncio.gather(*streams, return_exceptions=True)


async def elsewhere(served: Served, data: bytes) -> Any:
    """Announce and send a file as another agency, to a location of its own."""
    request = upload_service_pb2.CreateUploadRequest(parent="locations/elsewhere", upload={"mime_type": "video/mp4"})
    made = await served.stub.CreateUpload(request, metadata=as_("stranger"))
    return await served.write(messages(made.name, data), key="stranger", timeout=PATIENCE)


@pytest.mark.chaos
async def test_fifty_files_of_one_caller_come_in_at_once(database_url: str, tmp_path: Path) -> None:
    """Fifty streams of one location are open together and all end well, sixteen of them writing at a time."""
    files = [noise(64 * 1024, seed) for seed in range(50)]
    go = asyncio.Event()

    async def paced(name: str, file: bytes) -> AsyncIterator[Message]:
        first, *rest = messages(name, file, piece=32 * 1024)
        yield first
        await go.wait()
        for message in rest:
            yield message

    async with uploading(database_url, tmp_path) as served:
        names = [(await served.create(len(file))).name for file in files]
        calls = [
            served.stub.WriteUpload(paced(name, file), metadata=as_("owner"), timeout=60)
            for name, file in zip(names, files, strict=True)
        ]
        await until(lambda: served.desk.streams >= 16)
        await asyncio.sleep(0.1)
        assert 16 == served.desk.streams
        go.set()
        done = await asyncio.gather(*calls)
    assert [(COMPLETE, sha256(file)) for file in files] == [(each.state, each.sha256) for each in done]


async def test_another_location_finds_a_place(database_url: str, tmp_path: Path) -> None:
    """While one location's streams hold all of its places and more of them wait, another's is taken at once."""
    async with uploading(database_url, tmp_path, max_streams=4, max_per_location=2) as served:
        async with held(served, 2):
            waiting = asyncio.ensure_future(_awaited(served.whole(b"late")))
            assert COMPLETE == (await elsewhere(served, b"now")).state
            assert not waiting.done()
        assert COMPLETE == (await waiting).state


async def test_who_waits_for_too_long_keeps_nothing(database_url: str, tmp_path: Path) -> None:
    """A stream that waits for a place until its caller's deadline is over, and leaves the line to the next."""
    async with uploading(database_url, tmp_path, max_per_location=1) as served:
        late, next_ = await served.create(1), await served.create(1)
        async with held(served, 1):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await served.write(messages(late.name, b"x"), timeout=0.2)
            assert grpc.StatusCode.DEADLINE_EXCEEDED == caught.value.code()
            waiting = asyncio.ensure_future(_awaited(served.write(messages(next_.name, b"x"), timeout=PATIENCE)))
        assert COMPLETE == (await waiting).state
        assert 0 == (await served.get(late.name)).committed_size
        await until(lambda: 0 == served.desk.streams)


async def test_too_many_who_wait_are_sent_away(database_url: str, tmp_path: Path) -> None:
    """A stream behind a full line is refused at once, with a time to come back, and the others go on."""
    async with uploading(database_url, tmp_path, max_per_location=1, max_waiting=0) as served:
        other = await served.create(1)
        async with held(served, 1) as streams:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await served.write(messages(other.name, b"x"))
        answers.assert_reason(caught.value, "QUOTA_EXCEEDED", quota="uploadStreams", limit="1", subject=PARENT)
        assert answers.detail(answers.status_of(caught.value), error_details_pb2.RetryInfo) is not None
        assert 1 == (await streams[0]).committed_size
        assert COMPLETE == (await served.write(messages(other.name, b"x"))).state


async def test_a_trickling_stream_makes_room_and_can_go_on(database_url: str, tmp_path: Path) -> None:
    """A stream that is too slow keeps its slot while nobody waits; then it ends with a time to come back, what it sent
    is kept, and whoever waited is served.
    """
    async with uploading(
        database_url, tmp_path, max_streams=1, pace=1024, pace_seconds=0.05, idle_seconds=60.0
    ) as served:
        name = (await served.create()).name

        async def trickle() -> AsyncIterator[Message]:
            for offset in itertools.count():
                yield Message(name="" if offset else name, write_offset=offset, data=b"x")
                await asyncio.sleep(0.01)

        slow = served.stub.WriteUpload(trickle(), metadata=as_("owner"))
        await until(lambda: 1 == served.desk.streams)
        # For several times as long as would be too long if somebody waited.
        await asyncio.sleep(0.2)
        assert not slow.done()
        assert COMPLETE == (await elsewhere(served, b"now")).state
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await slow
        answers.assert_reason(caught.value, "QUOTA_EXCEEDED", quota="uploadPace", limit="1024", subject=PARENT)
        assert answers.detail(answers.status_of(caught.value), error_details_pb2.RetryInfo) is not None
        kept = (await served.get(name)).committed_size
        assert kept > 0
        assert (
            COMPLETE == (await served.write([Message(name=name, write_offset=kept, data=b"rest", finish=True)])).state
        )


async def test_one_agency_leaves_slots_for_others(database_url: str, tmp_path: Path) -> None:
    """However many streams an agency opens, three of four slots are its most, and another's file is taken at once."""
    async with uploading(database_url, tmp_path, max_streams=4, max_per_location=4) as served, held(served, 3):
        waiting = asyncio.ensure_future(_awaited(served.whole(b"late")))
        await until(lambda: 1 == served.desk.places.waiting)
        assert COMPLETE == (await elsewhere(served, b"now")).state
        assert not waiting.done()
        waiting.cancel()


def test_processes_of_one_machine_share_what_one_has() -> None:
    """Two have half the streams and half the memory each; however many there are, each takes a stream."""
    half = UploadSlots.shared_by(2)
    assert (32, 8, MEMORY // 2) == (half.max_streams, half.max_per_location, half.memory)
    half.places.busy = half.max_streams
    assert MIB == half.part_size()
    assert (1, 1) == ((most := UploadSlots.shared_by(64)).max_streams, most.max_per_location)
    assert (64, 16, MEMORY) == ((alone := UploadSlots.shared_by(1)).max_streams, alone.max_per_location, alone.memory)


async def _awaited(call: Any) -> Any:
    return await call
