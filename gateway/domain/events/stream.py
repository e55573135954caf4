"""StreamEvents: what happened since a position, then what happens, until the reader leaves.

Owns the order of the messages and the checkpoints between them. A batch is read when the one before has been taken: a
reader who is slow costs one batch of memory, and delays nobody.
"""

from collections.abc import AsyncIterator, Sequence
from time import monotonic

from gateway.domain.context import Domain
from gateway.domain.events.feeds import Batch, Feed
from storage.watchers import wait

BATCH = 100
CHECKPOINT_SECONDS = 30.0
"""After how long without an event a checkpoint is sent."""

FALLBACK_SECONDS = 5.0
"""How often the database is read without a notification while notifications may be missed."""


async def stream(domain: Domain, feed: Feed, start: int | None, types: Sequence[str] = ()) -> AsyncIterator[Batch]:
    """Yield batches of events behind `start`, None for the end; one without events is a checkpoint.

    The first is a checkpoint unless there are events already, so that the reader knows where the stream began. Raises
    CursorExpired.
    """
    async with feed.changes() as changed:
        position = await feed.head() if start is None else start
        silent_until = monotonic()
        while True:
            changed.clear()
            batch = await feed.read(position, types, BATCH)
            moved, position = batch.position > position, batch.position
            # Others' events wake the stream too: only what is sent ends a silence.
            if batch.events or monotonic() >= silent_until:
                silent_until = monotonic() + CHECKPOINT_SECONDS
                yield batch
            if not moved:
                left = max(0.0, silent_until - monotonic())
                await wait(changed, left if domain.listener.healthy else min(left, FALLBACK_SECONDS))
