"""Random values that all simulators generate in the same way.

Owns: their shapes. Knows nothing of what they identify; randomness is an argument.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable

# A function that returns n random bytes.
Entropy = Callable[[int], bytes]


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def opaque(entropy: Entropy) -> str:
    """Return an opaque id, for example of a consent page or an upload token."""
    return base64url(entropy(24))


def number(entropy: Entropy) -> int:
    """Return a 19-digit id below 2**63.

    An odd number above 2**53 cannot be represented as float64, so clients that use one lose digits.
    """
    return 7_000_000_000_000_000_000 + (int.from_bytes(entropy(8), "big") % 10**18) | 1
