"""Authentication: from the `authorization` header, or the client's certificate, to a caller with the method's scope.

Owns how a key is sent, and that it goes before a certificate. Does not know how keys are stored
(`gateway/domain/api_keys.py`), nor locations: each method checks its own.
"""

from collections.abc import Awaitable, Callable

from gateway.caller import Caller
from gateway.errors import ScopeMissing, Unauthenticated

HEADER = "authorization"
_SCHEME = "bearer "

Authenticate = Callable[[str], Awaitable[Caller]]
"""Returns the caller of an API key or a token, or raises Unauthenticated."""

Recognize = Callable[[bytes], Awaitable[Caller]]
"""Returns the caller of a certificate (PEM), or raises Unauthenticated."""


async def identify(
    header: str, scope: str, authenticate: Authenticate, *, certificate: bytes = b"", recognize: Recognize | None = None
) -> Caller:
    """Return the caller of `Bearer KEY`, or, without a header, of the client's certificate.

    Raises Unauthenticated unless there is one valid key or certificate, IssuerUnavailable, and ScopeMissing if it does
    not have the scope.
    """
    caller = await _caller(header, authenticate, certificate, recognize)
    check_scope(caller, scope)
    return caller


def check_scope(caller: Caller, scope: str) -> None:
    """Raise ScopeMissing if the caller's key does not have the scope."""
    if not caller.has_scope(scope):
        raise ScopeMissing(scope)


async def _caller(header: str, authenticate: Authenticate, certificate: bytes, recognize: Recognize | None) -> Caller:
    if not header and certificate and recognize is not None:
        return await recognize(certificate)
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise Unauthenticated("Send `authorization: Bearer KEY`.")
    return await authenticate(header[len(_SCHEME) :].strip())
