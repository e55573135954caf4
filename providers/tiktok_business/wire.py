"""Defensive parsing of the envelope of TikTok's API for Business.

Owns parsing only. Does not know what a code means, nor what a call was for.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.http import strict_json
from providers.tiktok_common.values import items, text

OK, PARTIAL = 0, 20001


@dataclass(frozen=True, slots=True)
class Envelope:
    """`{code, message, request_id, data}`; `code` is None if there is no integer. `items` are the objects of `data`
    where that is a list.
    """

    data: dict[str, Any] = field(default_factory=dict)
    code: int | None = None
    message: str = ""
    log_id: str = ""
    items: tuple[dict[str, Any], ...] = ()


def envelope(body: bytes) -> Envelope:
    """Parse an envelope; raises Malformed if the body is not a JSON object."""
    root = strict_json.parse_object(body)
    return Envelope(
        data=strict_json.mapping(root, "data"),
        code=strict_json.integer(root.get("code")),
        message=text(root, "message"),
        log_id=text(root, "request_id"),
        items=tuple(each for each in items(root, "data") if isinstance(each, dict)),
    )


def query_value(value: object) -> str:
    """Return a parameter of a GET: lists and objects are JSON text, a bool is a JSON literal."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def decimal(source: Mapping[str, Any], key: str) -> float | None:
    """Return the number under `key`, sent as number or numeric string; None, never 0, if there is none."""
    value = source.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    # "nan" and "inf" are numbers to Python only.
    return number if math.isfinite(number) else None
