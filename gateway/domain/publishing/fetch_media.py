"""Fetches a media file from a caller's address into an upload of the post's location, to which the post then refers.

Owns the order (bytes first, then one transaction that completes the upload and changes the post), the cleanup after an
interruption, and the accepted media types. Does not know how foreign servers are called (`providers/http/fetch.py`) or
how parts are stored (`gateway/domain/media/upload_stream.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import structlog

from gateway.domain import post_content
from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.media import addresses
from gateway.domain.media import uploads as upload_rules
from gateway.domain.media.upload_slots import Piece, UploadSlots
from gateway.domain.media.upload_stream import Writer
from gateway.errors import DomainError, MediaInvalid, QuotaExceeded
from gateway.media import types
from gateway.media.types import Kind
from providers.errors import MediaUnavailable
from providers.http.fetch import Media
from storage import accounts, posts, uploads
from storage.errors import NotFound
from storage.fair import Tenant
from storage.posts import PostRow
from storage.uploads import UploadRow

log = structlog.get_logger(__name__)

OPEN_LIFETIME = timedelta(hours=2)
"""After how long an unfinished upload expires; no other worker continues it."""

RENEWALS = 3
"""How often the lease on the post is renewed while it lasts."""

FETCH_RETRY = timedelta(seconds=5)
STOP_CHECK_SECONDS = 0.25
"""How often `stopping` is checked."""


async def fetch(
    domain: Domain, post: PostRow, position: int, *, stopping: Callable[[], bool] = lambda: False
) -> PostRow:
    """Fetch the source at `position` into a new upload, and return the post that refers to it.

    If `stopping` becomes true, discard the bytes and return the post unchanged. Raises Superseded if the post changed
    meanwhile, MediaUnavailable if a retry may help; MediaUnreachable, MediaTooLarge, MediaInvalid and QuotaExceeded if
    not.
    """
    transfer = asyncio.create_task(_transfer(domain, post, position))
    try:
        await _supervise(domain, post, position, transfer, stopping)
    finally:
        transfer.cancel()
        await asyncio.wait([transfer])
        failed = None if transfer.cancelled() else transfer.exception()
    if failed is not None:
        raise failed
    return post if transfer.cancelled() else transfer.result()


async def _supervise(
    domain: Domain, post: PostRow, position: int, transfer: asyncio.Task[PostRow], stopping: Callable[[], bool]
) -> None:
    """Renew the lease until the transfer is done or must stop."""
    renew_every = domain.leases.length / RENEWALS
    renewed = domain.clock() - renew_every
    while not transfer.done():
        if stopping():
            return
        # Also when the clock was set back in between.
        if not timedelta(0) <= domain.clock() - renewed < renew_every:
            await _renew_lease(domain, post, position)
            renewed = domain.clock()
        await asyncio.wait([transfer], timeout=STOP_CHECK_SECONDS)


async def _renew_lease(domain: Domain, post: PostRow, position: int) -> None:
    """Extend the lease on the post; raises Superseded if it no longer waits for this media file."""
    async with domain.db.transaction() as tx:
        row = await posts.find(tx, post.location, post.id, lock=True)
        if not _still_needs(row, post, position):
            raise Superseded
        stored = domain.leases.working(domain.clock())
        await posts.set_due(tx, post.location, post.id, stored.until)
    domain.leases.committed(post.location, post.id, stored)


def _still_needs(row: PostRow | None, post: PostRow, position: int) -> bool:
    """Return whether the post is unchanged in state and attempt, and has the same source at `position`."""
    if row is None or (row.state, row.attempt) != (post.state, post.attempt):
        return False
    return post_content.sources_of(row)[position : position + 1] == (post_content.sources_of(post)[position],)


@asynccontextmanager
async def _place(domain: Domain, tenant: Tenant) -> AsyncIterator[None]:
    """Take a place, or raise MediaUnavailable with a delay: slow servers must not occupy every worker."""
    if not domain.fetches.take(tenant):
        raise MediaUnavailable("Too many media are being fetched now.", retry_after=FETCH_RETRY)
    try:
        yield
    finally:
        domain.fetches.leave(tenant)


async def _transfer(domain: Domain, post: PostRow, position: int) -> PostRow:
    uri = await addresses.whole(domain, post, position)
    max_bytes, mime_types = await _limits(domain, post)
    async with _place(domain, post.tenant), domain.fetcher.open(uri, max_bytes=max_bytes) as media:
        mime_type = _mime_type(media, uri, mime_types)
        upload = await _create_upload(domain, post, media, mime_type)
        writer = Writer(domain, UploadSlots(), upload, "", lifetime=OPEN_LIFETIME)
        try:
            await _write(writer, media)
            row = await _attach(domain, post, position, writer)
        except BaseException:
            await _discard(writer)
            raise
    log.info("media.fetched", post=f"{post.location}/{post.id}", host=urlsplit(uri).hostname, size=writer.end)
    return row


async def _limits(domain: Domain, post: PostRow) -> tuple[int, tuple[str, ...]]:
    """Return the maximum size in bytes and the media types that the post's network accepts for its kind."""
    async with domain.db.read() as tx:
        account = await accounts.get(tx, post.location, post.account)
    limits = domain.providers[post.provider].table.limits_of(account.platform)
    if post_content.kind(post) == "photos":
        size, allowed = limits.max_photo_bytes, limits.photo_mime_types
    else:
        size, allowed = limits.max_video_bytes, limits.video_mime_types
    return min(size or upload_rules.MAX_SIZE, upload_rules.MAX_SIZE), allowed or upload_rules.MIME_TYPES


