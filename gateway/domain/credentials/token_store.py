"""The token store: saves a token pair from a vendor's response in the database, even through crashes and outages.

Owns the sealing of a pair, the spill on disk before the save, what happens when the disk refuses it, and which pair
wins when two are saved at once. Knows neither vendor nor lease.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.clock import Clock
from gateway.domain.concurrency import until_stored
from gateway.domain.credentials import connection_status
from gateway.domain.credentials import spill as token_spill
from gateway.domain.credentials.spill import Spill
from gateway.failpoints import reach
from providers.models.grants import Grant
from providers.models.secret import Secret
from storage import connections, durable_files
from storage import tokens as rows
from storage.database import Database, DatabaseUnavailable, Transaction
from storage.keys import LocationSealer, Sealer
from storage.states import ConnectionStatus
from storage.tokens import SealedPair

log = structlog.get_logger(__name__)
T = TypeVar("T")

UNFINISHED_AGE = timedelta(days=1)
"""How old a file must be to be removed that was never completely written: a younger one may still be."""

JITTER_DIVISOR = 10
"""Proactive refreshes spread over a tenth of a token's lifetime: grants made together are not refreshed together."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The durations of the refresh protocol; the lease outlasts a vendor call and the commit after it."""

    lease: timedelta = timedelta(seconds=60)
    lease_poll: timedelta = timedelta(milliseconds=50)
    grace: timedelta = timedelta(seconds=20)
    cooldown: timedelta = timedelta(seconds=30)
    cooldown_max: timedelta = timedelta(minutes=30)
    margin_max: timedelta = timedelta(minutes=15)
    save_retry: timedelta = timedelta(seconds=1)

    def margin(self, lifetime: timedelta) -> timedelta:
        """Return how much time a token must have left to be used."""
        return min(self.margin_max, lifetime / 6)


DEFAULT_TIMING = Timing()


