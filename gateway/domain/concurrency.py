"""Several workers on one row: the lease, and what to do after a lost compare-and-swap.

Owns the lease, the backoff, the retry while the database is unavailable or busy, and the retry after a lost
compare-and-swap.
Knows no resource, no row and no vendor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog

from storage.database import Database, DatabaseBusy, DatabaseUnavailable, Transaction
from storage.due_rows import DueRows, reserving
from storage.fair import FairPlaces, Tenant
from storage.places import work_in

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

LEASE = timedelta(seconds=30)
"""How long a worker keeps a due row to itself before the sweeper enqueues it again."""

GATHER_SECONDS = 0.02

TRIES = 5
"""How many times a change is tried that other workers keep superseding."""

PAUSE_SECONDS = 0.2
"""The pause after each such try, and between two tries of a write whose row is locked, in seconds."""


async def take_turns(
    db: Database,
    due: DueRows,
    places: FairPlaces,
    work: Callable[[str, str], Awaitable[object]],
    *,
    lease: Callable[[Transaction, list[tuple[str, str]]], Awaitable[list[tuple[str, str]]]],
    now: Callable[[], datetime],
    look_again_seconds: float = 5.0,
) -> int:
    """Do `work(location, id)` for every row that is due, each once, in turns, and return how many there were.

    `lease` takes the rows for this process, and returns those that nobody else took. Looks again whenever a place is
    free, so that slow work of one tenant keeps nobody else waiting. Raises DatabaseUnavailable, and what `work` raises.
    """
    running: set[asyncio.Task[None]] = set()
    seen: set[tuple[str, str]] = set()

    async def one(tenant: Tenant, id: str) -> None:
        work_in(tenant)
        try:
            await work(tenant.location, id)
        finally:
            places.leave(tenant)

    async def begin() -> bool:
        async with db.read() as tx:
            found = await due.find(tx, now(), 2 * places.size + 1, places.turns)
        new = [(tenant, id) for tenant, id in found if (tenant.location, id) not in seen]
        with reserving(places, new) as reserved:
            mine: list[tuple[str, str]] = []
            if reserved.tenants:
                async with db.transaction() as tx:
                    mine = await lease(tx, list(reserved.tenants))
                reserved.keep(mine)
        seen.update(reserved.tenants)
        running.update(asyncio.create_task(one(reserved.tenants[key], key[1])) for key in mine)
        return bool(mine)

    try:
        while await begin() or running:
            done, _ = await asyncio.wait(running, timeout=look_again_seconds, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            for task in done:
                task.result()
            # For several that end together it is looked once.
            await asyncio.sleep(GATHER_SECONDS)
    except Exception:
        # One that failed is no reason to break off what the others ask a vendor.
        await asyncio.gather(*running, return_exceptions=True)
        raise
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return len(seen)


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
