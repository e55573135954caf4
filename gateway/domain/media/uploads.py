"""Uploads: created, read and deleted.

Owns which uploads may be created. How bytes are received is `gateway/domain/media/upload_stream.py`, and when they go
`gateway/domain/media/upload_sweep.py`. Does not know transports, nor who reads the bytes.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gateway.aip import names
from gateway.caller import Caller
from gateway.domain import idempotency
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import Owners, claim_location, prepare_claim
from gateway.errors import (
    FieldInvalid,
    GatewayUnavailable,
    MediaInvalid,
    QuotaExceeded,
    ResourceNotFound,
    StateForbids,
    StorageFull,
    UploadExpired,
)
from gateway.media import types
from gateway.media.types import Kind
from storage import agencies, media, uploads
from storage.blobs import BlobStore, StoreUnavailable
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import UploadState
from storage.uploads import UploadPartRow, UploadRow

log = structlog.get_logger(__name__)

MIME_TYPES = ("video/mp4", "video/quicktime", "video/webm", "image/jpeg", "image/webp", "image/png", "image/gif")
SHEET_TYPE = types.SHEET
"""The media type of post files for a planner's import; no post can use such an upload."""

MAX_SIZE = 4 * 1024**3
"""Of one file, in bytes: the highest limit of any provider."""

MAX_LOCATION_BYTES = 256 * 1024**3
"""Of all files of one location at the same time."""

