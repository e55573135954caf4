"""Where a vendor takes the media of one attempt from: its own library, a fresh link of ours, or the caller's address.

Owns which of them a medium goes by, and that an attempt's own are told apart from every other attempt's. Serving links
is `media`; the announcement itself is `announcing`.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from gateway.domain import post_content
from gateway.domain.concurrency import LEASE
from gateway.domain.context import Domain
from gateway.domain.media import links as media_links
from gateway.domain.media import uploads
from gateway.domain.post_content import Source
from gateway.domain.publishing import journal, moves
from gateway.domain.publishing.journal import Work
from gateway.media import types
from providers.models.publishing import Content
from providers.models.secret import Secret
from storage.posts import PostRow
from storage.uploads import UploadRow

LINK_SLACK = timedelta(minutes=5)
"""How much longer than the vendor's own time limit a media link lives."""

STORED = "stored"
"""The attempt's own addresses in the vendor's library, by position."""


async def store(domain: Domain, work: Work, files: Sequence[UploadRow]) -> Work:
    """Put what goes by the vendor's library there, one medium after the other; each is remembered before the next.

    Nothing is posted by it: who is cut off in the middle leaves a file too many. Raises ProviderError, DomainError.
    """
    post = work.post
    for position, (source, file) in enumerate(_with_files(post, files)):
        if not _by_library(domain, post, source) or file is None or str(position) in _stored(work):
            continue
        address = await _store_one(domain, work, position, file)
        kept = {**work.attempt.media, STORED: {**_stored(work), str(position): address.reveal()}}
        work = await journal.move(domain, work, work.attempt.state, post={"due_at": domain.clock() + LEASE}, media=kept)
    return work


async def _store_one(domain: Domain, work: Work, position: int, file: UploadRow) -> Secret:
    post = work.post

    def body() -> AsyncIterator[bytes]:
        return uploads.read(domain, post.location, file.id, 0, file.size_bytes)

    # Nobody else's: by its address the vendor's list tells this attempt from every other.
    name = f"{post.id}-{work.attempt.number}-{position}"
    access = moves.access_of(domain, post)
    storing = moves.publishing_of(domain, post).store(access, post_content.video_file(file), body, name=name)
    return await moves.call("store", storing)


async def content(domain: Domain, work: Work, files: Sequence[UploadRow]) -> Content:
    """Return what the vendor fetches, in order, each medium under its address."""
    post = work.post
    pairs = _with_files(post, files)
    linked = [file for source, file in pairs if file is not None and not _by_library(domain, post, source)]
    links = iter(await _links(domain, work, linked) if linked else [])
    uris = []
    for position, (source, file) in enumerate(pairs):
        if file is None:
            uris.append(Secret(source.uri))
        elif _by_library(domain, post, source):
            uris.append(Secret(_stored(work)[str(position)]))
        else:
            uris.append(next(links))
    kinds = [types.sent_as(file.mime_type, file.media) if file else "" for _, file in pairs]
    return post_content.linked_content(post, uris, kinds)


async def _links(domain: Domain, work: Work, files: Sequence[UploadRow]) -> list[Secret]:
    now, post = domain.clock(), work.post
    limit = domain.providers[post.provider].table.limits.pull_timeout or timedelta(hours=1)
    # A vendor that publishes later may fetch only then.
    waits = max(timedelta(0), (post.schedule_time or now) - now)
    return await media_links.create(domain, post, work.attempt.number, files, now, waits + limit + LINK_SLACK)


def by_links(domain: Domain, post: PostRow) -> bool:
    """Return whether the vendor gets at least one medium by a link of ours, and none before that is opened."""
    return any(source.upload and not _by_library(domain, post, source) for source in post_content.sources_of(post))


def own(work: Work) -> frozenset[str]:
    """Return the addresses in the vendor's library that only this attempt used."""
    return frozenset(_stored(work).values())


def _stored(work: Work) -> dict[str, str]:
    return dict(work.attempt.media.get(STORED, {}))


def _by_library(domain: Domain, post: PostRow, source: Source) -> bool:
    return domain.providers[post.provider].table.library and not source.vendor_pull


def _with_files(post: PostRow, files: Sequence[UploadRow]) -> list[tuple[Source, UploadRow | None]]:
    """Put beside each source its upload, None for one that the vendor fetches from the caller."""
    left = iter(files)
    return [(source, next(left) if source.upload else None) for source in post_content.sources_of(post)]
