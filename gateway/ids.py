"""New ids: short, lower case, sortable by creation time.

Owns their format: 10 characters of milliseconds, 10 random ones, in Crockford's base 32. Tests use their own generator.
"""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """Return a new id of 20 characters from `[0-9a-z]`."""
    return _encode(time.time_ns() // 1_000_000) + _encode(secrets.randbits(50))


def _encode(number: int) -> str:
    digits = []
    for _ in range(10):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
