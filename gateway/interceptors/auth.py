"""Who calls: from the `authorization` header to a caller with the method's scope.

Owns how a key travels. Does not know how keys are kept (`gateway/domain/api_keys.py`), nor locations: each method
checks its own.
"""

from collections.abc import Awaitable, Callable

from gateway.caller import Caller
from gateway.errors import ScopeMissing, Unauthenticated

HEADER = "authorization"
_SCHEME = "bearer "

Authenticate = Callable[[str], Awaitable[Caller]]
"""Gives the caller behind an API key, or raises Unauthenticated."""


async def identify(header: str, scope: str, authenticate: Authenticate) -> Caller:
    """Return the caller behind `Bearer KEY`.

    Raises Unauthenticated for anything but one valid key, ScopeMissing when the key lacks the method's scope.
    """
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise Unauthenticated("Send `authorization: Bearer KEY`.")
    caller = await authenticate(header[len(_SCHEME) :].strip())
    if not caller.has_scope(scope):
        raise ScopeMissing(scope)
    return caller
