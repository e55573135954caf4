"""Defensive parsing of the envelope of TikTok's v2 API.

Owns parsing only. Does not know what a code means, nor what a call was for.
"""

from dataclasses import dataclass, field
from typing import Any

from providers.http import strict_json
from providers.tiktok_common.values import text


@dataclass(frozen=True, slots=True)
class Envelope:
    """`{data, error: {code, message, log_id}}`; `code` is empty if there is no error object."""

    data: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    log_id: str = ""


def envelope(body: bytes) -> Envelope:
    """Parse the envelope of every call except OAuth; raises Malformed if the body is not a JSON object."""
    root = strict_json.parse_object(body)
    error = strict_json.mapping(root, "error")
    return Envelope(
        data=strict_json.mapping(root, "data"),
        code=text(error, "code"),
        message=text(error, "message"),
        # The reference tables say logid, every example log_id (developers.tiktok.com, read 2026-11-20).
        log_id=text(error, "log_id") or text(error, "logid"),
    )
