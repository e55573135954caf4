"""How many calls an app may make for one location or company: a burst of ten seconds, and a day.

Owns: the windows and the headers that tell of them. Knows nothing of tokens.
"""

from collections import deque
from datetime import date, datetime, timedelta

from providers.simulators.highlevel.config import SimulatorConfig
from providers.simulators.highlevel.errors import Refusal


class Windows:
    """The calls of the last seconds and of this day (UTC), by resource. A refresh of a token opens no new window."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._bursts: dict[str, deque[datetime]] = {}
        self._days: dict[tuple[str, date], int] = {}

    def admit(self, resource: str, now: datetime) -> None:
        """Count one call. Raises Refusal 429, uncounted, when the burst or the day is full."""
        burst = self._burst(resource, now)
        used = self._days.get((resource, now.date()), 0)
        if len(burst) >= self._config.burst or used >= self._config.daily:
            raise Refusal(429, "Too Many Requests", brief=True)
        burst.append(now)
        self._days[resource, now.date()] = used + 1

    def fill_day(self, resource: str, now: datetime, left: int) -> None:
        """As if a location had only `left` calls of the day left."""
        self._days[resource, now.date()] = self._config.daily - left

    def headers(self, resource: str, now: datetime) -> dict[str, str]:
        """What every answer to a counted call tells of the windows."""
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
