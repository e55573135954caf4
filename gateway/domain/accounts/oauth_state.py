"""The OAuth state parameter, a signed one-time id, and the URIs of the authorization flow.

Owns signing, verifying and the allow-list of redirect URIs. Makes no call and reads no row.
"""

import base64
import hashlib
import hmac

from gateway.caller import Caller
from gateway.domain.context import Domain
from gateway.errors import AuthorizationStateInvalid, FieldInvalid

STATE = b"oauth-state"


def sign(secret: bytes, id: str, purpose: bytes = STATE) -> str:
    """Return the state that the vendor passes back to us: the id and our signature, which is valid for one purpose."""
    digest = hmac.digest(secret, purpose + b"\0" + id.encode(), hashlib.sha256)
    return f"{id}.{base64.urlsafe_b64encode(digest[:18]).decode()}"


def verify(secret: bytes, state: str, purpose: bytes = STATE) -> str:
    """Return the id inside a state that we signed for this purpose; raises AuthorizationStateInvalid."""
    id, _, _ = state.partition(".")
    if len(state) > 200 or not state.isascii() or not hmac.compare_digest(sign(secret, id, purpose), state):
        raise AuthorizationStateInvalid()
    return id


def callback_uri(domain: Domain, provider: str) -> str:
    """Return the gateway's own callback URI of a provider, which an operator registers there."""
    return f"{domain.public_url.rstrip('/')}/oauth/{provider}/callback"


def check_uris(domain: Domain, caller: Caller, provider: str, *, return_uri: str, redirect_uri: str) -> None:
    """Raise FieldInvalid unless the API key or the settings list both URIs; they must match exactly."""
    allowed = caller.redirect_uris | domain.allowed_redirect_uris
    if return_uri and return_uri not in allowed:
        raise FieldInvalid("return_uri", "is not on the allow-list of this key or of the gateway")
    if redirect_uri and redirect_uri not in allowed and redirect_uri != callback_uri(domain, provider):
        raise FieldInvalid("redirect_uri", "is not on the allow-list of this key or of the gateway")
