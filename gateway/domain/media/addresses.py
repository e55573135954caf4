"""Addresses of callers' media: what of one is shown, and the whole one, which is sealed at rest.

Owns the split: an address is shown without its query, where a presigned one has its secret. Fetches nothing, and does
not know which addresses are acceptable (`providers/http/public.py`).
"""

import json
from dataclasses import replace
from typing import Any

from gateway.domain import post_content
from gateway.domain.context import Domain
from storage import posts
from storage.database import Transaction
from storage.keys import LocationSealer
from storage.posts import PostRow

SEAL_LIMIT = 200
_PLACE = ("posts", "addresses_sealed", 1)


async def hide(domain: Domain, tx: Transaction, post: PostRow) -> None:
    """Seal the addresses of a post that have a query, and leave only what may be shown in its content.

    Raises KeyMissing.
    """
    sources = post_content.sources_of(post)
    whole = {
        str(position): source.uri
        for position, source in enumerate(sources)
        if not source.sealed and source.uri != post_content.shown(source.uri)
    }
    if not whole:
        return
    sealer = await domain.sealer.for_location(tx, post.location)
    table, column, version = _PLACE
    earlier = _open(sealer, post)
    plain = json.dumps({**earlier, **whole}).encode()
    post.addresses_sealed = sealer.seal(table, post.id, column, version, plain)
    hidden = [
        replace(source, uri=post_content.shown(source.uri), sealed=True) if str(position) in whole else source
        for position, source in enumerate(sources)
    ]
    post.content = post_content.with_sources(post, hidden)["content"]


async def whole(domain: Domain, post: PostRow, position: int) -> str:
    """Return the address of a source as the caller sent it; raises KeyMissing."""
    source = post_content.sources_of(post)[position]
    if not source.sealed:
        return source.uri
    async with domain.db.read() as tx:
        sealer = await domain.sealer.for_location(tx, post.location)
    return _open(sealer, post)[str(position)]


def _open(sealer: LocationSealer, post: PostRow) -> dict[str, str]:
    """Return the sealed addresses of a post by the position of their source."""
    if post.addresses_sealed is None:
        return {}
    table, column, version = _PLACE
    opened: dict[str, Any] = json.loads(sealer.open(table, post.id, column, version, post.addresses_sealed))
    return opened


async def hide_earlier(domain: Domain) -> int:
    """Seal what earlier versions stored in clear, batch by batch; return how many posts had such an address.

    Looks at every post, so run it seldom.
    """
    done, more = 0, SEAL_LIMIT
    while more == SEAL_LIMIT:
        async with domain.db.transaction() as tx:
            found = await posts.with_query(tx, SEAL_LIMIT)
            for post in found:
                await hide(domain, tx, post)
        more = len(found)
        done += more
    return done
