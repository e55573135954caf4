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
"""After so many failed tries in a row an endpoint counts as away: now and then one event shows whether it is back."""

LONGEST_PROBE = timedelta(hours=1)
"""The longest pause between two such events."""


def delay(tries: int, asked: timedelta | None = None) -> timedelta:
    """Return the pause after `tries` failed ones; the server may ask for a longer one, within a day."""
    usual = DELAYS[min(max(tries, 1), len(DELAYS)) - 1]
    return usual if asked is None else max(usual, asked)


def probe_delay(failures: int) -> timedelta:
    """Return the pause until an endpoint that is away is tried again, after so many failures in a row."""
    return min(delay(failures - MANY_FAILURES + 1), LONGEST_PROBE)


def is_over(since: datetime, now: datetime) -> bool:
    """Return whether something has failed for too long."""
    return now - since >= FAILING_LIMIT
