"""Uploads as callers see them: announced, looked at, removed, read for a vendor, swept when their time is over.

Owns what may be announced and for how long bytes are kept. How bytes come in is
`gateway/domain/media/upload_stream.py`. Does not know transports, nor who reads.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateway.aip import names
from gateway.caller import Caller
from gateway.domain import idempotency
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import Owners, claim_location
from gateway.errors import (
    FieldInvalid,
    GatewayUnavailable,
    MediaInvalid,
    QuotaExceeded,
    ResourceNotFound,
    StateForbids,
    UploadExpired,
)
from storage import media, uploads
from storage.blobs import StoreUnavailable
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import UploadState
from storage.uploads import UploadPartRow, UploadRow

log = structlog.get_logger(__name__)

MIME_TYPES = ("video/mp4", "video/quicktime", "video/webm", "image/jpeg", "image/webp")
SHEET_TYPE = "text/csv"
"""Of files of posts for a planner, which are no medium of a post."""

MAX_SIZE = 4 * 1024**3
"""Of one file, in bytes: what the most generous provider takes."""

MAX_LOCATION_BYTES = 256 * 1024**3
"""Of all files of one location that are kept at once."""

OPEN_KEPT = timedelta(hours=24)
COMPLETE_KEPT = timedelta(days=7)
EXPIRED_KNOWN = timedelta(days=30)
"""How long a caller is told that an upload expired, rather than that there is none."""

ORPHAN_AGE = timedelta(hours=24)
"""How old a blob without a row must be to be removed: its row may still be on the way."""

SWEEP_LIMIT = 200
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What a caller announces; `size_bytes` 0 and `sha256` empty when they are not known yet."""

    location: str
    mime_type: str
    size_bytes: int = 0
    sha256: str = ""


async def create(domain: Domain, owners: Owners, caller: Caller, new: NewUpload, key: RequestKey | None) -> UploadRow:
    """Announce a file, and claim its location with it. With a `request_id` that made an upload before, that upload is
    given as it is now.

    Raises LocationForbidden, FieldInvalid, MediaInvalid, QuotaExceeded.
    """
    _check(new)
    now = domain.clock()
    row = UploadRow(
        location=new.location,
        id=domain.new_id(),
        mime_type=new.mime_type,
        size_bytes=new.size_bytes,
        sha256=new.sha256.lower(),
        create_time=now,
        expire_time=now + OPEN_KEPT,
    )
    async with domain.db.transaction() as tx:
        await claim_location(tx, owners, caller, new.location)
        first = await idempotency.claim(tx, key, row.id, now)
        if first is None:
            await check_room(tx, new.location, new.size_bytes)
            return await uploads.insert(tx, row)
    return await get(domain, new.location, first)


def _check(new: NewUpload) -> None:
    if new.mime_type not in (*MIME_TYPES, SHEET_TYPE):
        raise _invalid("mimeType", new.mime_type[:64], ", ".join((*MIME_TYPES, SHEET_TYPE)))
    if new.size_bytes < 0:
        raise FieldInvalid("upload.size_bytes", "must not be negative")
    if new.size_bytes > MAX_SIZE:
        raise _invalid("sizeBytes", str(new.size_bytes), f"at most {MAX_SIZE}")
    if new.sha256 and _SHA256.fullmatch(new.sha256) is None:
        raise FieldInvalid("upload.sha256", "must be 64 hexadecimal digits")


def _invalid(rule: str, value: str, allowed: str) -> MediaInvalid:
    metadata = {"rule": rule, "value": value, "allowed": allowed}
    return MediaInvalid(f"{rule} is {value or 'empty'}, allowed: {allowed}.", metadata=metadata)


async def check_room(tx: Transaction, location: str, more: int = 0) -> None:
    """Raise QuotaExceeded unless the location has room for what it holds with this transaction, and `more` bytes.

    Others who ask for the same location wait for this transaction to end.
    """
    if await uploads.promised_bytes(tx, location) + more > MAX_LOCATION_BYTES:
        raise QuotaExceeded("uploadBytes", subject=names.LOCATION.format(location), limit=MAX_LOCATION_BYTES)


async def get(domain: Domain, location: str, upload: str) -> UploadRow:
    """Return an upload as it is; raises ResourceNotFound."""
    try:
        async with domain.db.read() as tx:
            return await uploads.get(tx, location, upload)
    except NotFound:
        raise ResourceNotFound(names.UPLOAD.format(location, upload)) from None


