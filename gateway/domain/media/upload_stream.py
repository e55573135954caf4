"""WriteUpload: bytes are checked, gathered into parts, and stored while the next part arrives.

Owns the order (first the blob, then its row) and what remains of a broken stream. Does not know the messages that
carried the bytes, nor how many streams there are.
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
from gateway.audit import acts
from gateway.domain.context import Domain
from gateway.domain.media import probe
from gateway.domain.media import uploads as upload_rules
from gateway.domain.media.upload_slots import MIB, Piece, UploadSlots
from gateway.errors import (
    Conflict,
    DomainError,
    FieldInvalid,
    GatewayUnavailable,
    MediaInvalid,
    QuotaExceeded,
    StateForbids,
    StorageFull,
    UploadChecksumMismatch,
    UploadExpired,
    UploadOffsetMismatch,
)
from storage import uploads
from storage.blobs import StoreFull, StoreUnavailable
from storage.database import Transaction
from storage.places import tenant
from storage.states import UploadState
from storage.uploads import UploadPartRow, UploadRow

log = structlog.get_logger(__name__)

MAX_PIECE = 4 * MIB
RESCUE_SECONDS = 10.0
"""How long the bytes of a broken stream may take to be stored."""


async def write(
    domain: Domain, slots: UploadSlots, location: str, upload: str, pieces: AsyncIterator[Piece]
) -> UploadRow:
    """Store pieces up to the one that finishes, or to the end of the stream, and return the upload as it is then.

    If the stream breaks, the bytes that have arrived are kept. Raises ResourceNotFound, StateForbids, UploadExpired,
    UploadOffsetMismatch, UploadChecksumMismatch, MediaInvalid, FieldInvalid, Conflict, QuotaExceeded.
    """
    whose = tenant()._replace(location=location)
    async with slots.slot(whose, domain.clock()):
        pieces = slots.paced(pieces, whose, domain.clock)
        await slots.wait_for_rescue(location, upload)
        row = await upload_rules.get(domain, location, upload)
        first = await anext(pieces, None)
        if first is None:
            return row
        if row.state != UploadState.OPEN:
            return await _not_open(domain, row, first)
        writer = Writer(domain, slots, row, await _last_key(domain, row))
        try:
            return await _run(writer, first, pieces)
        except BaseException:
            await asyncio.shield(slots.start_rescue(location, upload, writer.rescue()))
            raise


async def _run(writer: "Writer", first: Piece, pieces: AsyncIterator[Piece]) -> UploadRow:
    piece: Piece | None = first
    while piece is not None:
        await writer.write(piece)
        if piece.finish:
            complete = await _finish(writer)
            probe.look_ahead(writer.domain, complete)
            return complete
        piece = await anext(pieces, None)
    await writer.flush()
    return await upload_rules.get(writer.domain, writer.location, writer.upload)


async def _last_key(domain: Domain, row: UploadRow) -> str:
    if row.committed_size == 0:
        return ""
    async with domain.db.read() as tx:
        return await uploads.last_key(tx, row.location, row.id, row.committed_size)


async def _not_open(domain: Domain, row: UploadRow, piece: Piece) -> UploadRow:
    """Return an upload that is not open if the stream only repeats its end, whose answer was lost; else raise."""
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
    """Writes one stream into one upload: one part is filled while the one before it is stored."""

    def __init__(
        self,
        domain: Domain,
        slots: UploadSlots,
        row: UploadRow,
        last_key: str,
        *,
        lifetime: timedelta = upload_rules.OPEN_LIFETIME,
    ) -> None:
        """Continue the upload after the blob `last_key`; each stored part keeps it open for `lifetime` from then."""
        self.domain = domain
        self.slots = slots
        self.row = row
        self.lifetime = lifetime
        self.location, self.upload = row.location, row.id
        self.committed = self.end = row.committed_size
        # None if the hasher of the earlier bytes is not here: at the end the hash is computed from the stored bytes.
        self.hasher: Any = slots.pop_hasher(last_key) if last_key else hashlib.sha256()
        self._buffer = bytearray()
        self._last_key = last_key
        self._storing: asyncio.Task[None] | None = None
        # The upload, if it was completed in the transaction of its last part.
        self.completed: UploadRow | None = None

    @property
    def name(self) -> str:
        """The resource name of the upload."""
        return names.UPLOAD.format(self.location, self.upload)

    async def write(self, piece: Piece) -> None:
        """Check one piece and append it; returns when there is room for the next."""
        if piece.offset < 0:
            raise FieldInvalid("write_offset", "must not be negative")
        if len(piece.data) > MAX_PIECE:
            raise FieldInvalid("data", f"has {len(piece.data)} bytes, at most {MAX_PIECE} are accepted in one message")
        if piece.offset != self.end:
            # Stored first, so that the error names the offset from which the caller can really continue.
            await self.flush()
            raise UploadOffsetMismatch(self.committed, piece.offset, resource=self.name)
        if piece.crc32c is not None and google_crc32c.value(piece.data) != piece.crc32c:
            metadata = {"checksum": "crc32c", "writeOffset": str(piece.offset)}
            raise UploadChecksumMismatch(resource=self.name, metadata=metadata)
        self._check_size(self.end + len(piece.data))
        self._buffer += piece.data
        self.end += len(piece.data)
        if len(self._buffer) >= self.slots.part_size():
            await self._store()

    def _check_size(self, size: int, *, whole: bool = False) -> None:
        allowed = self.row.size_bytes or upload_rules.MAX_SIZE
        if size <= allowed and not (whole and (size == 0 or (self.row.size_bytes and size != allowed))):
            return
        metadata = {"rule": "sizeBytes", "value": str(size), "allowed": str(allowed)}
        expected = f"{allowed} announced" if self.row.size_bytes else f"1 to {allowed} are accepted"
        raise MediaInvalid(f"{size} bytes were sent, {expected}.", resource=self.name, metadata=metadata)

    async def flush(self, *, complete: bool = False) -> None:
        """Store everything that was written; the hasher is kept for the stream that continues. With `complete` the
        upload is completed with its last part, if the hash of all bytes is known and right.
        """
        await self._store(complete=complete)
        await self._wait_stored()
        if self._last_key and self.hasher is not None:
            self.slots.keep_hasher(self._last_key, self.hasher)

    async def rescue(self) -> None:
        """Store what can be stored of a broken stream; a failure is only logged."""
        with suppress(DomainError):
            try:
                async with asyncio.timeout(RESCUE_SECONDS):
                    await self.flush()
            except Exception as error:
                log.warning("uploads.rescue", upload=self.name, committed=self.committed, error=type(error).__name__)
                if isinstance(error, DomainError):
                    raise

    async def abandon(self) -> None:
        """Wait until the part that is being stored is done, or has failed; the rest is not stored."""
        if self._storing is not None:
            await asyncio.wait([self._storing])

    async def finish(self, *, complete: bool = False) -> int:
        """Store the rest and return the size; raises MediaInvalid if it is not the announced one.

        With `complete`, `completed` is the upload if it was completed with its last part.
        """
        whole = self.row.size_bytes in (0, self.end)
        await self.flush(complete=complete and whole)
        self._check_size(self.end, whole=True)
        return self.end

    async def _wait_stored(self) -> None:
        """Wait for the part that is being stored; if it failed, this raises every time, as nothing may follow it."""
        if self._storing is not None:
            await asyncio.shield(self._storing)
            self._storing = None

    async def _store(self, *, complete: bool = False) -> None:
        """Start storing the buffer, once the part before it is stored."""
        await self._wait_stored()
        if self._buffer:
            data, self._buffer = self._buffer, bytearray()
            self._storing = self.slots.start(self._store_part(data, complete=complete))

    async def _store_part(self, data: bytearray, *, complete: bool) -> None:
        key = f"uploads/{self.location}/{self.upload}/{self.committed}-{self.domain.new_id()}"
        hashing = None if self.hasher is None else asyncio.to_thread(self.hasher.update, data)
        await asyncio.gather(self._put(key, data), *([] if hashing is None else [hashing]))
        part = UploadPartRow(location=self.location, upload=self.upload, first=self.committed, size=len(data), key=key)
        try:
            committed = await self._commit(part, complete=complete)
        except QuotaExceeded:
            await upload_rules.delete_bytes(self.domain.blobs, [key])
            raise
        if not committed:
            await upload_rules.delete_bytes(self.domain.blobs, [key])
            raise await _write_conflict(self)
        self.committed += len(data)
        self._last_key = key

    async def _commit(self, part: UploadPartRow, *, complete: bool) -> bool:
        """Add a stored part to the upload, and complete it if this is the last; return False if it no longer fits.

        Room is checked only if no size was announced; otherwise it was checked when the upload was created.
        """
        async with self.domain.db.transaction() as tx:
            committed = await uploads.commit_part(tx, part, self.domain.clock() + self.lifetime)
            if committed and not self.row.size_bytes and uploads.needs_more_room(part):
                await upload_rules.check_room(self.domain, tx, self.location)
            completed = None
            if committed:
                await acts.record(tx, self.domain.clock(), resource=self.name)
            if committed and complete and self.hasher is not None:
                completed = await self._complete(tx, part.first + part.size, str(self.hasher.hexdigest()))
        self.completed = completed
        return committed

    async def _complete(self, tx: Transaction, size: int, sha256: str) -> UploadRow | None:
        """Complete the upload within `tx`, unless another hash was announced."""
        return await _complete(tx, self, size, sha256) if self.row.sha256 in ("", sha256) else None

    async def _put(self, key: str, data: bytearray) -> None:
        try:
            await self.domain.blobs.put(key, memoryview(data))
        except StoreFull as error:
            raise StorageFull(error.room, self.domain.clock() + upload_rules.ROOM_RETRY) from None
        except StoreUnavailable as error:
            log.error("uploads.store_failed", upload=self.name, error=str(error), advice=error.advice)
            raise GatewayUnavailable("The bytes could not be stored.") from None
        except Exception as error:
            log.error("uploads.store_failed", upload=self.name, error=type(error).__name__)
            raise GatewayUnavailable("The bytes could not be stored.") from error


async def _write_conflict(writer: Writer) -> DomainError:
    """Return why bytes, or an end, were not accepted: the upload is gone or closed, or another stream writes to it."""
    row = await upload_rules.get(writer.domain, writer.location, writer.upload)
    if row.state == UploadState.EXPIRED:
        return UploadExpired(resource=writer.name, metadata={"upload": writer.name})
    if row.state != UploadState.OPEN:
        return StateForbids(row.state, resource=writer.name)
    return Conflict(resource=writer.name, metadata={"committedSize": str(row.committed_size)})


async def _finish(writer: Writer) -> UploadRow:
    """Check size and hash, and complete the upload; if the hash is wrong, the upload is emptied."""
    size = await writer.finish(complete=True)
    if writer.completed is not None:
        return writer.completed
    sha256 = await _sha256(writer, size)
    if writer.row.sha256 and sha256 != writer.row.sha256:
        await _empty(writer, size)
        metadata = {"checksum": "sha256", "committedSize": "0"}
        raise UploadChecksumMismatch("It was emptied: send it again.", resource=writer.name, metadata=metadata)
    domain = writer.domain
    async with domain.db.transaction() as tx:
        done = await _complete(tx, writer, size, sha256)
        if done is not None:
            await acts.record(tx, domain.clock(), resource=writer.name)
    row = done or await upload_rules.get(domain, writer.location, writer.upload)
    # Two streams may finish with the same bytes at once; both succeed.
    if done or (row.state, row.size_bytes, row.sha256) == (UploadState.COMPLETE, size, sha256):
        return row
    raise await _write_conflict(writer)


async def _complete(tx: Transaction, writer: Writer, size: int, sha256: str) -> UploadRow | None:
    """Complete a writer's upload within `tx` and return it; None if it is no longer open, or has another size."""
    expire_time = writer.domain.clock() + upload_rules.COMPLETE_LIFETIME
    return await uploads.complete(tx, writer.location, writer.upload, size=size, sha256=sha256, expire_time=expire_time)


async def _sha256(writer: Writer, size: int) -> str:
    """Return the hash of all bytes; without a hasher the stored bytes are read, in constant memory."""
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
    await upload_rules.delete_bytes(writer.domain.blobs, keys)
