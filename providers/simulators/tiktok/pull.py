"""Pulls: the vendor fetches media itself.

Owns: the fetching of PULL_FROM_URL. Knows nothing of who may pull from where.
"""

import httpx

from providers.simulators.tiktok.publications import Publication
from providers.simulators.tiktok.state import Vendor


def start(vendor: Vendor, publication: Publication) -> None:
    """Begin a pull; without `pull_media` it is over at once and brought no bytes."""
    if vendor.config.pull_media:
        vendor.spawn(_pull(vendor, publication))
    else:
        vendor.works.ready(publication, vendor.now())


async def _pull(vendor: Vendor, publication: Publication) -> None:
    try:
        async with httpx.AsyncClient(transport=vendor.transport, timeout=30, trust_env=False) as client:
            for url in publication.urls:
                await _fetch(client, url, publication)
    except httpx.HTTPError:
        reason = "video_pull_failed" if publication.media == "VIDEO" else "photo_pull_failed"
        if publication.processing:
            vendor.works.fail(publication, reason)
        return
    if publication.processing:
        vendor.works.ready(publication, vendor.now())
        vendor.settle()


async def _fetch(client: httpx.AsyncClient, url: str, publication: Publication) -> None:
    chunk = publication.received.chunk()
    async with client.stream("GET", url) as answer:
        if answer.status_code != 200:  # a redirect fails too
            raise httpx.HTTPStatusError("not fetched", request=answer.request, response=answer)
        async for piece in answer.aiter_raw():
            chunk.feed(piece)
    publication.received.store(chunk)
