"""Where a vendor gets the media of one attempt from: its own library, one of our media links, or the caller's address.

Owns that choice, and that an attempt's addresses differ from those of every other attempt. Serving links is `media`;
the submit call is `submit`.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from gateway.domain import post_content
from gateway.domain.context import Domain
from gateway.domain.media import addresses, uploads
from gateway.domain.media import links as media_links
from gateway.domain.post_content import Source
from gateway.domain.publishing import journal, moves
from gateway.domain.publishing.journal import Work
from gateway.media import types
from providers.models.publishing import Content
from providers.models.secret import Secret
from storage.posts import PostRow
from storage.uploads import UploadRow

LINK_SLACK = timedelta(minutes=5)
"""How much longer than the vendor's own time limit a media link is valid."""

STORED = "stored"
"""The key in `AttemptRow.media` of the attempt's addresses in the vendor's library, by position."""


async def store(domain: Domain, work: Work, files: Sequence[UploadRow]) -> Work:
    """Store the media that belong in the vendor's library there, one after the other; each is recorded before the next.

    This publishes nothing: an interruption at worst leaves an unused file. Raises ProviderError, DomainError.
    """
    post = work.post
    for position, (source, file) in enumerate(_pair_with_uploads(post, files)):
        if not _goes_to_library(domain, post, source) or file is None or str(position) in _stored(work):
            continue
        address = await _store_one(domain, work, position, file)
        media = {**work.attempt.media, STORED: {**_stored(work), str(position): address.reveal()}}
        work = await journal.move(domain, work, work.attempt.state, working=True, media=media)
    return work


async def _store_one(domain: Domain, work: Work, position: int, file: UploadRow) -> Secret:
    post = work.post

    def body() -> AsyncIterator[bytes]:
        return uploads.read(domain, post.location, file.id, 0, file.size_bytes)

    # A unique name gives a unique address, by which this attempt is recognized in the vendor's list.
    name = f"{post.id}-{work.attempt.number}-{position}"
    access = moves.access_of(domain, post)
    request = moves.publishing_of(domain, post).store(access, post_content.video_file(file), body, name=name)
    return await moves.call("store", request)


async def content(domain: Domain, work: Work, files: Sequence[UploadRow]) -> Content:
    """Return the content of the submit call: every media file with its address, in order."""
    post = work.post
    pairs = _pair_with_uploads(post, files)
    linked = [file for source, file in pairs if file is not None and not _goes_to_library(domain, post, source)]
    links = iter(await _links(domain, work, linked) if linked else [])
    uris = []
    for position, (source, file) in enumerate(pairs):
        if file is None:
            uris.append(Secret(await addresses.whole(domain, post, position)))
        elif _goes_to_library(domain, post, source):
            uris.append(Secret(_stored(work)[str(position)]))
        else:
            uris.append(next(links))
    kinds = [types.sent_as(file.mime_type, file.media) if file else "" for _, file in pairs]
    return post_content.linked_content(post, uris, kinds)


async def _links(domain: Domain, work: Work, files: Sequence[UploadRow]) -> list[Secret]:
    now, post = domain.clock(), work.post
    limit = domain.providers[post.provider].table.limits.pull_timeout or timedelta(hours=1)
    # A vendor that publishes later may fetch the media only then.
    wait = max(timedelta(0), (post.schedule_time or now) - now)
    return await media_links.create(domain, post, work.attempt.number, files, now, wait + limit + LINK_SLACK)


def uses_links(domain: Domain, post: PostRow) -> bool:
    """Return whether the vendor gets at least one media file by one of our links, so that it cannot publish before."""
    return any(source.upload and not _goes_to_library(domain, post, source) for source in post_content.sources_of(post))


def own_addresses(work: Work) -> frozenset[str]:
    """Return the addresses in the vendor's library that only this attempt uses."""
    return frozenset(_stored(work).values())


def _stored(work: Work) -> dict[str, str]:
    return dict(work.attempt.media.get(STORED, {}))


def _goes_to_library(domain: Domain, post: PostRow, source: Source) -> bool:
    return domain.providers[post.provider].table.library and not source.vendor_pull


def _pair_with_uploads(post: PostRow, files: Sequence[UploadRow]) -> list[tuple[Source, UploadRow | None]]:
    """Pair each source with its upload, None if the vendor fetches it from the caller's address."""
    remaining = iter(files)
    return [(source, next(remaining) if source.upload else None) for source in post_content.sources_of(post)]
