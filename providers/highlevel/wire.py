"""HighLevel's wire format: defensive parsing of envelopes and values, and the formats of bodies and parameters.

Owns parsing and serialization only. Knows neither the meaning of a message nor the purpose of a call.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from providers.http import strict_json

_MAX_MESSAGES = 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """`{success, statusCode, message, results?, traceId?}` and the fields of errors; `body` is the whole object.

    `success` is None if the answer has none (tokens, lists of installations, errors). `code` is the code of an error,
    if any: most of HighLevel's errors have only a message.
    """

    body: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    success: bool | None = None
    messages: tuple[str, ...] = ()
    code: str = ""
    log_id: str = ""

    @property
    def message(self) -> str:
        """All messages in one line."""
        return "; ".join(self.messages)


def envelope(body: bytes) -> Envelope:
    """Read the envelope of any call; raises Malformed if the body is not a JSON object.

    Errors have three shapes (docs and specifications of GoHighLevel/highlevel-api-docs, read 2026-11-20): NestJS's with
    `message` as string or list, v3's `error: {code, message}`, and OAuth's `error`, `error_description`.
    """
    root = strict_json.parse_object(body)
    error = strict_json.mapping(root, "error")
    success = root.get("success")
    return Envelope(
        body=root,
        results=strict_json.mapping(root, "results"),
        success=success if isinstance(success, bool) else None,
        messages=messages(root) or messages(error) or _texts(root.get("error_description")),
        code=text(error, "code") or text(root, "code") or _oauth_code(root),
        log_id=text(root, "traceId") or text(error, "traceId"),
    )


def messages(source: Mapping[str, Any]) -> tuple[str, ...]:
    """Return `message`, which is a string or a list of them, as a tuple."""
    return _texts(source.get("message"))


def _texts(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    return tuple(each for each in found if isinstance(each, str) and each)[:_MAX_MESSAGES]


def _oauth_code(root: Mapping[str, Any]) -> str:
    """Return OAuth's error code; NestJS uses the same key for the status phrase (`Bad Request`)."""
    value = text(root, "error")
    return value if "error_description" in root or re.fullmatch(r"[a-z]+(_[a-z]+)+", value) else ""


# Reading


def rows(source: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of the list under `key`; a single object counts as a list of one."""
    value = source.get(key)
    found = value if isinstance(value, list) else [value]
    return [each for each in found if isinstance(each, dict)]


def text(source: Mapping[str, Any], *keys: str) -> str:
    """Return the first non-empty string under one of the keys, empty if there is none."""
    return next((value for key in keys if isinstance(value := source.get(key), str) and value), "")


def integer(value: object) -> int | None:
    """Return a 64-bit integer from a number (3.0 included) or a string of digits, else None."""
    return strict_json.integer(int(value) if isinstance(value, float) and value.is_integer() else value)


def identifier(source: Mapping[str, Any], *keys: str) -> str:
    """Return the first usable id under one of the keys, empty if there is none; HighLevel's ids are opaque strings."""
    found = (strict_json.opaque_id(source.get(key)) for key in keys)
    return next(filter(None, found), "")


def instant(source: Mapping[str, Any], key: str) -> datetime | None:
    """Return an ISO 8601 time as an aware datetime, None if unreadable; without a zone it is UTC, as at HighLevel."""
    try:
        found = datetime.fromisoformat(text(source, key))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# Sending


def allowed(names: Collection[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a call: only the fields `names`, without those that are None.

    An additional property is refused with 422 `property X should not exist`, and null differs from absent (reports of
    users, read 2026-11-20).
    """
    return {name: value for name, value in values.items() if name in names and value is not None}


def strings(values: Mapping[str, str | int | bool | None]) -> dict[str, str]:
    """Return query parameters as strings, without those that are None; booleans are `true` and `false`."""
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}
    return {name: str(value) for name, value in texts.items() if value is not None}


def segment(value: str) -> str:
    """Return an id escaped as one path segment; raises ValueError for an empty one and for `.` and `..`."""
    if value in ("", ".", ".."):
        raise ValueError(value)
    return quote(value, safe="", errors="replace")
