"""Confirmations: what a refused call hands out, so that the same call can be repeated with it if it is meant.

Owns the text's format: when it ends, and a signature of everything that was decided upon. Does not know what needs one.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_MAX_LENGTH = 200


def make(secret: bytes, purpose: bytes, facts: Sequence[Any], expires: datetime) -> str:
    """Return the confirmation of exactly these facts, which is good until `expires`."""
    stamp = int(expires.timestamp())
    body = json.dumps([*facts, stamp], separators=(",", ":"), default=str).encode()
    signature = hmac.digest(secret, purpose + body, hashlib.sha256)
    return f"{stamp}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def is_valid(secret: bytes, purpose: bytes, confirmation: str, facts: Sequence[Any], now: datetime) -> bool:
    """Return whether a confirmation, which may be any text, is one of these facts and not over."""
    stamp, _, _ = confirmation.partition(".")
    if len(confirmation) > _MAX_LENGTH or not confirmation.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return False
    expires = datetime.fromtimestamp(min(int(stamp), 2**33), UTC)
    return expires > now and hmac.compare_digest(make(secret, purpose, facts, expires), confirmation)
