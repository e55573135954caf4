"""The sweep of uploads: what nothing needs any more goes, and so does what belongs to nothing.

Owns how long bytes are kept: those of a post until it is final, and then for the retention that is set. Every round is
bounded, and any number of replicas may make one at once. Does not know who makes rounds, nor how often.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from gateway.aip import names
from gateway.domain.media.uploads import delete_bytes
from storage import uploads
from storage.blobs import BlobStore
from storage.database import Database
from storage.errors import NotFound
from storage.states import UploadState
from storage.uploads import UploadRow

log = structlog.get_logger(__name__)

EXPIRED_RETENTION = timedelta(days=30)
"""How long an expired upload is reported as expired, before it is reported as not found."""

SAFETY_AGE = timedelta(hours=24)
"""How old a blob without a row must be to be removed: a younger one's row may not be committed yet."""

CHECK_AGE = timedelta(days=1)
"""How long ago the bytes of an upload were last looked for when they are looked for again."""

BATCH = 200
MAX_EXPIRED = 10_000
MAX_ORPHANS = 10_000
MAX_CHECKED = 500
"""How many uploads, and how many blobs, one round removes or looks for."""

PLACE = "uploads"
_ALWAYS = datetime.max.replace(tzinfo=UTC)


class Keeping(Protocol):
    """What a round needs: where rows and bytes are, and how long bytes are kept after their last post is final."""

    @property
    def db(self) -> Database:
        """The rows."""

    @property
    def blobs(self) -> BlobStore:
        """The bytes."""

    @property
    def upload_retention(self) -> timedelta:
        """How long an upload is kept after the last post that named it became final."""


@dataclass(frozen=True, slots=True)
class Freed:
    """How many uploads, or files, were removed, and their bytes."""

    count: int = 0
    bytes: int = 0

    def __add__(self, other: "Freed") -> "Freed":
        """Return the sum."""
        return Freed(self.count + other.count, self.bytes + other.bytes)


def expire_time(row: UploadRow, retention: timedelta) -> datetime:
    """Return when an upload goes if no unfinished post needs it then."""
    return row.expire_time if row.release_time is None else row.release_time + retention


