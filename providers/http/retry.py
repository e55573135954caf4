"""The retry of a read that failed with Unavailable: once, after a short delay, unless the vendor asks for a longer one.

Owns the only automatic retry of vendor calls. Never used for a token, a submit or a chunk.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import stamina

from providers.errors import Unavailable

T = TypeVar("T")


_LONGEST_WAIT = timedelta(seconds=1)


def _soon(error: Exception) -> bool:
    """Return whether the call may be repeated while its caller waits."""
    return isinstance(error, Unavailable) and (error.retry_after is None or error.retry_after <= _LONGEST_WAIT)


async def read_again(call: Callable[[], Awaitable[T]]) -> T:
    """Run `call`, and once more if it raises Unavailable without a longer wait; any other error is raised at once."""
    async for attempt in stamina.retry_context(
        on=_soon, attempts=2, timeout=None, wait_initial=0.2, wait_max=1.0, wait_jitter=0.3
    ):
        with attempt:
            return await call()
    raise AssertionError("stamina gave no attempt")
