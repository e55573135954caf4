"""The rate limits of an app per location or company: a burst of ten seconds, and a day.

Owns: the windows and the rate limit headers. Knows nothing of tokens.
"""

from collections import deque
from datetime import date, datetime, timedelta

from providers.simulators.highlevel.config import SimulatorConfig
from providers.simulators.highlevel.errors import Refusal


class Windows:
    """The calls of the last seconds and of this day (UTC), by resource. A token refresh does not start a new window."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._bursts: dict[str, deque[datetime]] = {}
        self._days: dict[tuple[str, date], int] = {}

    def admit(self, resource: str, now: datetime) -> None:
        """Count one call. Raise Refusal 429, without counting, when the burst or the day is full."""
        burst = self._burst(resource, now)
        used = self._days.get((resource, now.date()), 0)
        if len(burst) >= self._config.burst or used >= self._config.daily:
            raise Refusal(429, "Too Many Requests", brief=True)
        burst.append(now)
        self._days[resource, now.date()] = used + 1

    def fill_day(self, resource: str, now: datetime, left: int) -> None:
        """Use up the day of a location or company except `left` calls."""
        self._days[resource, now.date()] = self._config.daily - left

    def headers(self, resource: str, now: datetime) -> dict[str, str]:
        """Return the rate limit headers of a counted call."""
        used = self._days.get((resource, now.date()), 0)
        return {
            "X-RateLimit-Limit-Daily": str(self._config.daily),
            "X-RateLimit-Daily-Remaining": str(max(self._config.daily - used, 0)),
            "X-RateLimit-Interval-Milliseconds": str(self._config.burst_seconds * 1_000),
            "X-RateLimit-Max": str(self._config.burst),
            "X-RateLimit-Remaining": str(max(self._config.burst - len(self._burst(resource, now)), 0)),
        }

    def _burst(self, resource: str, now: datetime) -> deque[datetime]:
        calls = self._bursts.setdefault(resource, deque())
        while calls and calls[0] <= now - timedelta(seconds=self._config.burst_seconds):
            calls.popleft()
        return calls
