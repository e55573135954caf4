"""Single values of TikTok's JSON that have the expected type or are left out.

Owns parsing only. Does not know what a value is for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from providers.http import strict_json


def items(source: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list under `key`, or an empty list."""
    value = source.get(key)
    return value if isinstance(value, list) else []


def text(source: Mapping[str, Any], key: str) -> str:
    """Return the string under `key`, or an empty string."""
    value = source.get(key)
    return value if isinstance(value, str) else ""


def count(source: Mapping[str, Any], key: str) -> int | None:
    """Return the non-negative 64-bit integer under `key`, sent as number or string; None, never 0, if there is none."""
    number = strict_json.integer(source.get(key))
    return number if number is not None and number >= 0 else None


def identifier(value: object) -> str:
    """Return an id sent as string or integer as its exact string, else an empty string.

    A float is not accepted: it has already lost digits.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < strict_json.INT64 * 2 else ""
    return strict_json.opaque_id(value)


def seconds_time(value: object) -> datetime | None:
    """Return seconds since 1970 as an aware time, None if out of range."""
    number = strict_json.integer(value)
    if number is None or number <= 0:
        return None
    try:
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
