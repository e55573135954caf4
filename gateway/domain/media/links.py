"""Media links: URLs of ours from which a vendor fetches the media of one attempt, and nothing else.

Owns who may open one, for how long, and the proof that nobody did. A link is a random token of 256 bits, of which only
the digest is stored: it contains nothing that could be signed, and without a stored digest no token is valid. It has no
file name: vendors go by the media type. Serving the bytes is `gateway/http/media.py`.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.concurrency import Superseded
from gateway.domain.context import Domain
from gateway.domain.media import uploads as upload_rules
from gateway.media import types
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
    """The link that a token stands for, and the SHA-256 of its bytes in lower-case hex."""

    link: MediaLinkRow
    sha256: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request for a link: the client, the requested `size` bytes from `first` on, and the HTTP status it got."""

    remote: str
    agent: str
    first: int
    size: int
    status: int


async def create(
    domain: Domain, post: PostRow, attempt: int, files: Sequence[UploadRow], now: datetime, lifetime: timedelta
) -> list[Secret]:
    """Return a URL for each upload, in order; earlier links of the attempt become invalid.

    The uploads are kept at least as long as their links are valid. Raises Superseded for an attempt whose links were
    closed: a worker that was suspended between claiming the attempt and creating its links must not give any to a
    vendor.
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
            mime_type=types.sent_as(file.mime_type, file.media),
            size_bytes=file.size_bytes,
            create_time=now,
            expire_time=now + lifetime,
        )
        for position, (token, file) in enumerate(zip(tokens, files, strict=True))
    ]
    async with domain.db.transaction() as tx:
        await media.lock(tx, post.location, post.id, attempt)
        if not await media.replace(tx, post.location, post.id, attempt, rows, now):
            raise Superseded
        await uploads.extend(tx, post.location, [file.id for file in files], now + lifetime)
    base = domain.public_url.rstrip("/")
    return [Secret(f"{base}/{PATH}/{token.reveal()}") for token in tokens]


def digest_of(token: str) -> bytes:
    """Return the digest by which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def count_fetched(domain: Domain, location: str, post: str, attempt: int) -> int:
    """Return how many links of an attempt were fetched, or may have been, at least once."""
    async with domain.db.read() as tx:
        return await media.count_fetched(tx, location, post, attempt)


async def revoke_unfetched(domain: Domain, location: str, post: str, attempt: int) -> bool:
    """Close the links of an attempt if none was ever opened; True if nobody has fetched, or will fetch, any of them."""
    async with domain.db.transaction() as tx:
        await media.lock(tx, location, post, attempt)
        if await media.count_fetched(tx, location, post, attempt):
            return False
        await _close(domain, tx, location, post, attempt)
    return True


async def revoke(domain: Domain, location: str, post: str, attempt: int) -> None:
    """Close the links of an attempt for good; no others can be created for it."""
    async with domain.db.transaction() as tx:
        await media.lock(tx, location, post, attempt)
        await _close(domain, tx, location, post, attempt)


async def _close(domain: Domain, tx: Transaction, location: str, post: str, attempt: int) -> None:
    # No token has this digest: its text contains zero bytes, which a URL path cannot contain.
    mark = digest_of(f"closed\0{location}\0{post}\0{attempt}")
    await media.close(tx, location, post, attempt, mark, domain.clock())


async def find(domain: Domain, token: str) -> Found | None:
    """Return the link of a token, or None if it is not valid now; nothing is recorded."""
    async with domain.db.read() as tx:
        found = await media.find(tx, digest_of(token), domain.clock())
    return None if found is None else Found(*found)


async def open_link(domain: Domain, link: MediaLinkRow, fetch: Fetch) -> bool:
    """Record a fetch before its bytes are sent; False if the link is no longer valid, so that none may be sent."""
    async with domain.db.transaction() as tx:
        if not await media.open_for_fetch(tx, link.digest, domain.clock()):
            return False
        await media.log_fetch(tx, _fetch_row(domain, link, fetch))
    return True


async def record_refused(domain: Domain, link: MediaLinkRow, fetch: Fetch) -> None:
    """Record a request for bytes that do not exist; it does not count as a fetch."""
    async with domain.db.transaction() as tx:
        await media.log_fetch(tx, _fetch_row(domain, link, fetch))


def read(domain: Domain, link: MediaLinkRow, first: int, end: int) -> AsyncIterator[bytes]:
    """Yield bytes [first, end) of a link's upload, in constant memory; raises MediaInvalid where they are missing."""
    return upload_rules.read(domain, link.location, link.upload, first, end)


def _fetch_row(domain: Domain, link: MediaLinkRow, fetch: Fetch) -> MediaFetchRow:
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
