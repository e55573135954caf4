"""Repeating a read that could not be answered: once, after a moment.

Owns the only automatic repetition towards vendors. Never used for a token, an init or a chunk.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from providers.errors import Unavailable

T = TypeVar("T")


async def read_again(call: Callable[[], Awaitable[T]]) -> T:
    """Run `call`, and once more when it raised Unavailable; any other error leaves at once."""
    async for attempt in stamina.retry_context(
        on=Unavailable, attempts=2, timeout=None, wait_initial=0.2, wait_max=1.0, wait_jitter=0.3
    ):
        with attempt:
            return await call()
    raise AssertionError("stamina gave no attempt")
