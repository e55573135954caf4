"""PULL_FROM_URL: the vendor fetches the media.

Owns: fetching, and which media are refused. Knows nothing of which URLs are permitted.
"""

from urllib.parse import urlsplit

import httpx

from providers.simulators.common.http import is_loopback, media_type
from providers.simulators.common.outgoing import make_client
from providers.simulators.tiktok.publications import LARGEST_FILE, Publication
from providers.simulators.tiktok.state import Vendor

# Pages "Media Transfer Guide" and "Content Posting API - Media", read 2026-11-20. The meaning of
# "20 MB" is not documented; the decimal one is stricter. Nor is the fail reason of a file that is too large.
LARGEST_PHOTO = 20_000_000
TYPES = {"VIDEO": ("video/mp4", "video/quicktime", "video/webm"), "PHOTO": ("image/jpeg", "image/webp")}
TOO_LARGE = {"VIDEO": "file_format_check_failed", "PHOTO": "picture_size_check_failed"}
LARGEST = {"VIDEO": LARGEST_FILE, "PHOTO": LARGEST_PHOTO}


class _Refused(Exception):
    """The media cannot be used; `reason` is the fail reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def start(vendor: Vendor, publication: Publication) -> None:
    """Begin a pull; without `pull_media` it completes at once, without bytes."""
    if vendor.config.pull_media:
        vendor.publisher.pull(publication)
        vendor.spawn(lambda: _pull(vendor, publication))
    else:
        vendor.publisher.ready(publication, vendor.now())


async def _pull(vendor: Vendor, publication: Publication) -> None:
    try:
        async with make_client(vendor, timeout=30) as client:
            for url in publication.urls:
                await _fetch(client, url, publication)
    except (httpx.HTTPError, httpx.InvalidURL, _Refused) as error:
        if publication.processing:
            vendor.publisher.fail(publication, error.reason if isinstance(error, _Refused) else publication.pull_failed)
        return
    if publication.processing:
        vendor.publisher.ready(publication, vendor.now())
        vendor.settle()


async def _fetch(client: httpx.AsyncClient, url: str, publication: Publication) -> None:
    """Fetch one file; stop when the publication has ended in the meantime."""
    if not _reachable(url):
        raise _Refused(publication.pull_failed)
    chunk = publication.received.chunk()
    async with client.stream("GET", url) as answer:
        if answer.status_code != 200:  # a redirect fails too
            raise _Refused(publication.pull_failed)
        if media_type(answer.headers) not in TYPES[publication.media]:
            raise _Refused("file_format_check_failed")
        async for piece in answer.aiter_raw():
            chunk.feed(piece)
            if chunk.size > LARGEST[publication.media]:
                raise _Refused(TOO_LARGE[publication.media])
            if not publication.processing:
                return
    publication.received.store(chunk)


def _reachable(url: str) -> bool:
    """Return whether a URL is https, or plain http of a developer's own machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname)
