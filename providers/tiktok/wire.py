"""TikTok's JSON, read with suspicion: envelopes, and single values of the type that is wanted or nothing.

Owns parsing only. Does not know what a code means, nor what a call was for.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

INT64 = 2**63
_MAX_ID = 256
_MAX_TOKEN = 8192
_VISIBLE = re.compile(r"[\x21-\x7e]+")
# What PostgreSQL cannot keep as text and protobuf cannot send: NUL and lone surrogates, both legal as JSON escapes.
_UNSTORABLE = {0: 0xFFFD, **dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)}


class Malformed(ValueError):
    """The body is not JSON that we can keep."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """`{data, error: {code, message, log_id}}`; `code` is empty when there is no such error object."""

    data: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    log_id: str = ""


def parse(body: bytes) -> Any:
    """Parse UTF-8 JSON exactly: integers of any size stay integers, what cannot be stored is replaced.

    Raises Malformed.
    """
    try:
        return _storable(json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite))
    except (ValueError, RecursionError):
        raise Malformed from None


def envelope(body: bytes) -> Envelope:
    """Read the envelope of every call but OAuth; raises Malformed when the body is no JSON object."""
    root = parse(body)
    if not isinstance(root, dict):
        raise Malformed
    error = mapping(root, "error")
    return Envelope(
        data=mapping(root, "data"),
        code=text(error, "code"),
        message=text(error, "message"),
        # The reference tables say logid, every example log_id (developers.tiktok.com, read 2026-11-20).
        log_id=text(error, "log_id") or text(error, "logid"),
    )


def mapping(source: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Give the object under `key`, or an empty one."""
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def items(source: Mapping[str, Any], key: str) -> list[Any]:
    """Give the list under `key`, or an empty one."""
    value = source.get(key)
    return value if isinstance(value, list) else []


def text(source: Mapping[str, Any], key: str) -> str:
    """Give the string under `key`, or an empty one."""
    value = source.get(key)
    return value if isinstance(value, str) else ""


def flag(source: Mapping[str, Any], key: str) -> bool:
    """Tell whether `key` is literally true."""
    return source.get(key) is True


def count(source: Mapping[str, Any], key: str) -> int | None:
    """Give the non-negative 64-bit integer under `key`, as number or string; absent or odd is None, never 0."""
    number = integer(source.get(key))
    return number if number is not None and number >= 0 else None


def integer(value: object) -> int | None:
    """Read a 64-bit integer from a number or a string of digits."""
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -INT64 <= value < INT64 else None


def identifier(value: object) -> str:
    """Give an id as the exact string it is, be it sent as string or integer; empty when it is neither.

    A float is refused: it has already lost digits.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < INT64 * 2 else ""
    if isinstance(value, str) and 0 < len(value.strip()) <= _MAX_ID:
        return value.strip()
    return ""


def is_token(value: object) -> bool:
    """Tell whether a value can be a token: visible ASCII, as a header needs it, of a sane length."""
    return isinstance(value, str) and len(value) <= _MAX_TOKEN and _VISIBLE.fullmatch(value) is not None


def seconds_time(value: object) -> datetime | None:
    """Read seconds since 1970 as an aware time; out of range is None."""
    number = integer(value)
    if number is None or number <= 0:
        return None
    try:
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _refuse(constant: str) -> Any:
    """Refuse NaN and the infinities, which are no JSON."""
    raise ValueError(constant)


def _finite(literal: str) -> float:
    """Read a float; 1e999 is legal JSON, but nothing that can be kept."""
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(literal)
    return number


def _storable(value: Any) -> Any:
    """Give the same value with every string storable."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _storable(item) for key, item in value.items()}
    return value


def _clean(value: str) -> str:
    """Replace what cannot be stored; the common case costs two scans."""
    return value if value.isascii() and "\0" not in value else value.translate(_UNSTORABLE)
