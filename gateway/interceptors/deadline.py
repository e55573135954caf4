"""A default deadline for calls whose client set none, so that nothing runs for ever.

Owns the timeout and its error. gRPC itself enforces a client's own deadline.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from gateway.errors import DeadlineExceeded

T = TypeVar("T")


async def within(seconds: float | None, work: Awaitable[T]) -> T:
    """Await the work for at most `seconds` (None: no limit); raises DeadlineExceeded.

    The work is cancelled, as it is by a client's deadline: whatever must not be interrupted is shielded there.
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
