"""Time as an argument: the one place that reads the wall clock.

Owns `Clock` and its real implementation. Does not know its callers; tests pass a clock that they advance by hand.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the current time as an aware UTC datetime."""


def now() -> datetime:
    """Return the current time as an aware UTC datetime."""
    return datetime.now(UTC)


def is_younger(time: datetime, age: timedelta, now: datetime) -> bool:
    """Return whether `time` is less than `age` ago; one as far in the future is from before the clock was set back."""
    return abs(now - time) < age
