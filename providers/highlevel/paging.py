"""HighLevel's lists that are paged by counting: how many to leave out, and where the next page begins.

Owns the cursor of those lists, which is a count. Knows no list; an item that goes while one pages shifts the rest.
"""

from providers.errors import ContentRefused
from providers.highlevel import wire
from providers.highlevel.config import PROVIDER


def skip_of(cursor: str) -> int:
    """Read a cursor; empty is the start. Raises ContentRefused."""
    number = wire.integer(cursor or "0")
    if number is None or number < 0:
        raise ContentRefused("The cursor is none of HighLevel's.", provider=PROVIDER, code="cursor")
    return number


def next_of(skip: int, rows: int, size: int, total: int | None) -> str:
    """Return the cursor after a page of `rows` of which `size` were asked for; empty when it was the last.

    Where there is no `total`, a full page is followed by another. HighLevel may give fewer than were asked for.
    """
    more = rows >= size if total is None else skip + rows < total
    return str(skip + rows) if rows and more else ""