class TokenStore:
    """Saves token pairs: one on disk survives this process, one that the disk refuses is kept until it is saved."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        *,
        clock: Clock,
        folder: Path,
        timing: Timing,
        on_saved: Callable[[str], None],
    ) -> None:
        """`folder` contains the spills; `on_saved` is called with the cache key of each pair that was saved."""
        self._db = db
        self._sealer = sealer
        self._clock = clock
        self._folder = folder
        self._timing = timing
        self._on_saved = on_saved

    async def seal_for(self, location: str) -> LocationSealer:
        """Return the sealer of a location's pairs; fetched before the vendor call, whose response must not wait."""
        async with self._db.read() as tx:
            return await self._sealer.for_location(tx, location)

    async def save(
        self,
        seal: LocationSealer,
        connection: str,
        grant: Grant,
        *,
        read_version: int,
        previous: Secret | None,
        renewable: bool = False,
    ) -> None:
        """Save a pair over the version that was read, unless another one was saved over it meanwhile.

        Retries until the database responds; until then the spill preserves the pair. `previous` is the refresh token to
        keep if the grant has no new one; `renewable` pairs are refreshed proactively even without a refresh token.
        """
        spill = await self._spill(seal, connection, grant, read_version, previous, renewable)
        spill, _ = await self._until_saved(spill)
        await self._drop(spill)

    async def adopt(self, seal: LocationSealer, connection: str, grant: Grant) -> None:
        """Save the pair of a new consent over any stored pair.

        The pair is dropped if the connection's row does not exist or is DISCONNECTED.
        """
        earlier: Spill | None = None
        while True:
            version = await self._until_stored(lambda: self._version(seal.location, connection))
            spill = await self._spill(seal, connection, grant, version, None)
            if earlier is not None:
                await self._drop(earlier)
            spill, saved = await self._until_saved(spill)
            if saved is not None:
                return await self._drop(spill)
            earlier = spill

    async def put(
        self, tx: Transaction, seal: LocationSealer, connection: str, grant: Grant, *, renewable: bool
    ) -> None:
        """Save a pair over any stored pair within `tx`, which has locked the connection.

        Without a spill: for a pair that can be obtained again, so that nothing is lost when the transaction fails.
        """
        location = seal.location
        row = await rows.find(tx, location, connection)
        version = 0 if row is None else row.version
        pair = self._seal(seal, connection, grant, version + 1, grant.refresh_token, renewable)
        if not await rows.save(tx, location, connection, pair, read_version=version):
            raise RuntimeError("a pair was saved while its connection was locked")
        await connection_status.reactivate(tx, location, connection, grant.scopes, self._clock())

    async def replay(self, *connection: str) -> int:
        """Save every spilled pair that may not have been saved, or only those of one (location, connection).

        Return how many there were.
        """
        if not connection:
            await self._remove_unfinished()
        found = await asyncio.to_thread(lambda: list(token_spill.pending(self._folder)))
        wanted = [spill for spill in found if not connection or (spill.location, spill.connection) == connection]
        for spill in wanted:
            await self._save_spill(spill)
            await self._drop(spill)
        return len(wanted)

    async def _remove_unfinished(self) -> None:
        """Remove the files that killed processes were writing: none of them was ever complete."""
        try:
            await asyncio.to_thread(durable_files.remove_unfinished, self._folder, self._clock() - UNFINISHED_AGE)
        except OSError as error:
            log.error("token.spills_unreadable", error=str(error))

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
        renewable: bool = False,
    ) -> Spill:
        """Seal the pair as the next version and write it to disk, without using the database."""
        pair = self._seal(seal, connection, grant, read_version + 1, grant.refresh_token or previous, renewable)
        return await self._to_disk(Spill(seal.location, connection, read_version, pair, grant.scopes))

    async def _to_disk(self, spill: Spill) -> Spill:
        """Write the pair to disk and return it with its file, or as it was if the disk refuses.

        No error is raised: the vendor has issued the pair, and will not issue it again.
        """
        try:
            path = await asyncio.to_thread(token_spill.write, self._folder, spill)
        except Exception as error:
            log.error("token.spill_failed", location=spill.location, connection=spill.connection, error=str(error))
            return spill
        reach("token.after-spill")
        return replace(spill, path=path)

    def _seal(
        self, seal: LocationSealer, connection: str, grant: Grant, version: int, refresh: Secret | None, renewable: bool
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
            refresh_at=self._refresh_at(now, grant.access_expire_time - now) if refresh or renewable else None,
        )

    def _refresh_at(self, now: datetime, lifetime: timedelta) -> datetime:
        """Return the time of the proactive refresh: before the margin by a random part of a tenth of the lifetime."""
        jitter = lifetime / JITTER_DIVISOR * (secrets.randbelow(1000) / 1000)
        return now + lifetime - self._timing.margin(lifetime) - jitter

    async def _until_stored(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns, however long the database is unavailable: a pair must not be lost."""
        return await until_stored(
            work,
            pause=self._timing.save_retry,
            report=lambda error: log.error("token.save_failed", error=str(error)),
        )

    async def _until_saved(self, spill: Spill) -> tuple[Spill, bool | None]:
        """Save a spilled pair, however long the database is unavailable; return it, and what `_save_spill` returned.

        A pair that is on no disk is retried whatever the error, and the disk with it: nobody else has the pair.
        """

        async def save() -> bool | None:
            nonlocal spill
            try:
                return await self._save_spill(spill)
            except Exception as error:
                if spill.path is not None:
                    raise
                spill = await self._to_disk(spill)
                if isinstance(error, DatabaseUnavailable):
                    raise
                # Only the class: the text of a refused statement may show its values.
                raise DatabaseUnavailable(type(error).__name__) from error

        saved = await self._until_stored(save)
        return spill, saved

    async def _save_spill(self, spill: Spill) -> bool | None:
        """Save a spilled pair. Return True when it is stored, None when another was saved over the same version
        meanwhile, False when it is obsolete because the connection was disconnected or deleted.
        """
        now, key = self._clock(), (spill.location, spill.connection)
        async with self._db.transaction() as tx:
            # The connection is locked first, as everywhere: locking in different orders would deadlock.
            row = await connections.find(tx, *key, lock=True)
            if row is None or row.status == ConnectionStatus.DISCONNECTED:
                return False
            saved = await rows.save(tx, *key, spill.pair, read_version=spill.read_version)
            if saved:
                await connection_status.reactivate(tx, *key, spill.scopes, now)
        self._on_saved(rows.cache_key(*key))
        return True if saved or await self._is_saved(spill) else None

    async def _is_saved(self, spill: Spill) -> bool:
        """Return whether this very pair is stored: the response to an earlier commit may have been lost."""
        async with self._db.read() as tx:
            row = await rows.find(tx, spill.location, spill.connection)
        return row is not None and row.access_sealed == spill.pair.access_sealed

    async def _drop(self, spill: Spill) -> None:
        """Remove the file of a spill; one that stays is recognised as obsolete when it is replayed."""
        if spill.path is None:
            return
        try:
            await asyncio.to_thread(spill.path.unlink, missing_ok=True)
        except OSError as error:
            log.error("token.spill_not_removed", error=str(error))
