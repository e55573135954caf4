"""Ids, codes and tokens in the shapes TikTok gives them.

Owns: the shapes. Knows nothing of what they name; randomness comes in as an argument.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime

Entropy = Callable[[int], bytes]


def _text(entropy: Entropy, count: int) -> str:
    return urlsafe_b64encode(entropy(count)).decode().rstrip("=")


def authorization_code(entropy: Entropy) -> str:
    """A code with the `*` and `!` of the real ones: a client that does not decode its callback breaks on them."""
    return f"{_text(entropy, 30)}*v!{entropy(2).hex()}.sim"


def access_token(entropy: Entropy) -> str:
    """A user's access token, `act.…`."""
    return f"act.{_text(entropy, 30)}!{entropy(2).hex()}.sim"


def refresh_token(entropy: Entropy) -> str:
    """A user's refresh token, `rft.…`."""
    return f"rft.{_text(entropy, 30)}!{entropy(2).hex()}.sim"


def client_token(entropy: Entropy) -> str:
    """A client's own token, `clt.…`: of no use for a user's calls."""
    return f"clt.{_text(entropy, 30)}"


def opaque(entropy: Entropy) -> str:
    """A value that names something of the simulator's own: a consent page, an upload token."""
    return _text(entropy, 24)


def number(entropy: Entropy) -> int:
    """A 19-digit id below 2**63. It is odd, so no double holds it: a client that goes through float64 loses digits."""
    return 7_000_000_000_000_000_000 + (int.from_bytes(entropy(8), "big") % 10**18) | 1


def publish_id(entropy: Entropy, prefix: str) -> str:
    """A publish_id as in the documentation's examples, at most 64 characters."""
    return f"{prefix}~v2-1.{number(entropy)}"


def log_id(entropy: Entropy, now: datetime) -> str:
    """What support asks for: the time, then hexadecimals."""
    return f"{now:%Y%m%d%H%M%S}{entropy(9).hex().upper()}"
