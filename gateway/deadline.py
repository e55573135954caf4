"""The deadline of the current call.

Owns the context variable. The pipeline sets it from what the client asked for; the domain decides how to use the time.
"""

import time
from contextvars import ContextVar

_ends: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin(seconds: float | None) -> None:
    """Set the current call's deadline to `seconds` from now; None means no deadline."""
    _ends.set(None if seconds is None else time.monotonic() + seconds)


def left() -> float | None:
    """Return the seconds until the deadline, 0 once it has passed; None outside a call or without a deadline."""
    ends = _ends.get()
    return None if ends is None else max(0.0, ends - time.monotonic())
