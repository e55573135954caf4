"""Ids, codes and tokens in the shapes TikTok gives them.

Owns: the shapes. Knows nothing of what they name; randomness comes in as an argument.
"""

from datetime import datetime

from providers.simulators.common.ids import Entropy, base64url, number


def authorization_code(entropy: Entropy) -> str:
    """A code with the `*` and `!` of the real ones: a client that does not decode its callback breaks on them."""
    return f"{base64url(entropy(30))}*v!{entropy(2).hex()}.sim"


def access_token(entropy: Entropy) -> str:
    """A user's access token, `act.…`."""
    return f"act.{base64url(entropy(30))}!{entropy(2).hex()}.sim"


def refresh_token(entropy: Entropy) -> str:
    """A user's refresh token, `rft.…`."""
    return f"rft.{base64url(entropy(30))}!{entropy(2).hex()}.sim"


def client_token(entropy: Entropy) -> str:
    """A client's own token, `clt.…`: of no use for a user's calls."""
    return f"clt.{base64url(entropy(30))}"


def publish_id(entropy: Entropy, prefix: str) -> str:
    """A publish_id as in the documentation's examples, at most 64 characters."""
    return f"{prefix}~v2-1.{number(entropy)}"


def log_id(entropy: Entropy, now: datetime) -> str:
    """What support asks for: the time, then hexadecimals."""
    return f"{now:%Y%m%d%H%M%S}{entropy(9).hex().upper()}"
