"""The arithmetic of large windows: never one call too many, and never more than a handful of numbers.

Owns the proof in numbers. That processes share one ledger is shown with real ones elsewhere.
"""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.quotas import bucketed_window, sliding_window
from providers.http import exchange

WINDOW = 86_400.0
BUCKET = WINDOW / bucketed_window.BUCKETS
SKEW = 0.125
"""How far the clock of one process may be wrong."""


@dataclass(frozen=True)
class Call:
    """How long after the one before it begins, when the vendor sees it, and how far its process's clock is wrong."""

    gap: float
    seen: float
    skew: float


CALLS = st.lists(
    st.builds(
        Call,
        gap=st.sampled_from([0.0, BUCKET, BUCKET - 0.1, WINDOW, WINDOW + BUCKET]) | st.floats(0, 2 * WINDOW),
        seen=st.floats(0, exchange.SECONDS),
        skew=st.sampled_from([-SKEW, SKEW]),
    ),
    max_size=40,
)


@pytest.mark.chaos
@settings(max_examples=500)
@given(CALLS, st.integers(1, 4))
def test_a_vendor_never_sees_more_than_its_limit_in_any_window(calls: list[Call], limit: int) -> None:
    """Calls that begin anywhere in a bucket, take any time, and come from processes with wrong clocks."""
    time, counts, seen = 1.7e9, dict[str, int](), list[float]()
    for call in calls:
        time += call.gap
        now = time + call.skew
        if bucketed_window.free_at(counts, limit, now, WINDOW) <= now:
            counts = bucketed_window.add_call(counts, now, WINDOW)
            seen.append(time + call.seen)

    seen.sort()
    assert [] == [
        later - earlier for earlier, later in zip(seen, seen[limit:], strict=False) if later - earlier < WINDOW - 1e-6
    ]


@given(CALLS, st.integers(1, 4))
def test_the_time_given_is_the_first_that_is_free(calls: list[Call], limit: int) -> None:
    """A call is free at the time that a caller is given, and not just before."""
    now, counts = 1.7e9, dict[str, int]()
    for call in calls:
        now += call.gap
        counts = bucketed_window.add_call(counts, now, WINDOW)

    at = bucketed_window.free_at(counts, limit, now, WINDOW)

    assert 0.0 == bucketed_window.free_at(counts, limit, max(at, now) + 1e-3, WINDOW)
    assert at <= now or 0.0 < bucketed_window.free_at(counts, limit, at - 1e-3, WINDOW)


@given(CALLS)
def test_nothing_counts_for_longer_than_a_bucket_too_long(calls: list[Call]) -> None:
    """Being on the safe side costs a 24th of the window, and the time of one call."""
    times: list[float] = []
    now, counts = 1.7e9, dict[str, int]()
    for call in calls:
        now += call.gap
        counts = bucketed_window.add_call(counts, now, WINDOW)
        times.append(now)

    most = WINDOW + BUCKET + sliding_window.CALL_SECONDS + sliding_window.SKEW_SECONDS
    sliding = sum(now - time < WINDOW for time in times)
    assert sliding <= bucketed_window.used(counts, now, WINDOW) <= sum(now - time <= most for time in times)


def test_ten_thousand_calls_are_no_more_than_a_hundred() -> None:
    """Over three days, one each 26 seconds: the numbers grow, their number does not."""
    counts: dict[str, int] = {}
    sizes = set()
    for number in range(10_000):
        counts = bucketed_window.add_call(counts, 1.7e9 + number * 26, WINDOW)
        sizes.add(len(counts))

    assert 26 == max(sizes)
    assert WINDOW / 26 <= sum(counts.values()) <= (WINDOW + BUCKET + 51) / 26 + 1


def test_no_limit_is_always_free() -> None:
    """A limit of 0 means that the limit is unknown."""
    assert 0.0 == bucketed_window.free_at({"1": 5}, 0, 0.0, WINDOW)
