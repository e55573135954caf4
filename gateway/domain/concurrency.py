"""Several workers on one row: the lease, and what to do after a lost compare-and-swap.

Owns the lease, the backoff, the retry while the database is unavailable or busy, and the retry after a lost
compare-and-swap.
Knows no resource, no row and no vendor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog

from storage.database import DatabaseBusy, DatabaseUnavailable

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

LEASE = timedelta(seconds=30)
"""How long a worker keeps a due row to itself before the sweeper enqueues it again."""

TRIES = 5
"""How many times a change is tried that other workers keep superseding."""

PAUSE_SECONDS = 0.2
"""The pause after each such try, and between two tries of a write whose row is locked, in seconds."""


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

    For results that would be lost with this process. Raises DatabaseUnavailable after `limit`, if there is one; a row
    that somebody keeps locked is no reason to give up, however long.
    """
    waited = timedelta(0)
    while True:
        try:
            return await work()
        except DatabaseUnavailable as error:
            busy = isinstance(error, DatabaseBusy)
            if limit is not None and waited >= limit and not busy:
                raise
            report(error)
            await sleep(pause.total_seconds())
            waited += timedelta(0) if busy else pause


def until_free(write: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Repeat a write while a row that it needs is locked, however long: for what a vendor has answered already.

    Nothing of a try that found the row locked has happened, so that repeating it is safe. Decorates a function that
    makes the write in one transaction.
    """

    @wraps(write)
    async def repeated(*args: P.args, **values: P.kwargs) -> T:
        while True:
            try:
                return await write(*args, **values)
            except DatabaseBusy as error:
                log.warning("database.busy", write=write.__qualname__, error=str(error))
                await asyncio.sleep(PAUSE_SECONDS)

    return repeated


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
