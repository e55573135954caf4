"""The arithmetic of sliding windows: what counts now, and when the next one is free.

Owns the numbers; times are seconds since 1970, spans are seconds. Knows neither rows nor vendors nor clocks.
"""

from collections.abc import Sequence

CALL_SECONDS = 50.0
"""How long a call may run, and a little more: whoever dies in it has used its slot until then."""

SKEW_SECONDS = 0.25
"""How far the clocks of two processes may be apart without one of them calling too early."""


def live(stamps: Sequence[float], now: float, window: float) -> list[float]:
    """Return the stamps that count within the window that ends now, oldest first; a call that still runs counts as now.

    The stamp of a running call lies in the future, where it stays when the call never ends.
    """
    return sorted(min(stamp, now) for stamp in stamps if stamp > now - window)


def kept(stamps: Sequence[float], now: float, window: float) -> list[float]:
    """Return the stamps that may still count for any process, as they are."""
    return sorted(stamp for stamp in stamps if stamp > now - window - SKEW_SECONDS)


def without(stamps: Sequence[float], stamp: float | None) -> list[float]:
    """Return the stamps with one of this time taken out, if there is one."""
    rest = list(stamps)
    if stamp in rest:
        rest.remove(stamp)
    return rest


def free_at(stamps: Sequence[float], limit: int, now: float, window: float) -> float:
    """Return when one more may be used; 0 when at once, or when there is no limit (0).

    A vendor saw each call at its stamp at the latest, and sees the next one at its beginning at the earliest.
    """
    counted = live(stamps, now, window + SKEW_SECONDS)
    return counted[len(counted) - limit] + window + SKEW_SECONDS if 0 < limit <= len(counted) else 0.0
