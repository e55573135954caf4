"""What a location may hold, however its uploads are announced and however many come at the same time.

Owns the proofs of the room of `gateway/domain/media/uploads.py` and of how `storage/uploads.py` sums it.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from gateway.domain.media import uploads
from socialgateway.v1 import upload_pb2
from storage import uploads as rows
from storage.uploads import UploadPartRow
from tests.fixtures.domain import LOCATION
from tests.rpc import answers
from tests.rpc.uploading import Message, Served, blobs, uploading

COMPLETE = upload_pb2.Upload.COMPLETE
KIB = 1024
ROOM = 1000 * KIB
DATA = b"x" * (900 * KIB)


@pytest.fixture
async def served(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Serve uploads of locations that may hold a thousand KiB, promised in steps of sixty-four."""
    monkeypatch.setattr(uploads, "MAX_LOCATION_BYTES", ROOM)
    monkeypatch.setattr(rows, "STEP", 64 * KIB)
    async with uploading(database_url, tmp_path) as served:
        yield served


async def whole(served: Served, data: bytes = DATA) -> str:
    """Send a file whose size is not announced, and return its name, or the reason why it was refused."""
    made = await served.create()
    try:
        done = await served.write([Message(name=made.name, data=data, finish=True)])
    except grpc.aio.AioRpcError as error:
        answers.assert_reason(error, "QUOTA_EXCEEDED", quota="uploadBytes")
        return ""
    assert COMPLETE == done.state
    return str(done.name)


async def announced(served: Served, size: int) -> bool:
    """Announce a file; tell whether there was room."""
    try:
        await served.create(size)
    except grpc.aio.AioRpcError as error:
        answers.assert_reason(error, "QUOTA_EXCEEDED", quota="uploadBytes")
        return False
    return True


async def test_files_of_unknown_size_count_when_they_come(served: Served, tmp_path: Path) -> None:
    """Of several such files at once as many are kept as fit, of the others nothing; a removed one makes room."""
    kept = [name for name in await asyncio.gather(*(whole(served) for _ in range(4))) if name]

    assert 1 == len(kept) == len(blobs(tmp_path))
    assert "" == await whole(served)
    await served.delete(kept[0])
    assert await whole(served)


async def test_an_open_file_of_unknown_size_keeps_its_room(served: Served) -> None:
    """What has come of a file that is not finished leaves so much less room for what is announced."""
    made = await served.create()
    await served.write([Message(name=made.name, data=DATA)])
    assert not await announced(served, ROOM - len(DATA) + 1)


async def test_who_asks_for_room_waits_for_who_is_being_given_it(served: Served) -> None:
    """Two files that fit only alone are never both announced, however close together."""
    domain = served.stage.domain
    async with domain.db.transaction() as tx:
        await uploads.check_room(domain, tx, LOCATION, 600 * KIB)
        second = asyncio.create_task(announced(served, 600 * KIB))
        await asyncio.wait([second], timeout=0.3)
        assert not second.done()
        now = served.stage.clock()
        first = rows.UploadRow(location=LOCATION, id="first", mime_type="video/mp4", size_bytes=600 * KIB)
        first.create_time, first.expire_time = now, now + uploads.OPEN_LIFETIME
        await rows.insert(tx, first)
    assert not await second


@pytest.mark.parametrize(
    ("first", "size", "asks"), [(0, 1, True), (1, rows.STEP - 1, False), (rows.STEP, 1, True), (1, 2 * rows.STEP, True)]
)
def test_only_a_part_that_needs_more_room_asks(first: int, size: int, asks: bool) -> None:
    """Of the parts of a file of unknown size only the first of each step looks at all the others."""
    assert asks == rows.needs_more_room(UploadPartRow(location="l", upload="u", first=first, size=size, key="k"))


async def test_a_disk_without_room_refuses_uploads_until_there_is(served: Served, tmp_path: Path) -> None:
    """Announced or not, an upload that would use the reserve of the disk is refused with a time to come back; what was
    stored before stays, and the upload continues there.
    """
    store = served.stage.domain.blobs
    made = await served.create()
    await served.write([Message(name=made.name, data=DATA)])
    store.reserve = 1 << 60
    for call in (served.create(KIB), served.create(), more(served, made.name)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        answers.assert_error(caught.value, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", quota="uploadDisk")
        assert answers.detail(answers.status_of(caught.value), error_details_pb2.RetryInfo) is not None
    assert len(DATA) == (await served.get(made.name)).committed_size
    store.reserve = None

    assert COMPLETE == (await more(served, made.name)).state
    assert DATA + b"more" == await served.stored(made.name)


async def more(served: Served, name: str) -> Any:
    """Continue an upload after DATA, to its end."""
    return await served.write([Message(name=name, write_offset=len(DATA), data=b"more", finish=True)])
