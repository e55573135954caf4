"""UploadService: creates uploads and receives their bytes.

Owns reading the stream of messages: the first names the upload, the others carry its bytes. Makes no decisions.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from google.protobuf import empty_pb2

from gateway.aip import names
from gateway.domain.context import Domain
from gateway.domain.media import upload_stream, upload_sweep, uploads
from gateway.domain.media.upload_slots import Piece, UploadSlots
from gateway.domain.media.uploads import NewUpload
from gateway.errors import DomainError, FieldInvalid
from gateway.rpc.request import RequestGuard
from socialgateway.v1 import upload_pb2, upload_service_pb2, upload_service_pb2_grpc
from storage.uploads import UploadRow

REST_BYTES = 16 * 1024 * 1024
REST_SECONDS = 2.0
REST_IDLE_SECONDS = 0.1


class UploadService(upload_service_pb2_grpc.UploadServiceServicer):
    """Serves uploads."""

    def __init__(self, domain: Domain, guard: RequestGuard, slots: UploadSlots | None = None) -> None:
        """Serve `domain` to the callers that `guard` admits; `slots` limits this process's concurrent uploads."""
        self._domain = domain
        self._guard = guard
        self._slots = slots or UploadSlots()

    async def CreateUpload(self, request: upload_service_pb2.CreateUploadRequest, context: Any) -> upload_pb2.Upload:
        """Create an upload, whose bytes follow in WriteUpload."""
        location = names.location(request.parent)
        # The location is claimed in the transaction that writes the upload: a refused request leaves nothing behind.
        caller = await self._guard.authorize_claim(location)
        key = self._guard.request_key(caller, location, request)
        upload = request.upload
        new = NewUpload(location, upload.mime_type, upload.size_bytes, upload.sha256)
        return self._to_proto(await uploads.create(self._domain, self._guard.owners, caller, new, key))

    async def GetUpload(self, request: upload_service_pb2.GetUploadRequest, context: Any) -> upload_pb2.Upload:
        """Return an upload."""
        location, upload = names.UPLOAD.parse(request.name)
        await self._guard.authorize(location)
        await self._slots.wait_for_rescue(location, upload)
        return self._to_proto(await uploads.get(self._domain, location, upload))

    async def DeleteUpload(self, request: upload_service_pb2.DeleteUploadRequest, context: Any) -> empty_pb2.Empty:
        """Remove an upload."""
        location, upload = names.UPLOAD.parse(request.name)
        key = await self._guard.authorize_write(location, request)
        await uploads.delete(self._domain, location, upload, key)
        return empty_pb2.Empty()

    async def WriteUpload(
        self, request_iterator: AsyncIterator[upload_service_pb2.WriteUploadRequest], context: Any
    ) -> upload_pb2.Upload:
        """Receive the bytes of an upload."""
        first = await anext(request_iterator, None)
        if first is None:
            raise FieldInvalid("name", "is required in the first message")
        try:
            location, upload = names.UPLOAD.parse(first.name)
            await self._guard.authorize(location)
            pieces = _pieces(first, request_iterator)
            return self._to_proto(await upload_stream.write(self._domain, self._slots, location, upload, pieces))
        except DomainError:
            await _drop_rest(request_iterator)
            raise

    def _to_proto(self, row: UploadRow) -> upload_pb2.Upload:
        return to_proto(row, self._domain.upload_retention)


async def _drop_rest(messages: AsyncIterator[upload_service_pb2.WriteUploadRequest]) -> None:
    """Read what a refused client has on its way: up to REST_BYTES within REST_SECONDS, or until none comes for a while.

    A client of grpc.aio that is still writing when the error comes shows INTERNAL instead of it (grpcio 1.85.1,
    2026-11-30, docs/clients.md).
    """
    left = REST_BYTES
    with suppress(TimeoutError):
        end = asyncio.get_running_loop().time() + REST_SECONDS
        while left > 0:
            async with asyncio.timeout_at(min(end, asyncio.get_running_loop().time() + REST_IDLE_SECONDS)):
                message = await anext(messages, None)
            if message is None:
                return
            left -= message.ByteSize()


async def _pieces(
    first: upload_service_pb2.WriteUploadRequest, others: AsyncIterator[upload_service_pb2.WriteUploadRequest]
) -> AsyncIterator[Piece]:
    """Yield the pieces in the messages; the first message may carry only the upload's name."""
    piece = _piece(first)
    if piece.data or piece.finish:
        yield piece
    async for message in others:
        if message.name and message.name != first.name:
            raise FieldInvalid("name", "must be that of the first message, or empty")
        piece = _piece(message)
        if not piece.data and not piece.finish:
            raise FieldInvalid("data", "is required")
        yield piece


def _piece(message: upload_service_pb2.WriteUploadRequest) -> Piece:
    checksum = message.crc32c if message.HasField("crc32c") else None
    return Piece(message.write_offset, message.data, checksum, message.finish)


def to_proto(row: UploadRow, retention: timedelta) -> upload_pb2.Upload:
    """Return an upload's current state; `retention` is how long it is kept after its last post became final."""
    message = upload_pb2.Upload(
        name=names.UPLOAD.format(row.location, row.id),
        mime_type=row.mime_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        state=row.state,
        committed_size=row.committed_size,
    )
    message.expire_time.FromDatetime(upload_sweep.expire_time(row, retention))
    message.create_time.FromDatetime(row.create_time)
    return message
