"""Concurrency limits per API key, so that one caller cannot starve the others.

Owns the counters. Does not know rate limits or the vendors' quotas.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from gateway.aip import names
from gateway.clock import Clock
from gateway.errors import QuotaExceeded

RETRY = timedelta(seconds=1)


@dataclass(slots=True)
class Limits:
    """Running calls per key: at most `max_calls` calls and uploads, and `max_streams` watch streams."""

    max_calls: int
    max_streams: int
    clock: Clock
    _calls: dict[str, int] = field(default_factory=dict)
    _streams: dict[str, int] = field(default_factory=dict)

    def acquire(self, key_id: str, *, stream: bool) -> None:
        """Count one more running call of a key; raises QuotaExceeded if it has reached its limit."""
        counts, limit = (self._streams, self.max_streams) if stream else (self._calls, self.max_calls)
        running = counts.get(key_id, 0)
        if running >= limit:
            quota = "openStreams" if stream else "callsInFlight"
            raise QuotaExceeded(quota, subject=names.API_KEY.format(key_id), limit=limit, retry_at=self.clock() + RETRY)
        counts[key_id] = running + 1

    def release(self, key_id: str, *, stream: bool) -> None:
        """Count one running call less; a key without calls is removed."""
        counts = self._streams if stream else self._calls
        if counts[key_id] == 1:
            del counts[key_id]
        else:
            counts[key_id] -= 1
