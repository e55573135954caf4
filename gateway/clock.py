"""Time as an argument: the one place that reads the wall clock.

Owns `Clock` and its real implementation. Does not know its callers; tests pass a clock that they advance by hand.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time as an aware UTC datetime."""


def now() -> datetime:
    """Return the current time as an aware UTC datetime."""
    return datetime.now(UTC)
