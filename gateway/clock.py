"""Time as an argument: the one place that reads the wall clock.

Owns `Clock` and the real one. Does not know who asks; tests pass a clock that they move by hand.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present as an aware UTC datetime."""


def now() -> datetime:
    """Return the present as an aware UTC datetime."""
    return datetime.now(UTC)
