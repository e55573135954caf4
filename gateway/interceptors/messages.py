"""From bytes to a request message: a malformed request is INVALID_ARGUMENT, the caller's fault.

Owns the size check and the parsing, and where a request names its resource. gRPC itself would answer UNKNOWN with the
parser's own text.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError, Message

from gateway.aip.sizes import MAX_RESPONSE_BYTES, bounded
from gateway.errors import FieldInvalid

Parser = Callable[[bytes], Any]


def checked_parser(parser: Parser | None, max_bytes: int) -> Parser:
    """Wrap a method's own parser so that messages that are too large or malformed raise FieldInvalid."""

    def parse(raw: bytes) -> Any:
        if len(raw) > max_bytes:
            raise FieldInvalid("request", f"the message has {len(raw)} bytes, at most {max_bytes} are accepted")
        if parser is None:
            return raw
        try:
            return parser(raw)
        except (DecodeError, ValueError):
            # The parser's own text may quote the bytes.
            raise FieldInvalid("request", "the bytes are not a message of this method's request type") from None

    return parse


def resource_of(request: Any) -> str:
    """Return the name of the resource that a request is about, of what it is in if it has none yet, or ""."""
    for name in ("name", "parent"):
        if found := getattr(request, name, ""):
            return str(found)
    nested = (
        value for field, value in request.ListFields() if field.message_type is not None and not field.is_repeated
    )
    return next((name for value in nested if isinstance(name := getattr(value, "name", ""), str) and name), "")


def serialize(response: Any) -> bytes:
    """Serialize a response inside the pipeline, so that a servicer that returned none fails there."""
    if not isinstance(response, Message):
        raise TypeError(f"a servicer returned {type(response).__name__}")
    # A message's size is known only from its bytes, so they are made first: next to none is too large.
    raw = response.SerializeToString()
    return raw if len(raw) <= MAX_RESPONSE_BYTES else bounded(response, MAX_RESPONSE_BYTES).SerializeToString()
