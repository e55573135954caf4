"""The `Retry-After` header (RFC 9110, 10.2.3): how long a server asks to wait, in seconds or until a date.

Owns reading it, whatever the status it comes with. Knows no vendor.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(days=1)
"""A longer wait is taken for this one, so that one wrong header cannot stop anything for good."""

_MAX_DIGITS = 9


def requested_wait(headers: Mapping[str, str]) -> timedelta | None:
    """Return the wait that an answer's headers (lower-case, or case-insensitive) ask for; None if it asks for none.

    A date is compared with the answer's own `Date`, so that the difference between two clocks does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return min(timedelta(seconds=int(value)), LONGEST)
    until, now = _time(value), _time(headers.get("date", ""))
    return None if until is None or now is None else min(max(until - now, timedelta(0)), LONGEST)


def _time(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
