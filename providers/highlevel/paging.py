"""Cursors of HighLevel's lists that are paged by offset.

Owns the cursor, which is the number of rows to skip. Does not know any list; a row deleted meanwhile shifts the rest.
"""

from providers.errors import ContentRefused
from providers.highlevel import wire
from providers.highlevel.config import PROVIDER


def skip_of(cursor: str) -> int:
    """Return the offset of a cursor, 0 for an empty one. Raises ContentRefused."""
    number = wire.integer(cursor or "0")
    if number is None or number < 0:
        raise ContentRefused("The cursor is not one of HighLevel's.", provider=PROVIDER, code="cursor")
    return number


def next_of(skip: int, rows: int, size: int, total: int | None) -> str:
    """Return the cursor after a page of `rows` rows of `size` requested ones; empty if it was the last.

    Without a `total` a full page is assumed to be followed by another. HighLevel may return fewer than requested.
    """
    more = rows >= size if total is None else skip + rows < total
    return str(skip + rows) if rows and more else ""