def _mime_type(media: Media, uri: str, allowed: tuple[str, ...]) -> str:
    """Return the media type that the server states, else the one of the file's suffix, else the unknown one.

    The bytes decide later; here only another kind of file is refused. Raises MediaInvalid.
    """
    found = types.canonical(media.mime_type) or media.mime_type
    kinds = {types.kind_of(each) for each in allowed}
    # "text/plain" is what old servers say of every name that they do not know.
    if found in ("", "text/plain") or types.kind_of(found) is Kind.UNKNOWN:
        suggested = types.of_suffix(urlsplit(uri).path) or types.of_suffix(media.suffix)
        if types.kind_of(suggested) in kinds:
            return suggested
        if types.kind_of(suggested or types.UNKNOWN) is not Kind.OTHER:
            return types.UNKNOWN
    elif types.kind_of(found) in kinds:
        return found
    metadata = {"rule": "mimeType", "value": found, "allowed": ",".join(allowed)}
    raise MediaInvalid(
        f"Its address gives {found or 'no type'}, allowed: {', '.join(allowed)}.",
        metadata={name: value for name, value in metadata.items() if value},
    )


async def _create_upload(domain: Domain, post: PostRow, media: Media, mime_type: str) -> UploadRow:
    """Create the upload if the location has room for it. Raises MediaInvalid, QuotaExceeded."""
    if media.size == 0:
        raise _empty_file()
    now = domain.clock()
    row = UploadRow(
        location=post.location,
        id=domain.new_id(),
        mime_type=mime_type,
        size_bytes=media.size or 0,
        create_time=now,
        expire_time=now + OPEN_LIFETIME,
    )
    async with domain.db.transaction() as tx:
        await upload_rules.check_room(domain, tx, post.location, row.size_bytes)
        return await uploads.insert(tx, row)


async def _write(writer: Writer, media: Media) -> None:
    """Store the bytes as they arrive, one part while the next is received; raises QuotaExceeded if they do not fit.

    A failure of our own storage becomes MediaUnavailable, so that the file is fetched again later.
    """
    try:
        async for piece in media.pieces:
            await writer.write(Piece(writer.end, piece, None, finish=False))
        if writer.end == 0:
            raise _empty_file()
        await writer.finish()
    except (MediaInvalid, QuotaExceeded):
        raise
    except DomainError as error:
        raise MediaUnavailable("The medium was fetched, but could not be stored.") from error


async def _attach(domain: Domain, post: PostRow, position: int, writer: Writer) -> PostRow:
    """Complete the upload and make the post refer to it, in one transaction; raises Superseded."""
    now = domain.clock()
    sha256 = str(writer.hasher.hexdigest())
    async with domain.db.transaction() as tx:
        done = await uploads.complete(
            tx,
            writer.location,
            writer.upload,
            size=writer.end,
            sha256=sha256,
            expire_time=now + upload_rules.COMPLETE_LIFETIME,
        )
        row = await posts.find(tx, post.location, post.id, lock=True)
        if not done or row is None or not _still_needs(row, post, position):
            raise Superseded
        values = post_content.with_upload(row, position, writer.upload)
        changed = await posts.change(
            tx, post.location, post.id, now, expect=[post.state], at_attempt=post.attempt, **values
        )
        if changed is None:
            raise Superseded
    return changed


async def _discard(writer: Writer) -> None:
    """Delete the upload, unless the post refers to it after all; if that fails, it expires."""
    domain, keys = writer.domain, list[str]()
    try:
        await writer.abandon()
        async with domain.db.transaction() as tx:
            await uploads.get(tx, writer.location, writer.upload, lock=True)
            if not await uploads.in_use(tx, writer.location, writer.upload):
                keys = await uploads.remove(tx, writer.location, writer.upload)
        await upload_rules.delete_bytes(domain.blobs, keys)
    except NotFound:
        return
    except Exception as error:
        log.warning("media.not_dropped", upload=writer.name, error=type(error).__name__)


def _empty_file() -> MediaInvalid:
    return MediaInvalid("Its address gives an empty file.", metadata={"rule": "sizeBytes", "value": "0"})
