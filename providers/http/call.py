"""Calling with a lent token: token, call, and when the vendor refuses it, one newer token and one more call.

Owns that rule and nothing else: what a refusal looks like is the vendor's part, where tokens come from is the
gateway's.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from providers.errors import TokenRefused
from providers.interface.access import Access
from providers.models.grants import AccessToken

T = TypeVar("T")


async def with_access(access: Access, call: Callable[[AccessToken], Awaitable[T]]) -> T:
    """Run `call` with a token; a TokenRefused is answered with exactly one newer token and one retry.

    A missing scope is another error and never gets here twice. Raises whatever `call` or `access` raise.
    """
    token = await access.token()
    try:
        return await call(token)
    except TokenRefused:
        newer = await access.refused(token)
    return await call(newer)
