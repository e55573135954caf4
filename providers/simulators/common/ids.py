"""Random values that all simulators make in the same way.

Owns: their shapes. Knows nothing of what they identify; randomness is an argument.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable

# Returns as many random bytes as it is asked for.
Entropy = Callable[[int], bytes]


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def opaque(entropy: Entropy) -> str:
    """Return an id for something of the simulator's own, such as a consent page or an upload token."""
    return base64url(entropy(24))


def number(entropy: Entropy) -> int:
    """Return a 19-digit id below 2**63. It is odd, hence no double: a client that goes through float64 loses digits."""
    return 7_000_000_000_000_000_000 + (int.from_bytes(entropy(8), "big") % 10**18) | 1
