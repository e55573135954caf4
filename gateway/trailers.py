"""How long a status may be: clients read 8 KiB of trailers, and not all of them say so when there is more.

Owns the size of a status on the wire, and what is shortened first. Does not know what a status says.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from google.rpc import status_pb2

MAX_TRAILERS = 8_192
"""Maximum size of the trailers as HTTP/2 counts them: names, values and 32 bytes for each (RFC 9113, 10.5.1).

grpc-java loses a status whose trailers are larger. Everything that can be long is truncated until they fit.
"""

_HEADER_BYTES = 32
# What is in a response of trailers alone, and the longest value of each.
_HEADERS = {
    ":status": 3,
    "content-type": 16,
    "grpc-accept-encoding": 23,
    "grpc-status": 2,
    "grpc-retry-pushback-ms": 10,
    "x-request-id": 128,
    # Their values are measured.
    "grpc-message": 0,
    "grpc-status-details-bin": 0,
}
_FIXED_BYTES = sum(len(name) + size + _HEADER_BYTES for name, size in _HEADERS.items())
_UNESCAPED = "".join(chr(code) for code in range(0x20, 0x7F) if code != ord("%"))

MAX_VIOLATIONS = 256
"""More than this never fit; what is not named is counted."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many characters are left of the message, of every other value, and of a violation's description."""

    sentence: int
    value: int
    description: int


_WHOLE = tuple(Lengths(400, 200, description) for description in (200, 80, 30, 0))
_SHORT = (Lengths(200, 80, 30), Lengths(200, 80, 0))
_SHORTER = (Lengths(100, 30, 0), Lengths(50, 10, 0))

Build = Callable[[Lengths, int], status_pb2.Status]
"""Builds a status with texts of these lengths and the first so many violations."""


def trailer_bytes(status: status_pb2.Status) -> int:
    """Return the size of the trailers of a status, with everything that may be sent beside it."""
    message = len(quote(status.message, safe=_UNESCAPED))
    details: int = -(-status.ByteSize() // 3) * 4
    return _FIXED_BYTES + message + details


def fitting(build: Build, total: int) -> status_pb2.Status:
    """Return the longest status that fits: descriptions are cut first, then the other texts, then violations."""
    count = min(total, MAX_VIOLATIONS)
    if count == total:
        for lengths in (*_WHOLE, *_SHORT):
            status = build(lengths, count)
            if trailer_bytes(status) <= MAX_TRAILERS:
                return status
    found = [(_named(build, lengths, count), lengths) for lengths in (_WHOLE[-1], _SHORT[-1], *_SHORTER)]
    # A few more violations are not worth the other texts: they are cut only if that at least doubles the number.
    most = max(0, *(number for number, _ in found))
    named, lengths = next((each for each in found if each[0] >= 0 and most <= 2 * each[0]), (0, _SHORTER[-1]))
    return build(lengths, named)


def _named(build: Build, lengths: Lengths, count: int) -> int:
    """Return how many of `count` violations fit beside texts of these lengths, -1 if not even none does."""
    sizes = range(count + 1)
    return bisect_right(sizes, MAX_TRAILERS, key=lambda number: trailer_bytes(build(lengths, number))) - 1
