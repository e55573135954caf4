"""Ids, codes and tokens in the shapes HighLevel gives them.

Owns: the shapes. Knows nothing of what they name; randomness comes in as an argument.
"""

import json
import re
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping

Entropy = Callable[[int], bytes]

_MONGO = re.compile(r"[0-9a-f]{24}\Z")
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+\Z", re.ASCII)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def mongo(entropy: Entropy) -> str:
    """An id of a post, category, tag, CSV, pending OAuth record: 24 hexadecimals."""
    return entropy(12).hex()


def is_mongo(value: str) -> bool:
    """Whether a value could be such an id."""
    return _MONGO.match(value.lower()) is not None


def authorization_code(entropy: Entropy) -> str:
    """What the consent page's redirect carries."""
    return entropy(20).hex()


def jwt(entropy: Entropy, claims: Mapping[str, object]) -> str:
    """A token of the shape of a JWT. Its signature is noise: nobody but the vendor can say whether it is good."""
    head = _text(b'{"alg":"RS256","typ":"JWT"}')
    body = _text(json.dumps({**claims, "jti": entropy(12).hex()}, separators=(",", ":")).encode())
    return f"{head}.{body}.{_text(entropy(32))}"


def is_jwt(value: str) -> bool:
    """Whether a value has three parts of base64url."""
    return _JWT.match(value) is not None


def private_token(entropy: Entropy) -> str:
    """A Private Integration Token, `pit-…`."""
    return f"pit-{uuid.UUID(bytes=entropy(16), version=4)}"


def trace_id(entropy: Entropy) -> str:
    """What support asks for."""
    return str(uuid.UUID(bytes=entropy(16), version=4))


def opaque(entropy: Entropy) -> str:
    """A value that names something of the simulator's own, as a page does."""
    return _text(entropy(24))


def platform_post(entropy: Entropy) -> str:
    """The id of a post on its network: 19 digits that no double holds."""
    return str(7_000_000_000_000_000_000 + (int.from_bytes(entropy(8), "big") % 10**18) | 1)
