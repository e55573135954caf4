"""Several workers on one row: who may go on, for how long, and what happens when another was faster.

Owns the lease, the back-off between tries, the retry until the database answers, and the second look after a lost
compare-and-swap. Knows no noun, no row and no vendor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from storage.database import DatabaseUnavailable

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

LEASE = timedelta(seconds=30)
"""How long a worker may leave a due row alone before the sweeper puts it into the queue again."""

TRIES = 5
PAUSE_SECONDS = 0.2
"""How often a row is looked at whose worker was faster, and how long after each look."""


class Superseded(Exception):
    """Another worker moved this attempt on: stop, and leave the rest to it."""


def backoff(first: timedelta, failures: int, maximum: timedelta) -> timedelta:
    """Return the pause after `failures` in a row: `first` doubled for each of them, at most `maximum`."""
    return min(first * 2.0 ** min(failures, 20), maximum)


async def until_stored(
    work: Callable[[], Awaitable[T]],
    *,
    pause: timedelta,
    report: Callable[[DatabaseUnavailable], None],
    limit: timedelta | None = None,
    sleep: Sleep = asyncio.sleep,
) -> T:
    """Return what `work` returns, once the database answers; `report` hears of every failure before the pause.

    For what is known here and to nobody else. After `limit`, if there is one, raises DatabaseUnavailable.
    """
    waited = timedelta(0)
    while True:
        try:
            return await work()
        except DatabaseUnavailable as error:
            if limit is not None and waited >= limit:
                raise
            report(error)
            await sleep(pause.total_seconds())
            waited += pause


async def retry_superseded(work: Callable[[], Awaitable[T]], sleep: Sleep | None = None) -> T:
    """Return what `work` returns, tried again while another worker is faster; raises Superseded after TRIES of them.

    Without `sleep` the next look follows at once.
    """
    for _ in range(TRIES - 1):
        try:
            return await work()
        except Superseded:
            if sleep is not None:
                await sleep(PAUSE_SECONDS)
    return await work()
