"""The pure tables of publishing: delays, limits, reasons.

Owns their expected values, written out. Knows no database.
"""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.publishing import retry_policy
from providers.errors import RateLimited
from providers.models.publishing import FailureKind

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("polls", "seconds"), [(0, 2), (1, 4), (2, 8), (3, 16), (4, 32), (5, 60), (6, 60), (10_000, 60)]
)
def test_polls_slow_down_to_one_a_minute(polls: int, seconds: int) -> None:
    """The n-th poll waits 2, 4, 8, 16, 32 and then always 60 seconds."""
    assert timedelta(seconds=seconds) == retry_policy.poll_delay(polls)


def test_half_an_hour_of_polls_stays_far_inside_the_vendors_limit() -> None:
    """In no minute does one post ask more than 6 times, where the vendor allows 30."""
    times, at = [], 0.0
    for polls in range(40):
        at += retry_policy.poll_delay(polls).total_seconds()
        times.append(at)

    most = max(sum(1 for time in times if start <= time < start + 60) for start in times)

    assert 4 == most


@pytest.mark.parametrize(("failures", "seconds"), [(0, 2), (1, 4), (6, 128), (7, 256), (8, 300), (99, 300)])
def test_retries_slow_down_to_five_minutes(failures: int, seconds: int) -> None:
    """Each failure in a row doubles the wait, up to five minutes."""
    assert timedelta(seconds=seconds) == retry_policy.retry_delay(failures)


def test_the_vendors_own_word_on_waiting_goes_first() -> None:
    """A Retry-After is obeyed, within an hour and not below a second."""
    assert timedelta(seconds=42) == retry_policy.retry_delay(0, RateLimited(retry_after=timedelta(seconds=42)))
    assert timedelta(hours=1) == retry_policy.retry_delay(0, RateLimited(retry_after=timedelta(days=400)))
    assert timedelta(seconds=1) == retry_policy.retry_delay(0, RateLimited(retry_after=timedelta(seconds=-5)))


def test_a_post_is_late_after_a_day_unless_the_caller_said_otherwise() -> None:
    """Without a tolerance of its own a post may go out up to 24 hours late; a tolerance of 0 means not at all."""
    assert NOW + timedelta(hours=24) == retry_policy.latest(NOW, None)
    assert NOW == retry_policy.latest(NOW, 0)
    assert NOW + timedelta(seconds=60) == retry_policy.latest(NOW, 60)


@pytest.mark.parametrize("kind", FailureKind)
def test_every_kind_of_failure_has_a_reason(kind: FailureKind) -> None:
    """No failure that a vendor can report is without a reason of the contract."""
    assert retry_policy.FAIL_REASONS[kind]
