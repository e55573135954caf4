"""HighLevel's limits: the rate limits in its answers (per ten seconds, per day), and the file sizes of its library.

Owns the names of the two quotas and the headers. Does not know how calls are counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from providers.http.exchange import Answer
from providers.http.retry_after import requested_wait

# "Rate Limits" of the docs of GoHighLevel/highlevel-api-docs, read 2026-11-20: per application and location (or
# company), across all calls.
BURST, DAY = "requests", "requests_per_day"
WINDOW = timedelta(seconds=10)
# When the daily quota resets is not documented: calls are tried again after an hour.
DAY_WAIT = timedelta(hours=1)
_MAX_WAIT = 86_400
# Specification of v3 (read 2026-11-20): 25 MB, and 500 MB for videos. MB or MiB is not specified; this is the smaller.
MAX_VIDEO_BYTES = 500_000_000
MAX_FILE_BYTES = 25_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """The rate limit headers of one answer; None for those that are missing or invalid."""

    daily_limit: int | None = None
    daily_remaining: int | None = None
    interval: timedelta | None = None
    maximum: int | None = None
    remaining: int | None = None


def rates(headers: Mapping[str, str]) -> Rates:
    """Read the five headers `X-RateLimit-…`."""
    interval = _number(headers, "x-ratelimit-interval-milliseconds")
    return Rates(
        daily_limit=_number(headers, "x-ratelimit-limit-daily"),
        daily_remaining=_number(headers, "x-ratelimit-daily-remaining"),
        interval=timedelta(milliseconds=min(interval, _MAX_WAIT * 1000)) if interval else None,
        maximum=_number(headers, "x-ratelimit-max"),
        remaining=_number(headers, "x-ratelimit-remaining"),
    )


def used_up(answer: Answer) -> str:
    """Return the quota that a 429 is about: the daily one if nothing of it remains, else the burst."""
    return DAY if rates(answer.headers).daily_remaining == 0 else BURST


def wait(answer: Answer) -> timedelta:
    """Return how long to wait after a 429: `Retry-After` (undocumented) if present, else the interval."""
    if found := requested_wait(answer.headers):
        return found
    return DAY_WAIT if used_up(answer) == DAY else rates(answer.headers).interval or WINDOW


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 13 else None
