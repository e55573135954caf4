"""Media links: addresses of ours under which a vendor fetches the media of one attempt, and nobody anything else.

Owns who may open one, for how long, and the proof that nobody did. A link is a random token of 256 bits, known here by
its digest only: there is nothing to sign, because there is nothing in it, and what was never written down cannot be
made. It carries no file name: a vendor goes by the media type. Serving the bytes is `gateway/http/media.py`.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.media import uploads as upload_rules
from providers.models.secret import Secret
from storage import media, uploads
from storage.database import Transaction
from storage.media import MediaFetchRow, MediaLinkRow
from storage.posts import PostRow
from storage.uploads import UploadRow

PATH = "media"
MAX_AGENT = 200


@dataclass(frozen=True, slots=True)
class Found:
    """What a token opens: the link, and the SHA-256 of its bytes in lower-case hex."""

    link: MediaLinkRow
    sha256: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Who asked, for `size` bytes from `first` on, and with which HTTP status it was answered."""

    remote: str
    agent: str
    first: int
    size: int
    status: int


async def links(
    domain: Domain, post: PostRow, attempt: int, files: Sequence[UploadRow], now: datetime, lifetime: timedelta
) -> list[Secret]:
    """Return an address for each upload, in order; what the attempt had before opens nothing any more.

    The uploads are kept at least as long as their links live. Raises Overtaken for an attempt whose links were closed:
    whoever slept between its announcement and its links must not give a vendor what to fetch.
    """
    tokens = [Secret(secrets.token_urlsafe(32)) for _ in files]
    rows = [
        MediaLinkRow(
            digest=digest_of(token.reveal()),
            location=post.location,
            post=post.id,
            attempt=attempt,
            position=position,
            upload=file.id,
            mime_type=file.mime_type,
            size_bytes=file.size_bytes,
            create_time=now,
            expire_time=now + lifetime,
        )
        for position, (token, file) in enumerate(zip(tokens, files, strict=True))
    ]
    async with domain.db.transaction() as tx:
        await media.hold(tx, post.location, post.id, attempt)
        if not await media.replace(tx, post.location, post.id, attempt, rows, now):
            raise Superseded
        await uploads.keep(tx, post.location, [file.id for file in files], now + lifetime)
    base = domain.public_url.rstrip("/")
    return [Secret(f"{base}/{PATH}/{token.reveal()}") for token in tokens]


def digest_of(token: str) -> bytes:
    """Return what a token is known by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def fetched(domain: Domain, location: str, post: str, attempt: int) -> int:
    """Count the links of an attempt of which bytes left, or may have left, at least once."""
    async with domain.db.read() as tx:
        return await media.fetched(tx, location, post, attempt)


async def revoke_unfetched(domain: Domain, location: str, post: str, attempt: int) -> bool:
    """Close the links of an attempt if none was ever opened; True when nobody got, or ever gets, anything by them."""
    async with domain.db.transaction() as tx:
        await media.hold(tx, location, post, attempt)
        if await media.fetched(tx, location, post, attempt):
            return False
        await _close(domain, tx, location, post, attempt)
    return True


async def revoke(domain: Domain, location: str, post: str, attempt: int) -> None:
    """Close the links of an attempt for good; it gets no others."""
    async with domain.db.transaction() as tx:
        await media.hold(tx, location, post, attempt)
        await _close(domain, tx, location, post, attempt)


async def _close(domain: Domain, tx: Transaction, location: str, post: str, attempt: int) -> None:
    # No token has this digest: it is of a text with zero bytes, which no path can carry to us.
    mark = digest_of(f"closed\0{location}\0{post}\0{attempt}")
    await media.close(tx, location, post, attempt, mark, domain.clock())


async def look(domain: Domain, token: str) -> Found | None:
    """Return what a token opens now, without noting that anybody asked; None when it opens nothing."""
    async with domain.db.read() as tx:
        found = await media.find(tx, digest_of(token), domain.clock())
    return None if found is None else Found(*found)


async def open_link(domain: Domain, link: MediaLinkRow, fetch: Fetch) -> bool:
    """Note who gets the bytes that are about to leave; False when the link opens nothing any more: none may leave."""
    async with domain.db.transaction() as tx:
        if not await media.open_for_fetch(tx, link.digest, domain.clock()):
            return False
        await media.log_fetch(tx, _row(domain, link, fetch))
    return True


async def note(domain: Domain, link: MediaLinkRow, fetch: Fetch) -> None:
    """Keep who asked for bytes that are not there; it proves no fetch."""
    async with domain.db.transaction() as tx:
        await media.log_fetch(tx, _row(domain, link, fetch))


def read(domain: Domain, link: MediaLinkRow, first: int, end: int) -> AsyncIterator[bytes]:
    """Return bytes [first, end) of what a link opens, in constant memory; raises MediaInvalid where they are lost."""
    return upload_rules.read(domain, link.location, link.upload, first, end)


def _row(domain: Domain, link: MediaLinkRow, fetch: Fetch) -> MediaFetchRow:
    return MediaFetchRow(
        id=domain.new_id(),
        digest=link.digest,
        time=domain.clock(),
        remote=fetch.remote,
        user_agent=fetch.agent[:MAX_AGENT],
        first=fetch.first,
        size=fetch.size,
        status=fetch.status,
    )
