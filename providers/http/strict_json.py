"""Defensive parsing of a vendor's JSON: exact, storable, and values that have the expected type or are left out.

Owns parsing only. Knows no vendor, no envelope, and not what a value means.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

INT64 = 2**63
_MAX_ID = 256
_MAX_TOKEN = 8192
_VISIBLE = re.compile(r"[\x21-\x7e]+")
# What PostgreSQL cannot store as text and protobuf cannot send: NUL and lone surrogates, both legal as JSON escapes.
_UNSTORABLE = {0: 0xFFFD, **dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)}


class Malformed(ValueError):
    """The body is not JSON that can be stored."""


def parse(body: bytes) -> Any:
    """Parse UTF-8 JSON exactly: integers of any size stay integers, characters that cannot be stored are replaced.

    Raises Malformed.
    """
    try:
        return _storable(json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite))
    except (ValueError, RecursionError):
        raise Malformed from None


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse UTF-8 JSON that must be an object; raises Malformed."""
    root = parse(body)
    if not isinstance(root, dict):
        raise Malformed
    return root


def mapping(source: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the object under `key`, or an empty dict."""
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def flag(source: Mapping[str, Any], key: str) -> bool:
    """Return whether the value under `key` is literally `true`."""
    return source.get(key) is True


def integer(value: object) -> int | None:
    """Return a 64-bit integer sent as a number or a string of digits, None for anything else."""
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -INT64 <= value < INT64 else None


def opaque_id(value: object) -> str:
    """Return a string id without surrounding spaces, empty if it is not a string or longer than 256 characters."""
    found = value.strip() if isinstance(value, str) else ""
    return found if len(found) <= _MAX_ID else ""


def is_token(value: object) -> bool:
    """Return whether a value can be a token: visible ASCII, as a header needs it, at most 8192 characters."""
    return isinstance(value, str) and len(value) <= _MAX_TOKEN and _VISIBLE.fullmatch(value) is not None


def _refuse(constant: str) -> Any:
    """Raise ValueError for NaN and the infinities, which are not JSON."""
    raise ValueError(constant)


def _finite(literal: str) -> float:
    """Parse a float; raises ValueError for 1e999, which is legal JSON but cannot be stored."""
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(literal)
    return number


def _storable(value: Any) -> Any:
    """Return the same value with the unstorable characters of every string replaced."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _storable(item) for key, item in value.items()}
    return value


def _clean(value: str) -> str:
    """Replace unstorable characters; the common case costs two scans."""
    return value if value.isascii() and "\0" not in value else value.translate(_UNSTORABLE)
