"""An upload service over a domain, and clients that send to it in every way.

Owns what the tests of uploads share; asserts nothing.
"""

import asyncio
import hashlib
import itertools
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import google_crc32c

from gateway.domain.locations import Owners
from gateway.domain.media import uploads
from gateway.domain.media.upload_slots import UploadSlots
from gateway.rpc.request import RequestGuard
from gateway.rpc.uploads import UploadService
from socialgateway.v1 import upload_pb2, upload_service_pb2, upload_service_pb2_grpc
from storage import uploads as rows
from storage.uploads import UploadPartRow
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.waiting import until
from tests.rpc import serving
from tests.rpc.serving import as_

PARENT = f"locations/{LOCATION}"
MIB = 1024 * 1024
Message = upload_service_pb2.WriteUploadRequest


def noise(size: int, seed: int = 1) -> bytes:
    """Return pseudo-random bytes, the same in every run."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    """Return the hash as the contract shows it."""
    return hashlib.sha256(data).hexdigest()


def messages(
    name: str, data: bytes, start: int = 0, stop: int | None = None, piece: int = 256 * 1024, finish: bool | None = None
) -> list[Message]:
    """Cut data[start:stop] into messages; the last finishes when it is the end of the data, unless `finish` says."""
    stop = len(data) if stop is None else stop
    found = [
        Message(write_offset=first, data=data[first : min(first + piece, stop)]) for first in range(start, stop, piece)
    ] or [Message(write_offset=start)]
    for message in found:
        message.crc32c = google_crc32c.value(message.data)
    found[0].name = name
    found[-1].finish = stop == len(data) if finish is None else finish
    return found


class Counting(UploadService):
    """The real service, which also counts the messages that it has read."""

    taken = 0

    async def WriteUpload(self, request_iterator: AsyncIterator[Message], context: Any) -> upload_pb2.Upload:
        """Count the messages; one has been read when the next is requested."""
        return await super().WriteUpload(self._counted(request_iterator), context)

    async def _counted(self, sent: AsyncIterator[Message]) -> AsyncIterator[Message]:
        async for message in sent:
            yield message
            self.taken += 1


@dataclass
class Served:
    """A domain, a real server over its uploads, and the service's stub."""

    stage: Stage
    stub: Any
    service: Counting
    desk: UploadSlots

    async def create(self, size: int = 0, *, key: str = "owner", request_id: str = "", **values: Any) -> Any:
        """Announce a file."""
        upload = upload_pb2.Upload(**{"mime_type": "video/mp4", "size_bytes": size, **values})
        request = upload_service_pb2.CreateUploadRequest(parent=PARENT, upload=upload, request_id=request_id)
        return await self.stub.CreateUpload(request, metadata=as_(key))

    async def get(self, name: str, *, key: str = "owner") -> Any:
        """Get an upload."""
        return await self.stub.GetUpload(upload_service_pb2.GetUploadRequest(name=name), metadata=as_(key))

    async def delete(self, name: str, *, key: str = "owner", request_id: str = "") -> Any:
        """Delete an upload."""
        request = upload_service_pb2.DeleteUploadRequest(name=name, request_id=request_id)
        return await self.stub.DeleteUpload(request, metadata=as_(key))

    async def write(self, sent: Iterable[Message], *, key: str = "owner", **options: Any) -> Any:
        """Send a stream to its end."""
        return await self.stub.WriteUpload(iter(sent), metadata=as_(key), **options)

    async def broken(self, sent: list[Message]) -> None:
        """Send messages, and cancel the stream when the server has read them all."""
        expected = self.service.taken + len(sent)

        async def feed() -> AsyncIterator[Message]:
            for message in sent:
                yield message
            await asyncio.Event().wait()

        call = self.stub.WriteUpload(feed(), metadata=as_("owner"))
        await until(lambda: self.service.taken == expected)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    async def whole(self, data: bytes, **values: Any) -> Any:
        """Announce and send a file in one stream."""
        made = await self.create(len(data), **values)
        return await self.write(messages(made.name, data))

    async def stored(self, name: str, first: int = 0, end: int | None = None) -> bytes:
        """Read bytes back as a transfer to a vendor does."""
        upload = await self.get(name)
        end = upload.committed_size if end is None else end
        pieces = uploads.read(self.stage.domain, LOCATION, id_of(name), first, end)
        return b"".join([piece async for piece in pieces])

    async def parts(self, name: str) -> list[UploadPartRow]:
        """Return the rows of the upload's parts."""
        async with self.stage.domain.db.read() as tx:
            return list(await rows.parts(tx, LOCATION, id_of(name)))


def id_of(name: str) -> str:
    """Return the id at the end of a name."""
    return name.rsplit("/", 1)[1]


def blobs(folder: Path) -> list[str]:
    """Return the keys of the files in the blob folder."""
    root = folder / "blobs"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@asynccontextmanager
async def uploading(
    database_url: str, folder: Path, *, beside: Stage | None = None, **desk: Any
) -> AsyncIterator[Served]:
    """Serve uploads as the only process, or as another one `beside` a first."""
    async with opened(database_url, folder, clock=None if beside is None else beside.clock) as own:
        ids = (f"{'first' if beside is None else 'second'}{number}" for number in itertools.count())
        domain, slots = replace(own.domain, new_id=ids.__next__), UploadSlots(**desk)
        service = Counting(domain, RequestGuard(Owners(domain.db, own.clock), b"s" * 32), slots)
        async with serving.serving(serving.uploads(service)) as server:
            yield Served(own, upload_service_pb2_grpc.UploadServiceStub(server.channel), service, slots)
