"""A medium from a caller's address becomes an upload of the post's location, which the post then points to.

Owns the order (bytes first, then in one transaction the end of the upload and the post that needs it), what a stop or
another worker leaves behind, and which kind of file is taken. How strangers are asked is `providers/http/fetch.py`'s,
how parts are stored `gateway/domain/media/upload_stream.py`'s.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import structlog

from gateway.domain import post_content
from gateway.domain.concurrency import LEASE, Superseded
from gateway.domain.context import Domain
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
from storage.posts import PostRow
from storage.uploads import UploadRow

log = structlog.get_logger(__name__)

OPEN_KEPT = timedelta(hours=2)
"""How long what a dead worker had fetched is kept: nobody goes on with it."""

PUSH = timedelta(seconds=10)
"""How often the sweeper is told that the post is being worked on."""

BEAT_SECONDS = 0.25
"""How often a stop is looked for."""


async def fetch(
    domain: Domain, post: PostRow, position: int, *, stopping: Callable[[], bool] = lambda: False
) -> PostRow:
    """Fetch the source at `position` into a new upload, and give the post that points to it.

    When `stopping` turns true, nothing is kept and the post is given as it was. Raises Overtaken when the post moved on
    meanwhile, MediaUnavailable when waiting can help; MediaUnreachable, MediaTooLarge, MediaInvalid and QuotaExceeded
    when it cannot.
    """
    transfer = asyncio.create_task(_transfer(domain, post, position))
    try:
        await _tend(domain, post, position, transfer, stopping)
    finally:
        transfer.cancel()
        await asyncio.wait([transfer])
        failed = None if transfer.cancelled() else transfer.exception()
    if failed is not None:
        raise failed
    return post if transfer.cancelled() else transfer.result()


async def _tend(
    domain: Domain, post: PostRow, position: int, transfer: asyncio.Task[PostRow], stopping: Callable[[], bool]
) -> None:
    """Keep the sweeper away until the transfer is done or is to be stopped."""
    pushed = domain.clock() - PUSH
    while not transfer.done():
        if stopping():
            return
        if domain.clock() - pushed >= PUSH:
            await _push(domain, post, position)
            pushed = domain.clock()
        await asyncio.wait([transfer], timeout=BEAT_SECONDS)


async def _push(domain: Domain, post: PostRow, position: int) -> None:
    """Say that the post is being worked on; raises Overtaken when it no longer waits for this medium."""
    async with domain.db.transaction() as tx:
        row = await posts.find(tx, post.location, post.id, lock=True)
        if not _waits(row, post, position):
            raise Superseded
        await posts.set_due(tx, post.location, post.id, domain.clock() + LEASE)


def _waits(row: PostRow | None, post: PostRow, position: int) -> bool:
    """Return whether a post still stands where it was read, and wants the same medium."""
    if row is None or (row.state, row.attempt) != (post.state, post.attempt):
        return False
    return post_content.sources_of(row)[position : position + 1] == (post_content.sources_of(post)[position],)


async def _transfer(domain: Domain, post: PostRow, position: int) -> PostRow:
    uri = post_content.sources_of(post)[position].uri
    max_bytes, mime_types = await _limits(domain, post)
    async with domain.fetcher.open(uri, max_bytes=max_bytes, key=post.location) as medium:
        mime_type = _mime_type(medium, uri, mime_types)
        upload = await _announce(domain, post, medium, mime_type)
        writer = Writer(domain, UploadSlots(), upload, "", lifetime=OPEN_KEPT)
        try:
            await _write(writer, medium)
            row = await _point(domain, post, position, writer)
        except BaseException:
            await _drop(writer)
            raise
    log.info("media.fetched", post=f"{post.location}/{post.id}", host=urlsplit(uri).hostname, size=writer.end)
    return row


async def _limits(domain: Domain, post: PostRow) -> tuple[int, tuple[str, ...]]:
    """Return how many bytes, and which types, the post's network takes of such a medium."""
    async with domain.db.read() as tx:
        account = await accounts.get(tx, post.location, post.account)
    limits = domain.providers[post.provider].table.limits_of(account.platform)
    if post.content.get("kind") == "photos":
        size, allowed = limits.max_photo_bytes, limits.photo_mime_types
    else:
        size, allowed = limits.max_video_bytes, limits.video_mime_types
    return min(size or upload_rules.MAX_SIZE, upload_rules.MAX_SIZE), allowed or upload_rules.MIME_TYPES


def _mime_type(medium: Media, uri: str, allowed: tuple[str, ...]) -> str:
    """Return the medium's type as its server says, else by the suffix of its address, else the one that says nothing.

    Its bytes will decide; here only what is of another kind is refused. Raises MediaInvalid.
    """
    found = types.canonical(medium.mime_type) or medium.mime_type
    kinds = {types.kind_of(each) for each in allowed}
    # "text/plain" is what old servers say of every name that they do not know.
    if found in ("", "text/plain") or types.kind_of(found) is Kind.UNKNOWN:
        suggested = types.of_suffix(urlsplit(uri).path) or types.of_suffix(medium.suffix)
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


async def _announce(domain: Domain, post: PostRow, medium: Media, mime_type: str) -> UploadRow:
    """Make the upload, when the location has room for it. Raises MediaInvalid, QuotaExceeded."""
    if medium.size == 0:
        raise _empty()
    now = domain.clock()
    row = UploadRow(
        location=post.location,
        id=domain.new_id(),
        mime_type=mime_type,
        size_bytes=medium.size or 0,
        create_time=now,
        expire_time=now + OPEN_KEPT,
    )
    async with domain.db.transaction() as tx:
        await upload_rules.check_room(tx, post.location, row.size_bytes)
        return await uploads.insert(tx, row)


async def _write(writer: Writer, medium: Media) -> None:
    """Store the bytes as they come, one part while the next is gathered; raises QuotaExceeded when they do not fit.

    A fault of our own storage is no fault of the medium: MediaUnavailable, so that it is fetched again later.
    """
    try:
        async for piece in medium.pieces:
            await writer.write(Piece(writer.end, piece, None, finish=False))
        if writer.end == 0:
            raise _empty()
        await writer.finish()
    except (MediaInvalid, QuotaExceeded):
        raise
    except DomainError as error:
        raise MediaUnavailable("The medium was fetched, but could not be stored.") from error


async def _point(domain: Domain, post: PostRow, position: int, writer: Writer) -> PostRow:
    """Close the upload and make the post point to it, both or none; raises Overtaken."""
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
        if not done or row is None or not _waits(row, post, position):
            raise Superseded
        values = post_content.with_upload(row, position, writer.upload)
        changed = await posts.change(
            tx, post.location, post.id, now, expect=[post.state], at_attempt=post.attempt, **values
        )
        if changed is None:
            raise Superseded
    return changed


async def _drop(writer: Writer) -> None:
    """Remove what was fetched, unless the post points to it after all; what fails here expires by itself."""
    domain, keys = writer.domain, list[str]()
    try:
        await writer.abandon()
        async with domain.db.transaction() as tx:
            await uploads.get(tx, writer.location, writer.upload, lock=True)
            if not await uploads.in_use(tx, writer.location, writer.upload):
                keys = await uploads.remove(tx, writer.location, writer.upload)
        await domain.blobs.delete(keys)
    except NotFound:
        return
    except Exception as error:
        log.warning("media.not_dropped", upload=writer.name, error=type(error).__name__)


def _empty() -> MediaInvalid:
    return MediaInvalid("Its address gives an empty file.", metadata={"rule": "sizeBytes", "value": "0"})
