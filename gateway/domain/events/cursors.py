"""Cursors of event streams: where a reader is, sealed so that it can neither be forged nor read.

Owns the token's format and how long one is good. Does not know what a position counts.
"""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken

from gateway.errors import CursorExpired, CursorInvalid

RETENTION = timedelta(days=30)
"""How long events are kept."""

MAX_CURSOR = 512


class Cursors:
    """Makes and reads cursors. Each belongs to a parent, which a caller cannot exchange for another."""

    def __init__(self, secret: bytes) -> None:
        """Seal with a key that is derived from `secret`, which all replicas share."""
        self._fernet = Fernet(base64.urlsafe_b64encode(hmac.digest(secret, b"event cursors", "sha256")))

    def make(self, parent: str, position: int, now: datetime) -> str:
        """Return the cursor behind `position` of a stream of `parent`, a text that names what is streamed."""
        body = json.dumps([parent, position], separators=(",", ":")).encode()
        return self._fernet.encrypt_at_time(body, int(now.timestamp())).decode()

    def read(self, cursor: str, parent: str) -> tuple[int, datetime]:
        """Return the position in a cursor of a stream of `parent`, and when it was made; raises CursorInvalid for any
        other text.
        """
        if len(cursor) > MAX_CURSOR or not cursor.isascii():
            raise CursorInvalid()
        try:
            found, position = json.loads(self._fernet.decrypt(cursor))
            made = datetime.fromtimestamp(self._fernet.extract_timestamp(cursor), UTC)
        except InvalidToken:
            raise CursorInvalid() from None
        if found != parent:
            raise CursorInvalid("The cursor is of a stream with another parent.")
        return int(position), made


def expired(now: datetime) -> CursorExpired:
    """Return the error of a reader some of whose events are no longer kept."""
    return CursorExpired(metadata={"oldest": (now - RETENTION).isoformat()})
