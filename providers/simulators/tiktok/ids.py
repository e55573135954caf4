"""Ids, codes and tokens in TikTok's formats.

Owns: the formats. Knows nothing of what they identify; randomness is an argument.
"""

from datetime import datetime

from providers.simulators.common.ids import Entropy, base64url, number


def authorization_code(entropy: Entropy) -> str:
    """Return a code with `*` and `!`, as real ones have: they break a client that does not decode its callback URL."""
    return f"{base64url(entropy(30))}*v!{entropy(2).hex()}.sim"


def access_token(entropy: Entropy) -> str:
    """Return a user's access token, `act.…`."""
    return f"act.{base64url(entropy(30))}!{entropy(2).hex()}.sim"


def refresh_token(entropy: Entropy) -> str:
    """Return a user's refresh token, `rft.…`."""
    return f"rft.{base64url(entropy(30))}!{entropy(2).hex()}.sim"


def client_token(entropy: Entropy) -> str:
    """Return a client token, `clt.…`, which is not valid for a user's calls."""
    return f"clt.{base64url(entropy(30))}"


def publish_id(entropy: Entropy, prefix: str) -> str:
    """Return a publish_id as in the documentation's examples, at most 64 characters."""
    return f"{prefix}~v2-1.{number(entropy)}"


def log_id(entropy: Entropy, now: datetime) -> str:
    """Return the id that TikTok's support asks for: the time, then hexadecimal digits."""
    return f"{now:%Y%m%d%H%M%S}{entropy(9).hex().upper()}"
