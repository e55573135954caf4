"""Pairs of tokens: from a vendor's answer into the database, whatever happens on the way.

Owns the sealing of a pair, the spill on disk before the save, and who wins when two pairs meet. Knows neither vendor
nor lease.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.clock import Clock
from gateway.domain.credentials import connection_status
from gateway.domain.credentials import spill as token_spill
from gateway.domain.credentials.spill import Spill
from gateway.failpoints import reach
from providers.models.grants import Grant
from providers.models.secret import Secret
from storage import connections
from storage import tokens as rows
from storage.database import Database, DatabaseUnavailable, Transaction
from storage.keys import LocationSealer, Sealer
from storage.tokens import SealedPair

log = structlog.get_logger(__name__)
T = TypeVar("T")

JITTER = 10
"""Renewals ahead of time spread over this part of a token's lifetime: grants made together do not renew together."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The protocol's spans; the lease is longer than a vendor call and the commit after it."""

    lease: timedelta = timedelta(seconds=60)
    lease_poll: timedelta = timedelta(milliseconds=50)
    grace: timedelta = timedelta(seconds=20)
    cooldown: timedelta = timedelta(seconds=30)
    cooldown_max: timedelta = timedelta(minutes=30)
    margin_max: timedelta = timedelta(minutes=15)
    save_retry: timedelta = timedelta(seconds=1)

    def margin(self, lifetime: timedelta) -> timedelta:
        """Return how much time a token must have left to be lent."""
        return min(self.margin_max, lifetime / 6)


USUAL = Timing()


class TokenStore:
    """Saves pairs so that one that a vendor gave is never lost once it is on disk."""

    def __init__(
        self, db: Database, sealer: Sealer, *, clock: Clock, folder: Path, timing: Timing, saved: Callable[[str], None]
    ) -> None:
        """`folder` takes the spills; `saved` is told the cache key of each pair that was saved."""
        self._db = db
        self._sealer = sealer
        self._clock = clock
        self._folder = folder
        self._timing = timing
        self._saved = saved

    async def seal_for(self, location: str) -> LocationSealer:
        """Return what seals a location's pairs: fetched before a vendor is asked, whose answer then waits for
        nothing.
        """
        async with self._db.read() as tx:
            return await self._sealer.for_location(tx, location)

    async def keep(
        self,
        seal: LocationSealer,
        connection: str,
        grant: Grant,
        *,
        read_version: int,
        previous: Secret | None,
        ahead: bool = False,
    ) -> None:
        """Save a pair over the version that was read, unless another one was saved over it meanwhile.

        The save is tried until the database says yes or no; until then the spill keeps the pair. `previous` is kept
        when no new refresh token came; `ahead` lets a pair without any be renewed ahead of its end.
        """
        spill = await self._spill(seal, connection, grant, read_version, previous, ahead)
        await self._surely(partial(self._save, spill))
        await self._drop(spill)

    async def adopt(self, seal: LocationSealer, connection: str, grant: Grant) -> None:
        """Save the pair of a new consent over whatever is there.

        The connection's row must be there and not DISCONNECTED, else the pair is dropped.
        """
        before: Spill | None = None
        while True:
            version = await self._surely(lambda: self._version(seal.location, connection))
            spill = await self._spill(seal, connection, grant, version, None)
            if before is not None:
                await self._drop(before)
            if await self._surely(partial(self._save, spill)) is not None:
                return await self._drop(spill)
            before = spill

    async def put(self, tx: Transaction, seal: LocationSealer, connection: str, grant: Grant, *, ahead: bool) -> None:
        """Save a pair over whatever is there within `tx`, which holds the connection: for one that its giver still has,
        so that nothing is lost with the transaction.
        """
        location = seal.location
        row = await rows.find(tx, location, connection)
        version = 0 if row is None else row.version
        pair = self._seal(seal, connection, grant, version + 1, grant.refresh_token, ahead)
        if not await rows.save(tx, location, connection, pair, read_version=version):
            raise RuntimeError("a pair was saved while its connection was held")
        await connection_status.revive(tx, location, connection, grant.scopes, self._clock())

    async def replay(self, *of: str) -> int:
        """Save every pair that was spilled and may not have been saved, or those of one (location, connection)."""
        found = await asyncio.to_thread(lambda: list(token_spill.pending(self._folder)))
        wanted = [spill for spill in found if not of or (spill.location, spill.connection) == of]
        for spill in wanted:
            await self._save(spill)
            await self._drop(spill)
        return len(wanted)

    async def _version(self, location: str, connection: str) -> int:
        async with self._db.read() as tx:
            row = await rows.find(tx, location, connection)
        return 0 if row is None else row.version

    async def _spill(
        self,
        seal: LocationSealer,
        connection: str,
        grant: Grant,
        read_version: int,
        previous: Secret | None,
        ahead: bool = False,
    ) -> Spill:
        """Seal the pair as the next version and put it on disk; the database is not needed for that."""
        location = seal.location
        pair = self._seal(seal, connection, grant, read_version + 1, grant.refresh_token or previous, ahead)
        path = await asyncio.to_thread(
            token_spill.write, self._folder, location, connection, read_version, pair, grant.scopes
        )
        reach("token.after-spill")
        return Spill(location, connection, read_version, pair, grant.scopes, path)

    def _seal(
        self, seal: LocationSealer, connection: str, grant: Grant, version: int, refresh: Secret | None, ahead: bool
    ) -> SealedPair:
        now = self._clock()

        def sealed(column: str, value: Secret) -> bytes:
            return seal.seal("tokens", connection, column, version, value.reveal().encode())

        return SealedPair(
            version=version,
            access_sealed=sealed("access", grant.access_token),
            refresh_sealed=sealed("refresh", refresh) if refresh else None,
            access_expire_time=grant.access_expire_time,
            access_issue_time=now,
            refresh_expire_time=grant.refresh_expire_time,
            refresh_at=self._refresh_at(now, grant.access_expire_time - now) if refresh or ahead else None,
        )

    def _refresh_at(self, now: datetime, lifetime: timedelta) -> datetime:
        """Ahead of the margin by up to a tenth of the lifetime."""
        jitter = lifetime / JITTER * (secrets.randbelow(1000) / 1000)
        return now + lifetime - self._timing.margin(lifetime) - jitter

    async def _surely(self, work: Callable[[], Awaitable[T]]) -> T:
        """Work as soon as the database can."""
        while True:
            try:
                return await work()
            except DatabaseUnavailable as error:
                log.error("token.save_failed", error=str(error))
                await asyncio.sleep(self._timing.save_retry.total_seconds())

    async def _save(self, spill: Spill) -> bool | None:
        """Save a spilled pair: True when it is there, None when another was saved over the same version meanwhile,
        False when nobody wants it any more because the connection was disconnected or deleted.
        """
        now, place = self._clock(), (spill.location, spill.connection)
        async with self._db.transaction() as tx:
            # The connection first, as everywhere: two that lock in different orders wait for each other for ever.
            parent = await connections.find(tx, *place, lock=True)
            if parent is None or parent.status == "DISCONNECTED":
                return False
            saved = await rows.save(tx, *place, spill.pair, read_version=spill.read_version)
            if saved:
                await connection_status.revive(tx, *place, spill.scopes, now)
        self._saved(rows.cache_key(*place))
        return True if saved or await self._is_saved(spill) else None

    async def _is_saved(self, spill: Spill) -> bool:
        """Return whether this very pair stands in the database: the answer to an earlier commit may have been lost."""
        async with self._db.read() as tx:
            row = await rows.find(tx, spill.location, spill.connection)
        return row is not None and row.access_sealed == spill.pair.access_sealed

    async def _drop(self, spill: Spill) -> None:
        await asyncio.to_thread(spill.path.unlink, missing_ok=True)
