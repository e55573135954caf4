"""How long the caller of the call at hand still waits.

Owns the context variable. What a client asked for is known to the server, what is done with the time to the rules.
"""

import time
from contextvars import ContextVar

_ends: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin(seconds: float | None) -> None:
    """Say that the call at hand ends in so many seconds; None when nobody set an end."""
    _ends.set(None if seconds is None else time.monotonic() + seconds)


def left() -> float | None:
    """Return the seconds until the call at hand ends, 0 when that is past; None outside a call, or without an end."""
    ends = _ends.get()
    return None if ends is None else max(0.0, ends - time.monotonic())
