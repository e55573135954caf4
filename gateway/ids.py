"""New ids: short, lower case, sortable by the time they were made.

Owns their form: 10 characters of milliseconds, 10 of chance, in Crockford's base 32. Tests pass a maker of their own.
"""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """Return a fresh id of 20 characters of `[0-9a-z]`."""
    return _encode(time.time_ns() // 1_000_000) + _encode(secrets.randbits(50))


def _encode(number: int) -> str:
    digits = []
    for _ in range(10):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
