"""Fetch media: those of a post when it is published, and those of a hosted upload.

Owns: fetching, and which media are refused. Knows nothing of when media are fetched.
"""

import hashlib
from dataclasses import dataclass

import httpx

from providers.simulators.common.http import media_type
from providers.simulators.common.outgoing import make_client
from providers.simulators.common.vendor import Vendor
from providers.simulators.highlevel.media_files import MediaFiles
from providers.simulators.highlevel.planner import Planner
from providers.simulators.highlevel.post_records import PostRecord

LARGEST = 1_000_000_000
UNREACHABLE = "Media could not be downloaded"
NOT_MEDIA = "Media has an unsupported format"
TOO_LARGE = "Media is too large"


@dataclass(frozen=True, slots=True)
class FetchedMedia:
    """A fetched file: hash, size and type."""

    sha256: str
    size: int
    media_type: str


class MediaUnavailable(Exception):
    """The media could not be fetched or cannot be used."""


async def pull(vendor: Vendor, planner: Planner, files: MediaFiles, record: PostRecord) -> None:
    """Fetch the media of a post, which then is published or fails."""
    try:
        every = [await fetch(vendor, files, str(each["url"])) for each in record.media]
    except MediaUnavailable as error:
        planner.fail(record, str(error))
        return
    planner.fetched(record, tuple(each.sha256 for each in every), tuple(each.size for each in every))
    vendor.settle()


async def fetch(vendor: Vendor, files: MediaFiles, url: str) -> FetchedMedia:
    """Fetch one file; files of the vendor's own media library need no network. Raise MediaUnavailable."""
    own = files.by_url(url)
    if own is not None:
        return FetchedMedia(own.sha256, own.size, own.media_type)
    if not url.startswith(("https://", "http://")):
        raise MediaUnavailable(UNREACHABLE)
    try:
        async with (
            make_client(vendor, timeout=30, follow_redirects=True) as client,
            client.stream("GET", url) as answer,
        ):
            return await _read(answer)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise MediaUnavailable(UNREACHABLE) from None


async def _read(answer: httpx.Response) -> FetchedMedia:
    kind = media_type(answer.headers)
    if answer.status_code != 200:
        raise MediaUnavailable(UNREACHABLE)
    if not kind.startswith(("video/", "image/")):
        raise MediaUnavailable(NOT_MEDIA)
    digest, size = hashlib.sha256(), 0
    async for piece in answer.aiter_bytes():
        digest.update(piece)
        size += len(piece)
        if size > LARGEST:
            raise MediaUnavailable(TOO_LARGE)
    if not size:
        raise MediaUnavailable(UNREACHABLE)
    return FetchedMedia(digest.hexdigest(), size, kind)
