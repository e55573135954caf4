"""Calls with an access token: if the vendor refuses it, one newer token and one more call.

Owns that rule and nothing else: the vendor's client recognises a refusal, the gateway supplies tokens.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from providers.errors import TokenRefused
from providers.interface.access import Access
from providers.models.grants import AccessToken

T = TypeVar("T")


async def with_access(access: Access, call: Callable[[AccessToken], Awaitable[T]]) -> T:
    """Run `call` with a token; after TokenRefused, get one newer token and retry once.

    A missing scope is a different error and is not retried. Raises what `call` or `access` raise.
    """
    token = await access.token()
    try:
        return await call(token)
    except TokenRefused:
        newer = await access.renew_refused_token(token)
    return await call(newer)
