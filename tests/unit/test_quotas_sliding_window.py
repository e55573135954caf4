"""The arithmetic of sliding windows: whatever the delays and the clocks, a vendor never sees one call too many.

Owns the proof in numbers. That processes share one ledger is shown with real ones elsewhere.
"""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.quotas import sliding_window
from providers.http import exchange

WINDOW = 60.0
SKEW = 0.125
"""How far the clock of one process may be wrong."""


@dataclass(frozen=True)
class Call:
    """One attempt to call: how long after the one before, how long the call takes, when in it the vendor sees it.

    `skew` is how far its process's clock is wrong; one that `dies` never says that it ended.
    """

    gap: float
    seconds: float
    seen: float
    skew: float
    dies: bool


CALLS = st.lists(
    st.builds(
        Call,
        gap=st.sampled_from([0.0, 14.9, 59.8, 59.9, 60.0, 60.3]) | st.floats(0, 130),
        seconds=st.sampled_from([0.0, 0.2, 45.0]) | st.floats(0, exchange.SECONDS),
        seen=st.sampled_from([0.0, 1.0]) | st.floats(0, 1),
        skew=st.sampled_from([-SKEW, SKEW]),
        dies=st.booleans(),
    ),
    max_size=40,
)


def played(calls: list[Call], limit: int) -> list[float]:
    """Let the calls ask the ledger one after the other, and return when the vendor saw those that were let through."""
    time, seen = 1e9, []
    admitted: list[tuple[float, Call]] = []
    for call in calls:
        time += call.gap
        stamps = [stamp_of(began, each, time) for began, each in admitted]
        now = time + call.skew
        if sliding_window.free_at(sliding_window.prune(stamps, now, WINDOW), limit, now, WINDOW) <= now:
            admitted.append((time, call))
            seen.append(time + call.seen * call.seconds)
    return sorted(seen)


def stamp_of(began: float, call: Call, time: float) -> float:
    """Return what stands in the ledger at `time` for a call that began then: its end, or how long it may run at
    most.
    """
    running = call.dies or began + call.seconds > time
    return began + call.skew + (sliding_window.CALL_SECONDS if running else call.seconds)


@pytest.mark.chaos
@settings(max_examples=1000)
@given(CALLS, st.integers(1, 3))
def test_a_vendor_never_sees_more_than_its_limit_in_any_window(calls: list[Call], limit: int) -> None:
    """Calls that take any time, are seen at any moment of it, from processes with wrong clocks, some of which die."""
    seen = played(calls, limit)

    spans = [later - earlier for earlier, later in zip(seen, seen[limit:], strict=False)]
    assert [] == [span for span in spans if span < WINDOW - 1e-6]


@given(st.lists(st.floats(0, 1000), max_size=10), st.integers(1, 5), st.floats(0, 1000))
def test_the_time_given_is_the_first_that_is_free(stamps: list[float], limit: int, now: float) -> None:
    """A slot is free at the time that a caller is given, and not just before."""
    at = sliding_window.free_at(stamps, limit, now, WINDOW)

    counted = sliding_window.live(stamps, now, WINDOW + sliding_window.SKEW_SECONDS)
    assert 0.0 == sliding_window.free_at(counted, limit, max(at, now) + 1e-6, WINDOW)
    assert at <= now or 0.0 < sliding_window.free_at(counted, limit, at - 1e-6, WINDOW)


def test_a_running_call_counts_as_now() -> None:
    """Its stamp lies in the future in case it never ends; a caller is told of the next slot as if it ended now."""
    assert [95.0, 100.0] == sliding_window.live([150.0, 95.0, 39.0], 100.0, WINDOW)
    assert 160.25 == sliding_window.free_at([150.0], 1, 100.0, WINDOW)


def test_no_limit_is_always_free() -> None:
    """A limit of 0 means that the limit is unknown."""
    assert 0.0 == sliding_window.free_at([1.0, 2.0], 0, 2.0, WINDOW)


def test_a_dead_process_has_used_its_slot_for_as_long_as_its_call_could_run() -> None:
    """What counts for a call that never ended covers the longest call that the providers make."""
    assert sliding_window.CALL_SECONDS > exchange.SECONDS