OPEN_LIFETIME = timedelta(hours=24)
COMPLETE_LIFETIME = timedelta(days=7)
ROOM_RETRY = timedelta(minutes=1)
"""When to try again after the disk had no room: somebody must make it first."""

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An upload to be created; `size_bytes` is 0 and `sha256` empty if they are not known yet."""

    location: str
    mime_type: str
    size_bytes: int = 0
    sha256: str = ""


async def create(domain: Domain, owners: Owners, caller: Caller, new: NewUpload, key: RequestKey | None) -> UploadRow:
    """Create an upload, and claim its location with it. With a `request_id` that was used before, the first call's
    upload is returned as it is now.

    Raises LocationForbidden, FieldInvalid, MediaInvalid, QuotaExceeded, StorageFull.
    """
    mime_type = _check(new)
    await prepare_claim(owners, caller, new.location)
    now = domain.clock()
    room = await _room(domain)
    row = UploadRow(
        location=new.location,
        id=domain.new_id(),
        mime_type=mime_type,
        size_bytes=new.size_bytes,
        sha256=new.sha256.lower(),
        create_time=now,
        expire_time=now + OPEN_LIFETIME,
    )
    async with domain.db.transaction() as tx:
        await claim_location(tx, owners, caller, new.location)
        first = await idempotency.claim(tx, key, row.id, now)
        if first is None:
            await check_room(domain, tx, new.location, new.size_bytes)
            if room is not None and max(new.size_bytes, 1) > room:
                raise StorageFull(room, now + ROOM_RETRY)
            return await uploads.insert(tx, row)
    return await get(domain, new.location, first)


async def _room(domain: Domain) -> int | None:
    """Return how many bytes may be stored on the disk, None if there is no limit, or it cannot be found out now."""
    try:
        return await asyncio.to_thread(domain.blobs.room)
    except OSError:
        return None


def _check(new: NewUpload) -> str:
    """Return the canonical media type; what the file is, its bytes will say."""
    mime_type = types.canonical(new.mime_type)
    if not mime_type or types.kind_of(mime_type) is Kind.OTHER:
        raise _invalid("mimeType", new.mime_type[:64], ", ".join((*MIME_TYPES, SHEET_TYPE)))
    if new.size_bytes < 0:
        raise FieldInvalid("upload.size_bytes", "must not be negative")
    if new.size_bytes > MAX_SIZE:
        raise _invalid("sizeBytes", str(new.size_bytes), f"at most {MAX_SIZE}")
    if new.sha256 and _SHA256.fullmatch(new.sha256) is None:
        raise FieldInvalid("upload.sha256", "must be 64 hexadecimal digits")
    return mime_type


def _invalid(rule: str, value: str, allowed: str) -> MediaInvalid:
    metadata = {"rule": rule, "value": value, "allowed": allowed}
    return MediaInvalid(f"{rule} is {value or 'empty'}, allowed: {allowed}.", metadata=metadata)


async def check_room(domain: Domain, tx: Transaction, location: str, more: int = 0) -> None:
    """Raise QuotaExceeded unless the location and its agency have room for their uploads as `tx` sees them, and for
    `more` bytes.

    Other transactions that check the same location or agency wait for the end of this one.
    """
    # The agency's lock first, as who claims a location has it already: in the other order two could deadlock.
    if await agencies.reserved_bytes(tx, location) + more > domain.agency_upload_bytes:
        raise QuotaExceeded("agencyUploadBytes", subject="agency", limit=domain.agency_upload_bytes)
    if await uploads.reserved_bytes(tx, location) + more > MAX_LOCATION_BYTES:
        raise QuotaExceeded("uploadBytes", subject=names.LOCATION.format(location), limit=MAX_LOCATION_BYTES)


async def get(domain: Domain, location: str, upload: str) -> UploadRow:
    """Return an upload; raises ResourceNotFound."""
    try:
        async with domain.db.read() as tx:
            return await uploads.get(tx, location, upload)
    except NotFound:
        raise ResourceNotFound(names.UPLOAD.format(location, upload)) from None


async def delete(domain: Domain, location: str, upload: str, key: RequestKey | None) -> None:
    """Delete an upload and its bytes; a repeated `request_id` changes nothing.

    Raises ResourceNotFound, and StateForbids while an unfinished post needs it, or while a vendor may still fetch it
    for a post whose outcome is unknown.
    """
    try:
        async with domain.db.transaction() as tx:
            if await idempotency.claim(tx, key, upload, domain.clock()) is not None:
                return
            row = await uploads.get(tx, location, upload, lock=True)
            in_use = await uploads.in_use(tx, location, upload)
            if in_use or await media.may_be_fetched(tx, location, upload, domain.clock()):
                name = names.UPLOAD.format(location, upload)
                raise StateForbids(row.state, "A post that is not finished needs it.", resource=name)
            keys = await uploads.remove(tx, location, upload)
    except NotFound:
        raise ResourceNotFound(names.UPLOAD.format(location, upload)) from None
    await delete_bytes(domain.blobs, keys)


async def delete_bytes(blobs: BlobStore, keys: Sequence[str]) -> None:
    """Delete blobs that no row refers to any more; what the store does not delete now, the sweep will."""
    try:
        await blobs.delete(keys)
    except StoreUnavailable as error:
        log.warning("uploads.not_deleted", count=len(keys), error=str(error), advice=error.advice)


async def read(domain: Domain, location: str, upload: str, first: int, end: int) -> AsyncIterator[bytes]:
    """Yield bytes [first, end) in pieces of at most 1 MiB, in constant memory.

    Yields exactly `end - first` bytes, or raises MediaInvalid at the offset where they are missing, and
    GatewayUnavailable if the blob store does not answer.
    """
    async with domain.db.read() as tx:
        parts = await uploads.parts(tx, location, upload)
    async for piece in read_parts(domain, parts, location, upload, first, end):
        yield piece


async def get_with_parts(domain: Domain, location: str, upload: str) -> tuple[UploadRow, Sequence[UploadPartRow]]:
    """Return an upload and its parts, for `read_parts`; raises ResourceNotFound."""
    try:
        async with domain.db.read() as tx:
            return await uploads.with_parts(tx, location, upload)
    except NotFound:
        raise ResourceNotFound(names.UPLOAD.format(location, upload)) from None


async def read_parts(
    domain: Domain, parts: Sequence[UploadPartRow], location: str, upload: str, first: int, end: int
) -> AsyncIterator[bytes]:
    """Yield bytes [first, end) as `read` does, of an upload whose parts are known."""
    offset = first
    for part in parts:
        start, stop = max(offset, part.first), min(end, part.first + part.size)
        if start >= stop:
            continue
        if start != offset:
            break
        async for piece in _read_part(domain, part, start, stop):
            yield piece
        offset = stop
    if offset < end:
        raise _missing(location, upload, offset)


async def _read_part(domain: Domain, part: UploadPartRow, start: int, stop: int) -> AsyncIterator[bytes]:
    offset = start
    try:
        async for piece in domain.blobs.stream(part.key, start - part.first, stop - part.first):
            yield piece
            offset += len(piece)
    except StoreUnavailable as error:
        where = {"location": part.location, "upload": part.upload}
        log.error("uploads.store_failed", **where, error=str(error), advice=error.advice)
        raise GatewayUnavailable("The stored bytes cannot be read now.") from None
    except (NotFound, OSError) as error:
        log.error("uploads.blob_lost", location=part.location, upload=part.upload, error=type(error).__name__)
        raise _missing(part.location, part.upload, offset) from None


def _missing(location: str, upload: str, offset: int) -> MediaInvalid:
    name = names.UPLOAD.format(location, upload)
    return MediaInvalid("Its bytes are no longer whole.", resource=name, metadata={"upload": name, "at": str(offset)})


async def recount(domain: Domain) -> None:
    """Count every agency's bytes anew: processes of a version that did not count them may have changed them."""
    async with domain.db.read() as tx:
        found = await agencies.all_agencies(tx)
    for agency in found:
        async with domain.db.transaction() as tx:
            wrong = await uploads.recount(tx, agency)
        if wrong:
            log.warning("uploads.recounted", agency=agency, bytes=wrong)


async def hold(tx: Transaction, location: str, ids: Sequence[str]) -> None:
    """Lock the uploads' rows within `tx`: their bytes cannot be deleted before the post that needs them is stored.

    Raises UploadExpired for one that is not complete, storage's NotFound.
    """
    for id, state in (await uploads.lock(tx, location, ids)).items():
        if state != UploadState.COMPLETE:
            raise UploadExpired(resource=names.UPLOAD.format(location, id))
