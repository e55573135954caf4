"""Ids, codes and tokens in the shapes HighLevel gives them.

Owns: the shapes. Knows nothing of what they name; randomness comes in as an argument.
"""

import json
import re
import uuid
from collections.abc import Mapping

from providers.simulators.common.ids import Entropy, base64url, number

_MONGO = re.compile(r"[0-9a-f]{24}\Z")
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+\Z", re.ASCII)


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
    head = base64url(b'{"alg":"RS256","typ":"JWT"}')
    body = base64url(json.dumps({**claims, "jti": entropy(12).hex()}, separators=(",", ":")).encode())
    return f"{head}.{body}.{base64url(entropy(32))}"


def is_jwt(value: str) -> bool:
    """Whether a value has three parts of base64url."""
    return _JWT.match(value) is not None


def private_token(entropy: Entropy) -> str:
    """A Private Integration Token, `pit-…`."""
    return f"pit-{uuid.UUID(bytes=entropy(16), version=4)}"


def trace_id(entropy: Entropy) -> str:
    """What support asks for."""
    return str(uuid.UUID(bytes=entropy(16), version=4))


def platform_post(entropy: Entropy) -> str:
    """The id of a post on its network: 19 digits that no double holds."""
    return str(number(entropy))
