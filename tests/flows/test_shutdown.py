"""The order in which a gateway stops, and what that order keeps."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.app import start
from gateway.domain.media.upload_stream import Writer
from gateway.shutdown import AT_ONCE, ORDER, Part, Patience, Shutdown
from socialgateway.v1 import upload_pb2
from socialgateway.v1.upload_service_pb2 import WriteUploadRequest
from storage import uploads
from storage.blobs import BlobStore
from storage.database import Database
from tests.fixtures.app import target_of
from tests.fixtures.client import Client
from tests.fixtures.settings import make_settings
from tests.fixtures.waiting import until


async def test_a_gateway_stops_in_the_order_of_the_list(database_url: str, tmp_path: Path) -> None:
    """Every part of a whole gateway stops once, each only after those above it in the list have stopped."""
    callers = tmp_path / "callers.toml"
    callers.touch()
    all_parts = {"callers_file": callers, "metrics_address": "127.0.0.1:0", "admin_address": "127.0.0.1:0"}
    gateway = await start(make_settings(database_url, tmp_path, **all_parts))
    told: list[tuple[str, Part]] = []

    def recorded(part: Part, stop: Any) -> Any:
        async def stopping(patience: Patience) -> None:
            told.append(("begins", part))
            await stop(patience)
            told.append(("ended", part))

        return stopping

    stops = set(gateway.shutdown._stops)
    for part, stop in list(gateway.shutdown._stops.items()):
        gateway.shutdown.add(part, recorded(part, stop))
    await gateway.stop(delay=0, grace=1)

    assert set(Part) == stops
    assert list(Part) == [part for parts in ORDER for part in parts]
    for parts in ORDER:
        ends, told = told[: 2 * len(parts)], told[2 * len(parts) :]
        assert {(how, part) for how in ("begins", "ended") for part in parts} == set(ends)
    assert [] == told


async def test_what_an_open_upload_has_received_is_kept(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop ends an open upload with UNAVAILABLE; its bytes are stored although the store is slow, as the database
    closes after that.
    """
    received, put, write = asyncio.Event(), BlobStore.put, Writer.write
    gateway = await start(make_settings(database_url, tmp_path))

    async def noted(self: Writer, piece: Any) -> None:
        await write(self, piece)
        received.set()

    async def slow(self: BlobStore, key: str, data: Any) -> None:
        await asyncio.sleep(0.5)
        await put(self, key, data)

    monkeypatch.setattr(Writer, "write", noted)
    monkeypatch.setattr(BlobStore, "put", slow)
    async with Client(target_of(gateway)) as client:
        wanted = upload_pb2.Upload(mime_type="video/mp4", size_bytes=1000)
        made = await client.call("UploadService/CreateUpload", parent="locations/l1", upload=wanted)

        async def messages() -> AsyncIterator[WriteUploadRequest]:
            yield WriteUploadRequest(name=made.name, data=b"x" * 700)
            await asyncio.Event().wait()

        call: Any = client.uploads.WriteUpload(messages())
        await received.wait()
        await gateway.stop(delay=0, grace=0)
        assert grpc.StatusCode.UNAVAILABLE is await call.code()

    db = await Database.connect(database_url)
    async with db.read() as tx:
        kept = await uploads.get(tx, "l1", made.name.rpartition("/")[2])
    await db.close()
    assert 700 == kept.committed_size


async def test_a_part_that_cannot_stop_holds_up_nothing() -> None:
    """An error while a part stops is raised at the end, after all others have stopped."""
    parts, stopped = Shutdown(), list[Part]()

    def stop(part: Part) -> Any:
        async def stopping(patience: Patience) -> None:
            stopped.append(part)
            if part is Part.UPLOADS:
                raise OSError("no")

        return stopping

    for part in Part:
        parts.add(part, stop(part))
    with pytest.raises(OSError, match="no"):
        await parts.run(AT_ONCE)
    assert list(Part) == list(dict.fromkeys(stopped))


async def test_a_cancelled_stop_gives_up_its_patience() -> None:
    """A second signal stops what is still draining, and everything below it, at once."""
    parts, patience = Shutdown(), dict[Part, Patience]()

    def stop(part: Part) -> Any:
        async def stopping(given: Patience) -> None:
            patience[part] = given
            if given.grace:
                await asyncio.Event().wait()

        return stopping

    for part in (Part.CALLS, Part.DATABASE):
        parts.add(part, stop(part))
    stopping = asyncio.create_task(parts.run(Patience(1, 60)))
    await until(lambda: Part.CALLS in patience)
    stopping.cancel()
    await asyncio.wait([stopping])
    assert {Part.CALLS: AT_ONCE, Part.DATABASE: AT_ONCE} == patience