async def expire(keeping: Keeping, now: datetime, *, dry_run: bool = False) -> Freed:
    """Expire the uploads whose time is over and that nothing needs, and delete their bytes."""
    if dry_run:
        async with keeping.db.read() as tx:
            rows = await uploads.expired(tx, now, now - keeping.upload_retention, MAX_EXPIRED, lock=False)
        return _sum(rows)
    freed = Freed()
    for _ in range(MAX_EXPIRED // BATCH):
        found, gone = await _expire_some(keeping, now)
        freed += gone
        if found < BATCH:
            break
    async with keeping.db.transaction() as tx:
        await uploads.prune(tx, now - EXPIRED_RETENTION)
    if freed.count:
        log.info("uploads.expired", uploads=freed.count, bytes=freed.bytes)
    return freed


async def _expire_some(keeping: Keeping, now: datetime) -> tuple[int, Freed]:
    keys: list[str] = []
    async with keeping.db.transaction() as tx:
        rows = await uploads.expired(tx, now, now - keeping.upload_retention, BATCH)
        gone = [row for row in rows if not await uploads.in_use(tx, row.location, row.id)]
        # Before the rows change.
        freed = _sum(gone)
        for row in gone:
            keys += await uploads.expire(tx, row.location, row.id, now)
    await delete_bytes(keeping.blobs, keys)
    return len(rows), freed


def _sum(rows: list[UploadRow]) -> Freed:
    return Freed(len(rows), sum(row.committed_size for row in rows))


async def orphans(keeping: Keeping, now: datetime, *, dry_run: bool = False) -> Freed:
    """Delete bytes that belong to no upload, because a process died before committing their row, or while it wrote
    them. Lists the names of all blobs, so run it seldom.
    """
    before = now - SAFETY_AGE
    sizes = await keeping.blobs.remove_unfinished(PLACE, before, dry_run=dry_run)
    freed = Freed(len(sizes), sum(sizes))
    async for found in keeping.blobs.older(PLACE, before):
        if freed.count >= MAX_ORPHANS:
            break
        async with keeping.db.read() as tx:
            unlisted = await uploads.unlisted(tx, list(found))
        if not dry_run:
            await keeping.blobs.delete(unlisted)
        freed += Freed(len(unlisted), sum(found[key] for key in unlisted))
    if freed.count and not dry_run:
        log.info("uploads.orphans_deleted", files=freed.count, bytes=freed.bytes)
    return freed


async def lost(keeping: Keeping, now: datetime, *, dry_run: bool = False) -> Freed:
    """Expire complete uploads whose bytes are gone, so that callers hear of it before a post needs them.

    Only uploads whose bytes were missing at an earlier look too, CHECK_AGE ago: a store may be on its way to another
    place. Nothing is changed if the bytes of none are found: then the store is not the right one, or not there. An
    upload that an unfinished post needs is only logged. Raises StoreUnavailable.
    """
    async with keeping.db.transaction() as tx:
        rows = await uploads.unchecked(tx, now - SAFETY_AGE, now - CHECK_AGE, MAX_CHECKED)
        ids = [(row.location, row.id) for row in rows]
        keys = await uploads.keys_of(tx, ids)
        if not dry_run:
            await uploads.note_checked(tx, ids, now)
    missing: list[UploadRow] = []
    whole: list[UploadRow] = []
    for row, id in zip(rows, ids, strict=True):
        (whole if await _is_whole(keeping.blobs, row, keys.get(id, set())) else missing).append(row)
    # Looked at last: a store that went away in the middle of the round has lost nothing.
    if missing and not (whole and await _is_whole(keeping.blobs, whole[0], keys[whole[0].location, whole[0].id])):
        advice = "look whether GATEWAY_BLOB_URL is the right store, and whether it is there"
        log.error("uploads.no_bytes_found", uploads=len(missing), advice=advice)
        return Freed()
    gone = [row for row in missing if row.missing_time is not None and row.missing_time <= now - CHECK_AGE]
    if dry_run:
        return _sum(gone)
    await _note_missing(keeping, missing, whole, now)
    freed = Freed()
    for row in gone:
        freed += await _expire_lost(keeping, row, now)
    return freed


async def _note_missing(keeping: Keeping, missing: list[UploadRow], whole: list[UploadRow], now: datetime) -> None:
    new = [(row.location, row.id) for row in missing if row.missing_time is None]
    back = [(row.location, row.id) for row in whole if row.missing_time is not None]
    if new:
        log.warning("uploads.bytes_missing", uploads=len(new))
    if new or back:
        async with keeping.db.transaction() as tx:
            await uploads.note_missing(tx, new, now)
            await uploads.note_missing(tx, back, None)


async def _is_whole(blobs: BlobStore, row: UploadRow, keys: set[str]) -> bool:
    """Return whether the bytes of an upload are stored under these keys."""
    stored: dict[str, int] = {}
    async for batch in blobs.older(f"{PLACE}/{row.location}/{row.id}", _ALWAYS):
        stored |= batch
    return keys <= stored.keys() and sum(stored[key] for key in keys) == row.committed_size


async def _expire_lost(keeping: Keeping, row: UploadRow, now: datetime) -> Freed:
    """Expire an upload if it is still as it was checked and no unfinished post needs it."""
    upload = names.UPLOAD.format(row.location, row.id)
    async with keeping.db.transaction() as tx:
        try:
            current = await uploads.get(tx, row.location, row.id, lock=True)
        except NotFound:
            return Freed()
        if current.state != UploadState.COMPLETE:
            return Freed()
        needed = await uploads.in_use(tx, row.location, row.id)
        log.error("uploads.bytes_lost", upload=upload, needed=needed)
        if needed:
            return Freed()
        keys = await uploads.expire(tx, row.location, row.id, now)
    await delete_bytes(keeping.blobs, keys)
    return Freed(1, row.committed_size)
