"""Several workers on one row: the lease, and what to do after a lost compare-and-swap.

Owns the lease, the backoff, the retry while the database is unavailable, and the retry after a lost compare-and-swap.
Knows no resource, no row and no vendor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from storage.database import DatabaseUnavailable

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

LEASE = timedelta(seconds=30)
"""How long a worker keeps a due row to itself before the sweeper enqueues it again."""

TRIES = 5
"""How many times a change is tried that other workers keep superseding."""

PAUSE_SECONDS = 0.2
"""The pause after each such try, in seconds."""


class Superseded(Exception):
    """Another worker changed the row first: stop, and leave the rest to it."""


def backoff(first: timedelta, failures: int, maximum: timedelta) -> timedelta:
    """Return the pause after `failures` in a row: `first`, doubled for each of them, at most `maximum`."""
    return min(first * 2.0 ** min(failures, 20), maximum)


async def until_stored(
    work: Callable[[], Awaitable[T]],
    *,
    pause: timedelta,
    report: Callable[[DatabaseUnavailable], None],
    limit: timedelta | None = None,
    sleep: Sleep = asyncio.sleep,
) -> T:
    """Return what `work` returns, retrying while the database is unavailable; `report` gets every failure.

    For results that would be lost with this process. Raises DatabaseUnavailable after `limit`, if there is one.
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
    """Return what `work` returns, retrying while it raises Superseded; raises Superseded after TRIES tries.

    Without `sleep` the retries follow at once.
    """
    for _ in range(TRIES - 1):
        try:
            return await work()
        except Superseded:
            if sleep is not None:
                await sleep(PAUSE_SECONDS)
    return await work()
