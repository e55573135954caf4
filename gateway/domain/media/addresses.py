"""Addresses of callers' media: what of one is shown, and the whole one, which is sealed at rest.

Owns the split: an address is shown without its query, where a presigned one has its secret. Fetches nothing, and does
not know which addresses are acceptable (`providers/http/public.py`).
"""

import json
from dataclasses import replace
from typing import Any

import structlog

from gateway.domain import post_content
from gateway.domain.context import Domain
from storage import events, posts
from storage.database import Transaction
from storage.key_ring import KeyMissing, KeyWrong
from storage.keys import LocationSealer
from storage.posts import PostRow

log = structlog.get_logger(__name__)

SEAL_LIMIT = 200
EVENTS_LIMIT = 1000
_PLACE = ("posts", "addresses_sealed", 1)


async def hide(domain: Domain, tx: Transaction, post: PostRow, *, mark: bool = True) -> None:
    """Seal the addresses of a post that have a query, and leave only what may be shown in its content.

    With `mark` versions that do not know of this cannot read the content. Raises KeyMissing, KeyWrong.
    """
    sources = post_content.sources_of(post)
    whole = {
        str(position): source.uri
        for position, source in enumerate(sources)
        if source.uri != post_content.shown(source.uri)
    }
    if not whole:
        return
    sealer = await domain.sealer.for_location(tx, post.location)
    table, column, version = _PLACE
    earlier = _open(sealer, post)
    plain = json.dumps({**earlier, **whole}).encode()
    post.addresses_sealed = sealer.seal(table, post.id, column, version, plain)
    hidden = [
        replace(source, uri=post_content.shown(source.uri), sealed=mark) if str(position) in whole else source
        for position, source in enumerate(sources)
    ]
    post.content = post_content.with_sources(post, hidden)["content"]


async def whole(domain: Domain, post: PostRow, position: int) -> str:
    """Return the address of a source as the caller sent it; raises KeyMissing."""
    source = post_content.sources_of(post)[position]
    if post.addresses_sealed is None:
        return source.uri
    async with domain.db.read() as tx:
        sealer = await domain.sealer.for_location(tx, post.location)
    return _open(sealer, post).get(str(position), source.uri)


def _open(sealer: LocationSealer, post: PostRow) -> dict[str, str]:
    """Return the sealed addresses of a post by the position of their source."""
    if post.addresses_sealed is None:
        return {}
    table, column, version = _PLACE
    opened: dict[str, Any] = json.loads(sealer.open(table, post.id, column, version, post.addresses_sealed))
    return opened


async def hide_earlier(domain: Domain) -> int:
    """Seal what earlier versions stored in clear in posts that nobody works on; return in how many.

    Leaves out those whose location has a key that is not there. Looks at every post, so run it seldom.
    """
    done, missing = 0, set[str]()
    after: tuple[str, str] | None = ("", "")
    while after is not None:
        async with domain.db.transaction() as tx:
            found = await posts.idle_with_query(tx, after, SEAL_LIMIT)
            for post in found:
                try:
                    # Processes of earlier versions may run still, and go on reading these posts.
                    await hide(domain, tx, post, mark=False)
                    done += 1
                except (KeyMissing, KeyWrong) as error:
                    if post.location not in missing:
                        log.warning("addresses.key_missing", location=post.location, key=error.key_id)
                    missing.add(post.location)
        after = (found[-1].location, found[-1].id) if len(found) == SEAL_LIMIT else None
    return done


async def hide_earlier_events(domain: Domain) -> int:
    """Cut off what earlier versions stored in clear in events; return in how many. Looks at every event."""
    done, after = 0, ("", 0)
    while True:
        async with domain.db.transaction() as tx:
            page = await events.cut_queries(tx, after, EVENTS_LIMIT)
        if page is None:
            return done
        after, cut = page
        done += cut