async def delete(domain: Domain, location: str, upload: str, key: RequestKey | None) -> None:
    """Remove an upload and its bytes; a repeated `request_id` changes nothing.

    Raises ResourceNotFound, and StateForbids while a post that is not finished needs it, or a vendor may still fetch it
    for one whose outcome is unknown.
    """
    try:
        async with domain.db.transaction() as tx:
            if await idempotency.claim(tx, key, upload, domain.clock()) is not None:
                return
            row = await uploads.get(tx, location, upload, lock=True)
            in_use = await uploads.in_use(tx, location, upload)
            if in_use or await media.awaited(tx, location, upload, domain.clock()):
                name = names.UPLOAD.format(location, upload)
                raise StateForbids(row.state, "A post that is not finished needs it.", resource=name)
            keys = await uploads.remove(tx, location, upload)
    except NotFound:
        raise ResourceNotFound(names.UPLOAD.format(location, upload)) from None
    await domain.blobs.delete(keys)


async def read(domain: Domain, location: str, upload: str, first: int, end: int) -> AsyncIterator[bytes]:
    """Yield bytes [first, end) in pieces of at most 1 MiB, in constant memory.

    Gives exactly `end - first` bytes or raises MediaInvalid, at the place where they are missing, and
    GatewayUnavailable when their store does not answer.
    """
    async with domain.db.read() as tx:
        parts = await uploads.parts(tx, location, upload)
    place = first
    for part in parts:
        start, stop = max(place, part.first), min(end, part.first + part.size)
        if start >= stop:
            continue
        if start != place:
            break
        async for piece in _stored(domain, part, start, stop):
            yield piece
        place = stop
    if place < end:
        raise _lost(location, upload, place)


async def _stored(domain: Domain, part: UploadPartRow, start: int, stop: int) -> AsyncIterator[bytes]:
    place = start
    try:
        async for piece in domain.blobs.stream(part.key, start - part.first, stop - part.first):
            yield piece
            place += len(piece)
    except StoreUnavailable as error:
        log.error("uploads.store_failed", location=part.location, upload=part.upload, error=str(error))
        raise GatewayUnavailable("The stored bytes cannot be read now.") from None
    except (NotFound, OSError) as error:
        log.error("uploads.blob_lost", location=part.location, upload=part.upload, error=type(error).__name__)
        raise _lost(part.location, part.upload, place) from None


def _lost(location: str, upload: str, place: int) -> MediaInvalid:
    name = names.UPLOAD.format(location, upload)
    return MediaInvalid("Its bytes are no longer whole.", resource=name, metadata={"upload": name, "at": str(place)})


async def sweep(domain: Domain, now: datetime) -> None:
    """Take the bytes of every upload whose time is over. Any number of replicas may."""
    while await _expire_some(domain, now) == SWEEP_LIMIT:
        pass
    async with domain.db.transaction() as tx:
        await uploads.forget(tx, now - EXPIRED_KNOWN)


async def _expire_some(domain: Domain, now: datetime) -> int:
    keys: list[str] = []
    async with domain.db.transaction() as tx:
        rows = await uploads.expired(tx, now, SWEEP_LIMIT)
        for row in rows:
            if not await uploads.in_use(tx, row.location, row.id):
                keys += await uploads.expire(tx, row.location, row.id)
    await domain.blobs.delete(keys)
    return len(rows)


async def sweep_orphans(domain: Domain, now: datetime) -> int:
    """Remove blobs that no upload lists: a process died between writing one and listing it. Gives how many.

    Reads the names of all blobs there are: seldom is often enough.
    """
    removed = 0
    async for keys in domain.blobs.older("uploads", now - ORPHAN_AGE):
        async with domain.db.read() as tx:
            orphans = await uploads.unlisted(tx, keys)
        await domain.blobs.delete(orphans)
        removed += len(orphans)
    return removed


async def hold(tx: Transaction, location: str, ids: Sequence[str]) -> None:
    """Hold the uploads' rows, so that their bytes cannot go between the check and the post that needs them."""
    for id in sorted(ids):
        upload = await uploads.get(tx, location, id, lock=True)
        if upload.state != UploadState.COMPLETE:
            raise UploadExpired(resource=names.UPLOAD.format(location, upload.id))
