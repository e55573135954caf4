"""The retry of a read that failed with Unavailable: once, after a short delay.

Owns the only automatic retry of vendor calls. Never used for a token, a submit or a chunk.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from providers.errors import Unavailable

T = TypeVar("T")


async def read_again(call: Callable[[], Awaitable[T]]) -> T:
    """Run `call`, and once more if it raises Unavailable; any other error is raised at once."""
    async for attempt in stamina.retry_context(
        on=Unavailable, attempts=2, timeout=None, wait_initial=0.2, wait_max=1.0, wait_jitter=0.3
    ):
        with attempt:
            return await call()
    raise AssertionError("stamina gave no attempt")
