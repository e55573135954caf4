"""The arithmetic of bucketed windows: for large limits, the number of calls per time bucket, not the time of each call.

Owns the buckets. Errs on the safe side: a call counts as if it was made at the very end of its bucket. Times are in
seconds since 1970, durations in seconds. Knows neither rows nor vendors nor clocks.
"""

from collections.abc import Mapping

from gateway.domain.quotas.sliding_window import CALL_SECONDS, SKEW_SECONDS

BUCKETS = 24
"""Buckets per window: a call is counted for up to a 24th of the window longer than necessary."""

Counts = Mapping[str, int]
"""Calls by the number of the bucket since 1970, as text because JSON objects have no other keys."""


def add_call(counts: Counts, now: float, window: float) -> dict[str, int]:
    """Return the counts with a call that begins now and without expired buckets: never more than 26 entries."""
    counted = live(counts, now, window)
    bucket = str(int(now // (window / BUCKETS)))
    return {**counted, bucket: counted.get(bucket, 0) + 1}


def live(counts: Counts, now: float, window: float) -> dict[str, int]:
    """Return the buckets from which a vendor may still be counting calls."""
    return {bucket: count for bucket, count in counts.items() if _expires_at(bucket, window) > now}


def used(counts: Counts, now: float, window: float) -> int:
    """Return how many calls count within the window that ends now, including those of up to a 24th before it."""
    return sum(live(counts, now, window).values())


def free_at(counts: Counts, limit: int, now: float, window: float) -> float:
    """Return when the next call may be made; 0 when it may be made at once or there is no limit (0)."""
    counted = live(counts, now, window)
    remaining = sum(counted.values())
    if not 0 < limit <= remaining:
        return 0.0
    for bucket in sorted(counted, key=int):
        remaining -= counted[bucket]
        if remaining < limit:
            return _expires_at(bucket, window)
    raise AssertionError("a window without calls has room")


def _expires_at(bucket: str, window: float) -> float:
    """Return when no call that began in a bucket counts any more, whatever its duration and its process's clock."""
    return (int(bucket) + 1) * (window / BUCKETS) + CALL_SECONDS + window + SKEW_SECONDS
