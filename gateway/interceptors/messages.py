"""From bytes to a request: what cannot be read is the caller's fault, and is said as such.

Owns the size check and the parsing. gRPC itself would answer UNKNOWN with the parser's own text.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError, Message

from gateway.errors import FieldInvalid

Parser = Callable[[bytes], Any]


def checked_parser(parser: Parser | None, max_bytes: int) -> Parser:
    """Wrap a method's own parser: larger messages and broken ones raise FieldInvalid."""

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


def serialize(response: Any) -> bytes:
    """Write a response inside the frame, so that a servicer that gave none is caught there."""
    if not isinstance(response, Message):
        raise TypeError(f"a servicer answered with {type(response).__name__}")
    return response.SerializeToString()
