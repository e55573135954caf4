"""WatchPost: a post as it is, then every state in order.

Owns the order of the states and the signs of life. Changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator

from gateway.domain.context import Domain
from gateway.domain.publishing import journal
from gateway.domain.publishing.journal import FINAL
from storage import events, posts
from storage.posts import PostRow

FALLBACK_SECONDS = 5.0
CHECKPOINT_SECONDS = 30.0


async def watch(domain: Domain, location: str, post: str) -> AsyncIterator[PostRow | None]:
    """Yield the post as it is, then after every change, each state in the order it came; ends at a final one.

    None is a sign of life after a silence. Progress within a state may be skipped, states never are.
    """
    with domain.post_watchers.watch(posts.cache_key(location, post)) as changed:
        async with domain.db.read() as tx:
            cursor = await events.last(tx, location)
            row = await posts.get(tx, location, post)
        yield row
        silence = 0.0
        while row.state not in FINAL:
            woken = await _wait(changed, FALLBACK_SECONDS)
            changed.clear()
            cursor, news = await _news(domain, row, cursor)
            silence = 0.0 if news else silence + (0.0 if woken else FALLBACK_SECONDS)
            for row in news:
                yield row
                if row.state in FINAL:
                    return
            if silence >= CHECKPOINT_SECONDS:
                silence = 0.0
                yield None


async def _wait(changed: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(changed.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _news(domain: Domain, seen: PostRow, cursor: int) -> tuple[int, list[PostRow]]:
    """Return the states that came after `seen`, from their events, and the post as it is now if that is newer still."""
    name, news = journal.subject(seen), []
    async with domain.db.read() as tx:
        # The row first: every state up to it is then among the events, so none is passed over.
        now = await posts.find(tx, seen.location, seen.id)
        while found := await events.after(tx, seen.location, cursor, subject=name, limit=100):
            cursor = found[-1].number
            news += [PostRow.model_validate(event.payload["post"]) for event in found]
    version = seen.version
    fresh = [row for row in news if row.version > version]
    if now is not None and now.version > max([version, *(row.version for row in fresh)]):
        fresh.append(now)
    return cursor, _in_order(fresh)


def _in_order(rows: list[PostRow]) -> list[PostRow]:
    return sorted(rows, key=lambda row: row.version)
