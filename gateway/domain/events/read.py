"""ListEvents.

Owns when a page is no longer complete. Changes nothing.
"""

from collections.abc import Sequence

from gateway.domain.context import Domain
from gateway.domain.events.cursors import expired
from storage import events
from storage.events import EventRow


async def page(
    domain: Domain, location: str, after: int | None, *, subject: str | None, types: Sequence[str], limit: int
) -> Sequence[EventRow]:
    """Return the events after a number, None for the oldest; raises CursorExpired if some after it are gone."""
    async with domain.db.read() as tx:
        rows = await events.after(tx, location, after or 0, subject=subject, types=types, limit=limit)
        # Read after the rows: what was pruned in between may have been among them.
        if after is not None and after < await events.pruned(tx, location):
            raise expired(domain.clock())
    return rows
