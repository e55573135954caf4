"""The arithmetic of sliding windows: which calls count now, and when the next one may be made.

Owns the numbers; times are seconds since 1970, durations are seconds. Knows neither rows nor vendors nor clocks.
"""

from collections.abc import Sequence

CALL_SECONDS = 50.0
"""Slightly more than the longest call: the slot of a process that dies during a call stays in use for this long."""

SKEW_SECONDS = 0.25
"""How far the clocks of two processes may differ without either of them calling too early."""


def live(stamps: Sequence[float], now: float, window: float) -> list[float]:
    """Return the stamps that count within the window that ends now, oldest first; a running call counts as now.

    The stamp of a running call lies in the future, and stays there if the call never ends.
    """
    return sorted(min(stamp, now) for stamp in stamps if stamp > now - window)


def prune(stamps: Sequence[float], now: float, window: float) -> list[float]:
    """Return the stamps, unchanged, that may still count for a process with a skewed clock."""
    return sorted(stamp for stamp in stamps if stamp > now - window - SKEW_SECONDS)


def without(stamps: Sequence[float], stamp: float | None) -> list[float]:
    """Return the stamps with one occurrence of `stamp` removed, if there is one."""
    rest = list(stamps)
    if stamp in rest:
        rest.remove(stamp)
    return rest


def free_at(stamps: Sequence[float], limit: int, now: float, window: float) -> float:
    """Return when the next call may be made; 0 when it may be made at once or there is no limit (0).

    The vendor saw each earlier call at its stamp at the latest, and sees the next one at its start at the earliest.
    """
    counted = live(stamps, now, window + SKEW_SECONDS)
    return counted[len(counted) - limit] + window + SKEW_SECONDS if 0 < limit <= len(counted) else 0.0
