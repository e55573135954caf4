"""Paging: pages cut by count and by bytes, and page tokens that only the same list accepts (AIP-158).

Owns the token's format: the cursor where the previous page ended, a checksum of the request's other fields, and a
signature. Does not know what is listed; a cursor is the list's sort key.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from gateway.aip.request_ids import body_hash
from gateway.aip.sizes import fitting
from gateway.errors import FieldInvalid, PageTokenInvalid

DEFAULT_SIZE = 50
MAX_SIZE = 1000
MAX_TOKEN = 2048
_SIGNATURE = 16
_CHECKSUM = 16
_HEAD = _SIGNATURE + _CHECKSUM

M = TypeVar("M", bound=Message)
Part = str | int


@dataclass(frozen=True, slots=True)
class Page:
    """The page that a list request asks for: at most `size` items after the cursor `after`, empty on the first page."""

    size: int
    after: tuple[Part, ...] = ()


def read(request: Message, *, secret: bytes, default: int = DEFAULT_SIZE, maximum: int = MAX_SIZE) -> Page:
    """Read `page_size` and `page_token` from a list request.

    A size of 0 means `default`; sizes above `maximum` are clamped. Raises FieldInvalid for a negative size,
    PageTokenInvalid for a token that is malformed, from another list, or from the same list with other filters.
    """
    size = getattr(request, "page_size")  # noqa: B009 - every list's request has it, the base class does not
    if size < 0:
        raise FieldInvalid("page_size", "must not be negative")
    token = getattr(request, "page_token")  # noqa: B009
    return Page(min(size or default, maximum), _open(token, request, secret) if token else ())


def next_token(request: Message, after: Sequence[Part], *, secret: bytes) -> str:
    """Return the token of the page that follows the item with the sort key `after`."""
    body = _checksum(request) + json.dumps(list(after), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(secret, body) + body).rstrip(b"=").decode()


def split(
    request: Message, page: Page, found: Sequence[M], sort_key: Callable[[int], Sequence[Part]], *, secret: bytes
) -> tuple[Sequence[M], str]:
    """Return the page's items, at most its size and as many as fit into a response, and the next page's token, "" on
    the last page.

    `found` are the items after the page's cursor: at least one more than the page's size if another page follows;
    `sort_key` returns the sort key of the item at a position.
    """
    items = found[: page.size]
    items = items[: fitting(items)]
    more = len(found) > len(items)
    return items, next_token(request, sort_key(len(items) - 1), secret=secret) if more else ""


def _open(token: str, request: Message, secret: bytes) -> tuple[Part, ...]:
    """Return the cursor in one of our tokens; raises PageTokenInvalid for any other token."""
    raw = _decode(token)
    signature, body = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if len(raw) < _HEAD or not hmac.compare_digest(signature, _sign(secret, body)):
        raise PageTokenInvalid()
    if not hmac.compare_digest(body[:_CHECKSUM], _checksum(request)):
        raise PageTokenInvalid("The other fields of the request changed since the token was made.")
    return tuple(json.loads(body[_CHECKSUM:]))


def _decode(token: str) -> bytes:
    """Decode a token's base64; only the canonical encoding is accepted."""
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
    """Hash the request's type and its fields, except the paging ones: the page size may change between pages."""
    return body_hash(request, without=("page_size", "page_token"))[:_CHECKSUM]


def _sign(secret: bytes, body: bytes) -> bytes:
    """Sign the token's body, so that nobody can forge a cursor."""
    return hmac.digest(secret, b"page-token\0" + body, hashlib.sha256)[:_SIGNATURE]
