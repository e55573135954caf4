"""The arithmetic of large windows: how many calls each slice of time had, in place of the time of every call.

Owns the slices, always on the safe side: what a slice counts ends with its last moment. Times are seconds since 1970,
spans are seconds. Knows neither rows nor vendors nor clocks.
"""

from collections.abc import Mapping

from gateway.domain.quotas.sliding_window import CALL_SECONDS, SKEW_SECONDS

SLICES = 24
"""In how many slices a window is cut: a count is kept for a 24th of its window longer than it must be."""

Counts = Mapping[str, int]
"""By the number of a slice since 1970, as text: JSON knows no other keys."""


def added(counts: Counts, now: float, window: float) -> dict[str, int]:
    """Return the counts with a call that begins now, without those that are over: never more than 26 entries."""
    rest = live(counts, now, window)
    slice = str(int(now // (window / SLICES)))
    return {**rest, slice: rest.get(slice, 0) + 1}


def live(counts: Counts, now: float, window: float) -> dict[str, int]:
    """Return the counts of which a vendor may still count something."""
    return {slice: count for slice, count in counts.items() if _over_at(slice, window) > now}


def used(counts: Counts, now: float, window: float) -> int:
    """Return how many count within the window that ends now, or at most a 24th more."""
    return sum(live(counts, now, window).values())


def free_at(counts: Counts, limit: int, now: float, window: float) -> float:
    """Return when one more may be used; 0 when at once, or when there is no limit (0)."""
    rest = live(counts, now, window)
    left = sum(rest.values())
    if not 0 < limit <= left:
        return 0.0
    for slice in sorted(rest, key=int):
        left -= rest[slice]
        if left < limit:
            return _over_at(slice, window)
    raise AssertionError("a window without calls has room")


def _over_at(slice: str, window: float) -> float:
    """Return when nothing counts any more of what began in a slice, however long it took and whoever's clock it was."""
    return (int(slice) + 1) * (window / SLICES) + CALL_SECONDS + window + SKEW_SECONDS
