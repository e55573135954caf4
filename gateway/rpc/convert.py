"""Conversion of timestamps, durations and cursors, shared by all servicers.

Owns what an absent field means. Knows no noun.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from gateway.errors import FieldInvalid

MAX_SECONDS = 315_576_000_000
"""The longest that a Duration may be by its definition: ten thousand years."""


def write_times(message: Message, **times: datetime | None) -> None:
    """Set the timestamps that are not None; the others stay unset."""
    for name, value in times.items():
        if value is not None:
            getattr(message, name).FromDatetime(value)


def moment(message: Any, field: str, *, path: str) -> datetime | None:
    """Read a Timestamp, None if it is absent; raises FieldInvalid if it is none."""
    if not message.HasField(field):
        return None
    try:
        found: datetime = getattr(message, field).ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise FieldInvalid(path, "is not a time between the years 1 and 9999") from None
    return found


def max_staleness(request: Any, default: timedelta) -> timedelta:
    """Read how old a response may be: unset means `default`, 0 asks the vendor now; raises FieldInvalid if negative."""
    if not request.HasField("max_staleness"):
        return default
    span = duration(request.max_staleness)
    if span < timedelta():
        raise FieldInvalid("max_staleness", "must not be negative")
    return span


def duration(span: Any) -> timedelta:
    """Read a Duration, rounded down to the microsecond; one beyond MAX_SECONDS becomes the longest."""
    seconds = min(max(span.seconds, -MAX_SECONDS), MAX_SECONDS)
    return timedelta(seconds=seconds, microseconds=span.nanos // 1000)


def keyset(cursor: tuple[str | int, ...]) -> tuple[datetime, str, str] | None:
    """Read the cursor of a list sorted by (time, location, id); None on the first page."""
    if not cursor:
        return None
    moment, location, id = cursor
    return datetime.fromisoformat(str(moment)), str(location), str(id)


def keyset_in_location(cursor: tuple[str | int, ...]) -> tuple[datetime, str] | None:
    """Read the cursor of a list of one location, sorted by (time, id); None on the first page."""
    if not cursor:
        return None
    moment, id = cursor
    return datetime.fromisoformat(str(moment)), str(id)
