"""Bytes on their way into an upload: checked, gathered into parts, stored while the next part arrives.

Owns the order (blob first, then its row) and what a broken stream leaves. Does not know the messages that carried the
bytes, nor how many streams there are.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import google_crc32c
import structlog

from gateway.aip import names
from gateway.domain.context import Domain
from gateway.domain.media import uploads as upload_rules
from gateway.domain.media.upload_slots import Piece, UploadSlots
from gateway.errors import (
    Conflict,
    DomainError,
    FieldInvalid,
    GatewayUnavailable,
    MediaInvalid,
    QuotaExceeded,
    StateForbids,
    UploadChecksumMismatch,
    UploadExpired,
    UploadOffsetMismatch,
)
from storage import uploads
from storage.states import UploadState
from storage.uploads import UploadPartRow, UploadRow

log = structlog.get_logger(__name__)

MIB = 1024 * 1024
MAX_PIECE = 4 * MIB
LAST_EFFORT_SECONDS = 10.0
"""How long the bytes of a broken stream may take to be stored."""


async def write(
    domain: Domain, desk: UploadSlots, location: str, upload: str, pieces: AsyncIterator[Piece]
) -> UploadRow:
    """Store pieces until the one that finishes, or until they end; give the upload as it is then.

    Whatever ends the stream early, what arrived before is kept. Raises ResourceNotFound, StateForbids, UploadExpired,
    UploadOffsetMismatch, UploadChecksumMismatch, MediaInvalid, FieldInvalid, Conflict, QuotaExceeded.
    """
    async with desk.place(location, domain.clock()):
        pieces = desk.lively(pieces)
        await desk.settled(location, upload)
        row = await upload_rules.get(domain, location, upload)
        first = await anext(pieces, None)
        if first is None:
            return row
        if row.state != UploadState.OPEN:
            return await _closed(domain, row, first)
        writer = Writer(domain, desk, row, await _last_key(domain, row))
        try:
            return await _run(writer, first, pieces)
        except BaseException:
            await asyncio.shield(desk.settle(location, upload, writer.rescue()))
            raise


async def _run(writer: "Writer", first: Piece, pieces: AsyncIterator[Piece]) -> UploadRow:
    piece: Piece | None = first
    while piece is not None:
        await writer.take(piece)
        if piece.finish:
            return await _finish(writer)
        piece = await anext(pieces, None)
    await writer.flush()
    return await upload_rules.get(writer.domain, writer.location, writer.upload)


async def _last_key(domain: Domain, row: UploadRow) -> str:
    if row.committed_size == 0:
        return ""
    async with domain.db.read() as tx:
        return await uploads.last_key(tx, row.location, row.id, row.committed_size)


async def _closed(domain: Domain, row: UploadRow, piece: Piece) -> UploadRow:
    """Answer a stream to an upload that takes no bytes: as it is, when only the answer to its end was lost."""
    name = names.UPLOAD.format(row.location, row.id)
    if row.state == UploadState.EXPIRED:
        raise UploadExpired(resource=name, metadata={"upload": name})
    end = piece.offset + len(piece.data)
    if piece.finish and piece.offset >= 0 and end == row.size_bytes:
        stored = [block async for block in upload_rules.read(domain, row.location, row.id, piece.offset, end)]
        if b"".join(stored) == piece.data:
            return row
    raise StateForbids(row.state, resource=name)


class Writer:
    """One stream into one upload: one part fills while the one before it is stored."""

    def __init__(
        self,
        domain: Domain,
        desk: UploadSlots,
        row: UploadRow,
        last_key: str,
        *,
        kept: timedelta = upload_rules.OPEN_KEPT,
    ) -> None:
        """Go on where the upload stands, behind the blob `last_key`; each part keeps it open for `kept`."""
        self.domain = domain
        self.desk = desk
        self.row = row
        self.kept = kept
        self.location, self.upload = row.location, row.id
        self.committed = self.end = row.committed_size
        # None when somebody else stored what there is: it is read back in the end.
        self.hasher: Any = desk.take_hasher(last_key) if last_key else hashlib.sha256()
        self._buffer = bytearray()
        self._key = last_key
        self._storing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The resource name of the upload."""
        return names.UPLOAD.format(self.location, self.upload)

    async def take(self, piece: Piece) -> None:
        """Check one piece and add it; returns when there is room for the next."""
        if piece.offset < 0:
            raise FieldInvalid("write_offset", "must not be negative")
        if len(piece.data) > MAX_PIECE:
            raise FieldInvalid("data", f"has {len(piece.data)} bytes, at most {MAX_PIECE} are accepted in one message")
        if piece.offset != self.end:
            # Stored first, so that the answer names the place where the caller can really go on.
            await self.flush()
            raise UploadOffsetMismatch(self.committed, piece.offset, resource=self.name)
        if piece.crc32c is not None and google_crc32c.value(piece.data) != piece.crc32c:
            metadata = {"checksum": "crc32c", "writeOffset": str(piece.offset)}
            raise UploadChecksumMismatch(resource=self.name, metadata=metadata)
        self._check_size(self.end + len(piece.data))
        self._buffer += piece.data
        self.end += len(piece.data)
        if len(self._buffer) >= self.desk.part_size():
            await self._store()

    def _check_size(self, size: int, *, whole: bool = False) -> None:
        allowed = self.row.size_bytes or upload_rules.MAX_SIZE
        if size <= allowed and not (whole and (size == 0 or (self.row.size_bytes and size != allowed))):
            return
        metadata = {"rule": "sizeBytes", "value": str(size), "allowed": str(allowed)}
        told = f"{allowed} announced" if self.row.size_bytes else f"1 to {allowed} are accepted"
        raise MediaInvalid(f"{size} bytes were sent, {told}.", resource=self.name, metadata=metadata)

    async def flush(self) -> None:
        """Return when everything that was taken is stored; the hash of it is left for whoever goes on."""
        await self._store()
        await self._stored()
        if self._key and self.hasher is not None:
            self.desk.keep_hasher(self._key, self.hasher)

    async def rescue(self) -> None:
        """Store what can be stored of a stream that broke; how that ends is of no interest to anybody but the log."""
        with suppress(DomainError):
            try:
                async with asyncio.timeout(LAST_EFFORT_SECONDS):
                    await self.flush()
            except Exception as error:
                log.warning("uploads.rescue", upload=self.name, committed=self.committed, error=type(error).__name__)
                if isinstance(error, DomainError):
                    raise

    async def abandon(self) -> None:
        """Return when nothing is being stored any more, however that ended; the rest is not stored."""
        if self._storing is not None:
            await asyncio.wait([self._storing])

    async def whole(self) -> int:
        """Store the rest and give the size; raises MediaInvalid when it is not the announced one."""
        await self.flush()
        self._check_size(self.end, whole=True)
        return self.end

    async def _stored(self) -> None:
        """Wait for the part that is being stored; a failed one fails again at every wait, nothing may follow it."""
        if self._storing is not None:
            await asyncio.shield(self._storing)
            self._storing = None

    async def _store(self) -> None:
        """Begin to store the buffer, once the part before it is stored."""
        await self._stored()
        if self._buffer:
            data, self._buffer = self._buffer, bytearray()
            self._storing = self.desk.start(self._store_part(data))

    async def _store_part(self, data: bytearray) -> None:
        key = f"uploads/{self.location}/{self.upload}/{self.committed}-{self.domain.new_id()}"
        hashing = None if self.hasher is None else asyncio.to_thread(self.hasher.update, data)
        await asyncio.gather(self._put(key, data), *([] if hashing is None else [hashing]))
        part = UploadPartRow(location=self.location, upload=self.upload, first=self.committed, size=len(data), key=key)
        try:
            listed = await self._list(part)
        except QuotaExceeded:
            await self.domain.blobs.delete([key])
            raise
        if not listed:
            await self.domain.blobs.delete([key])
            raise await overtaken(self)
        self.committed += len(data)
        self._key = key

    async def _list(self, part: UploadPartRow) -> bool:
        """List a stored part, unless it does not fit any more; what was announced has its room already."""
        async with self.domain.db.transaction() as tx:
            listed = await uploads.commit_part(tx, part, self.domain.clock() + self.kept)
            if listed and not self.row.size_bytes and uploads.outgrows(part):
                await upload_rules.check_room(tx, self.location)
        return listed

    async def _put(self, key: str, data: bytearray) -> None:
        try:
            await self.domain.blobs.put(key, memoryview(data))
        except Exception as error:
            log.error("uploads.store_failed", upload=self.name, error=type(error).__name__)
            raise GatewayUnavailable("The bytes could not be stored.") from error


