"""WatchPost: the current post, then every state in order.

Owns the order of the states and the heartbeats between them. Changes nothing.
"""

from collections.abc import AsyncIterator

from gateway.domain.context import Domain
from gateway.domain.publishing import journal
from gateway.domain.publishing.journal import FINAL
from storage import events, posts
from storage.posts import PostRow
from storage.watchers import wait

FALLBACK_SECONDS = 5.0
"""How often the database is read without a notification while notifications may be missed."""

CHECKPOINT_SECONDS = 30.0
"""After how long without a change a heartbeat is sent."""


async def watch(domain: Domain, location: str, post: str) -> AsyncIterator[PostRow | None]:
    """Yield the current post, then each later state in order; the stream ends with a final state.

    None is a heartbeat after a silence. Progress within a state may be skipped, states never are. Raises storage's
    NotFound.
    """
    with domain.post_watchers.watch(posts.cache_key(location, post)) as changed:
        async with domain.db.read() as tx:
            cursor = await events.last(tx, location)
            row = await posts.get(tx, location, post)
        yield row
        silence = 0.0
        while row.state not in FINAL:
            # A thousand watchers that each looked every few seconds would keep a core busy.
            pause = CHECKPOINT_SECONDS - silence if domain.listener.healthy else FALLBACK_SECONDS
            notified = await wait(changed, pause)
            changed.clear()
            cursor, changes = await _changes_since(domain, row, cursor)
            silence = 0.0 if changes else silence + (0.0 if notified else pause)
            for row in changes:
                yield row
                if row.state in FINAL:
                    return
            if silence >= CHECKPOINT_SECONDS:
                silence = 0.0
                yield None


async def _changes_since(domain: Domain, last: PostRow, cursor: int) -> tuple[int, list[PostRow]]:
    """Return the new event cursor and the states after `last`: those of the events, and the row if that is newer."""
    name, recorded = journal.subject(last), list[PostRow]()
    async with domain.db.read() as tx:
        # The row is read first: every state up to it is then among the events, so that none is skipped.
        current = await posts.find(tx, last.location, last.id)
        while found := await events.after(tx, last.location, cursor, subject=name, limit=100):
            cursor = found[-1].number
            recorded += [PostRow.model_validate(event.payload["post"]) for event in found]
    changes = [row for row in recorded if row.version > last.version]
    if current is not None and current.version > max([last.version, *(row.version for row in changes)]):
        changes.append(current)
    return cursor, sorted(changes, key=lambda row: row.version)
