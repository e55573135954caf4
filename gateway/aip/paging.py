"""Pages: sizes that are clamped, and tokens that only their own list accepts (AIP-158).

Owns the token's form: where the page before ended, a checksum of the request's other fields, a signature.
Does not know what is listed; a cursor is whatever the list sorts by.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from gateway.aip.request_ids import body_hash
from gateway.errors import FieldInvalid, PageTokenInvalid

DEFAULT_SIZE = 50
MAX_SIZE = 1000
MAX_TOKEN = 2048
_SIGNATURE = 16
_CHECKSUM = 16
_HEAD = _SIGNATURE + _CHECKSUM

Part = str | int


@dataclass(frozen=True, slots=True)
class Page:
    """What one call of a list asks for: at most `size` items, those after `after` (empty on the first page)."""

    size: int
    after: tuple[Part, ...] = ()


def read(request: Message, *, secret: bytes, default: int = DEFAULT_SIZE, maximum: int = MAX_SIZE) -> Page:
    """Read `page_size` and `page_token` of a list's request.

    0 means `default`, more than `maximum` means `maximum`. Raises FieldInvalid for a negative size, PageTokenInvalid
    for a token that is broken, of another list, or of the same list with other filters.
    """
    size = getattr(request, "page_size")  # noqa: B009 - every list's request has it, the base class does not
    if size < 0:
        raise FieldInvalid("page_size", "must not be negative")
    token = getattr(request, "page_token")  # noqa: B009
    return Page(min(size or default, maximum), _open(token, request, secret) if token else ())


def next_token(request: Message, after: Sequence[Part], *, secret: bytes) -> str:
    """Make the token of the page that follows an item whose sort key is `after`."""
    body = _checksum(request) + json.dumps(list(after), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(secret, body) + body).rstrip(b"=").decode()


def _open(token: str, request: Message, secret: bytes) -> tuple[Part, ...]:
    """Return the cursor inside a token of ours, or raise PageTokenInvalid."""
    raw = _decode(token)
    signature, body = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if len(raw) < _HEAD or not hmac.compare_digest(signature, _sign(secret, body)):
        raise PageTokenInvalid()
    if not hmac.compare_digest(body[:_CHECKSUM], _checksum(request)):
        raise PageTokenInvalid("The other fields of the request changed since the token was made.")
    return tuple(json.loads(body[_CHECKSUM:]))


def _decode(token: str) -> bytes:
    """Undo the base64 of a token; only the one spelling that we write is accepted."""
    if len(token) > MAX_TOKEN or not token.isascii():
        raise PageTokenInvalid()
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise PageTokenInvalid() from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
        raise PageTokenInvalid()
    return raw


def _checksum(request: Message) -> bytes:
    """Hash the request's type and every field but those of the page; the page's size may change on the way."""
    return body_hash(request, without=("page_size", "page_token"))[:_CHECKSUM]


def _sign(secret: bytes, body: bytes) -> bytes:
    """Sign the token's body, so that nobody can make a cursor of their own."""
    return hmac.digest(secret, b"page-token\0" + body, hashlib.sha256)[:_SIGNATURE]
