"""A deadline for the calls whose client set none, so that nothing runs for ever.

Owns when it applies and what is said when it passes. A client's own deadline is kept by gRPC itself.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from gateway.errors import DeadlineExceeded

T = TypeVar("T")


async def within(seconds: float | None, work: Awaitable[T]) -> T:
    """Wait for the work, for `seconds` at most (None: as long as it takes); raises DeadlineExceeded.

    The work is cancelled as it would be by a client's deadline: what must not be cut short is shielded there.
    """
    if seconds is None:
        return await work
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise DeadlineExceeded() from None
        raise
