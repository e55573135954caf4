"""Authentication: from the `authorization` header to a caller that has the method's scope.

Owns how a key is sent. Does not know how keys are stored (`gateway/domain/api_keys.py`), nor locations: each method
checks its own.
"""

from collections.abc import Awaitable, Callable

from gateway.caller import Caller
from gateway.errors import ScopeMissing, Unauthenticated

HEADER = "authorization"
_SCHEME = "bearer "

Authenticate = Callable[[str], Awaitable[Caller]]
"""Returns the caller of an API key, or raises Unauthenticated."""


async def identify(header: str, scope: str, authenticate: Authenticate) -> Caller:
    """Return the caller of `Bearer KEY`.

    Raises Unauthenticated unless the header holds one valid key, ScopeMissing if the key does not have the scope.
    """
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise Unauthenticated("Send `authorization: Bearer KEY`.")
    caller = await authenticate(header[len(_SCHEME) :].strip())
    check_scope(caller, scope)
    return caller


def check_scope(caller: Caller, scope: str) -> None:
    """Raise ScopeMissing if the caller's key does not have the scope."""
    if not caller.has_scope(scope):
        raise ScopeMissing(scope)
