"""When a delivery that was not taken is tried again, and when an endpoint is given up: pure arithmetic.

Owns the delays, from 5 seconds to 10 hours, as the Standard Webhooks specification suggests them.
"""

from datetime import datetime, timedelta

DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
"""The pause after the first try that failed, after the second, …; the last one repeats."""

FAILING_LIMIT = timedelta(days=5)
"""How long an endpoint may take nothing before it is disabled, and an event may wait before it is given up."""

MANY_FAILURES = 5
"""After so many failed tries in a row nothing new is tried: one event that waits shows whether the endpoint is back."""


def delay(tries: int, asked: timedelta | None = None) -> timedelta:
    """Return the pause after `tries` failed ones; the server may ask for a longer one, within a day."""
    usual = DELAYS[min(max(tries, 1), len(DELAYS)) - 1]
    return usual if asked is None else max(usual, asked)


def is_over(since: datetime, now: datetime) -> bool:
    """Return whether something has failed for too long."""
    return now - since >= FAILING_LIMIT
