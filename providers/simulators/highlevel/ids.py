"""Ids, codes and tokens in HighLevel's formats.

Owns: the formats. Knows nothing of what they identify; randomness is an argument.
"""

import json
import re
import uuid
from collections.abc import Mapping

from providers.simulators.common.ids import Entropy, base64url, number

_MONGO = re.compile(r"[0-9a-f]{24}\Z")
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+\Z", re.ASCII)


def mongo(entropy: Entropy) -> str:
    """Return an id of a post, category, tag, CSV or pending consent: 24 hexadecimal digits."""
    return entropy(12).hex()


def is_mongo(value: str) -> bool:
    """Return whether a value has the format of such an id."""
    return _MONGO.match(value.lower()) is not None


def authorization_code(entropy: Entropy) -> str:
    """Return an authorization code."""
    return entropy(20).hex()


def jwt(entropy: Entropy, claims: Mapping[str, object]) -> str:
    """Return a token in the format of a JWT with a random signature: only the vendor can verify it."""
    head = base64url(b'{"alg":"RS256","typ":"JWT"}')
    body = base64url(json.dumps({**claims, "jti": entropy(12).hex()}, separators=(",", ":")).encode())
    return f"{head}.{body}.{base64url(entropy(32))}"


def is_jwt(value: str) -> bool:
    """Return whether a value has three parts of base64url."""
    return _JWT.match(value) is not None


def private_token(entropy: Entropy) -> str:
    """Return a Private Integration Token, `pit-…`."""
    return f"pit-{uuid.UUID(bytes=entropy(16), version=4)}"


def trace_id(entropy: Entropy) -> str:
    """Return the id that HighLevel's support asks for."""
    return str(uuid.UUID(bytes=entropy(16), version=4))


def platform_post(entropy: Entropy) -> str:
    """Return the id of a post on its network: 19 digits that a double cannot represent."""
    return str(number(entropy))