async def overtaken(writer: Writer) -> DomainError:
    """Say why bytes, or an end, did not fit: the upload is gone, closed, or somebody else writes."""
    row = await upload_rules.get(writer.domain, writer.location, writer.upload)
    if row.state == UploadState.EXPIRED:
        return UploadExpired(resource=writer.name, metadata={"upload": writer.name})
    if row.state != UploadState.OPEN:
        return StateForbids(row.state, resource=writer.name)
    return Conflict(resource=writer.name, metadata={"committedSize": str(row.committed_size)})


async def _finish(writer: Writer) -> UploadRow:
    """Check size and hash, and close the upload; a wrong hash empties it."""
    size = await writer.whole()
    sha256 = await _sha256(writer, size)
    if writer.row.sha256 and sha256 != writer.row.sha256:
        await _empty(writer, size)
        metadata = {"checksum": "sha256", "committedSize": "0"}
        raise UploadChecksumMismatch("It was emptied: send it again.", resource=writer.name, metadata=metadata)
    domain = writer.domain
    expire_time = domain.clock() + upload_rules.COMPLETE_KEPT
    async with domain.db.transaction() as tx:
        done = await uploads.complete(
            tx, writer.location, writer.upload, size=size, sha256=sha256, expire_time=expire_time
        )
    row = await upload_rules.get(domain, writer.location, writer.upload)
    # Two streams may finish the same bytes at once; both are right.
    if done or (row.state, row.size_bytes, row.sha256) == (UploadState.COMPLETE, size, sha256):
        return row
    raise await overtaken(writer)


async def _sha256(writer: Writer, size: int) -> str:
    """Return the hash of everything; what another stream or process began is read back, in constant memory."""
    if writer.hasher is not None:
        return str(writer.hasher.hexdigest())
    hasher = hashlib.sha256()
    async for block in upload_rules.read(writer.domain, writer.location, writer.upload, 0, size):
        await asyncio.to_thread(hasher.update, block)
    return hasher.hexdigest()


async def _empty(writer: Writer, size: int) -> None:
    async with writer.domain.db.transaction() as tx:
        keys = await uploads.reset(tx, writer.location, writer.upload, size=size)
    writer.hasher = None
    await writer.domain.blobs.delete(keys)
