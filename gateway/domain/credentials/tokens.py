"""Valid access tokens: lent to every call, refreshed at most once at a time per connection.

Owns the refreshes under way in this process, and work that must complete when its caller goes away. The refresh itself
is in `refresh`, opening and caching in `token_cache`, saving in `token_store`. Knows no transport.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from gateway.clock import Clock
from gateway.domain.concurrency import take_turns
from gateway.domain.credentials import spill
from gateway.domain.credentials.refresh import Refresher, RenewFromParent, TokenRequest
from gateway.domain.credentials.token_cache import TokenCache
from gateway.domain.credentials.token_store import DEFAULT_TIMING, Timing, TokenStore
from gateway.telemetry.recorder import OFF, Telemetry
from providers.interface import Provider
from providers.models.grants import AccessToken, Grant
from storage import erasure
from storage import tokens as rows
from storage.database import Database, Transaction
from storage.fair import SHARE, FairPlaces
from storage.keys import LocationSealer, Sealer
from storage.listener import Listener

T = TypeVar("T")

REFRESHES = 32
"""How many tokens are refreshed ahead of their expiry at the same time."""


class Tokens:
    """Lends access tokens of any connection."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        listener: Listener,
        providers: Mapping[str, Provider],
        *,
        clock: Clock,
        spill_folder: Path,
        renew_from_parent: RenewFromParent | None = None,
        timing: Timing = DEFAULT_TIMING,
        cache_size: int = 20_000,
        share: float = SHARE,
        telemetry: Telemetry = OFF,
    ) -> None:
        """Nothing happens before the first `fresh`; call `replay` before serving and `close` at the end.

        Without `renew_from_parent` a grant that comes from an agency's cannot be renewed from there.
        """
        self._db = db
        self._clock = clock
        self._places = FairPlaces(REFRESHES, share=share)
        self._refreshes: dict[str, asyncio.Task[AccessToken]] = {}
        self._guarded: set[asyncio.Task[Any]] = set()
        self._spill_folder = spill_folder
        listener.subscribe(erasure.TOPIC, self._forget_spills)
        self._cache = TokenCache(db, sealer, listener, size=cache_size)
        self._store = TokenStore(
            db, sealer, clock=clock, folder=spill_folder, timing=timing, on_saved=self._cache.invalidate
        )
        self._refresher = Refresher(
            db,
            providers,
            self._cache,
            self._store,
            clock=clock,
            timing=timing,
            renew_from_parent=renew_from_parent,
            telemetry=telemetry,
        )

    async def fresh(self, location: str, connection: str, used_version: int | None = None) -> AccessToken:
        """Return a token with time left, or a newer one than `used_version`, which the vendor refused.

        Cancelling the caller does not cancel the refresh. Raises GrantRevoked (a human must consent again),
        Unavailable (the vendor cannot renew it now), DatabaseUnavailable.
        """
        key = rows.cache_key(location, connection)
        while True:
            cached = self._cache.get(key)
            if cached is not None and self._refresher.has_time_left(cached, used_version):
                return cached
            token = await asyncio.shield(self._refresh(key, TokenRequest(location, connection, used_version)))
            if used_version is None or token.version > used_version:
                return token

    async def renew_due(self) -> int:
        """Refresh the tokens that are due, before they expire; return how many were due. Raises DatabaseUnavailable.

        One that cannot be refreshed now waits for its cool-down; a connection whose grant was revoked becomes EXPIRED.
        """

        async def renew(location: str, connection: str) -> None:
            wanted = TokenRequest(location, connection, proactive=True)
            await asyncio.wait({self._refresh(rows.cache_key(location, connection), wanted)})

        async def lease(tx: Transaction, chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
            return await rows.without_lease(tx, chosen, self._clock())

        return await take_turns(self._db, rows.DUE, self._places, renew, lease=lease, now=self._clock)

    def _refresh(self, key: str, wanted: TokenRequest) -> asyncio.Task[AccessToken]:
        """Return the refresh of this connection that is under way, else start one."""
        task = self._refreshes.get(key)
        if task is None:
            task = asyncio.create_task(self._refresher.refresh(wanted), name=f"token {key}")
            self._refreshes[key] = task
            task.add_done_callback(lambda done: self._refreshed(key, done))
        return task

    def _refreshed(self, key: str, task: asyncio.Task[AccessToken]) -> None:
        if self._refreshes.get(key) is task:
            del self._refreshes[key]
        _retrieve_exception(task)

    async def guard(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work that must complete even when its caller is cancelled; `close` waits for it."""
        task = asyncio.create_task(work)
        self._watch(task)
        return await asyncio.shield(task)

    def _watch(self, task: asyncio.Task[Any]) -> None:
        self._guarded.add(task)
        task.add_done_callback(self._unguard)

    def _unguard(self, task: asyncio.Task[Any]) -> None:
        self._guarded.discard(task)
        _retrieve_exception(task)

    async def save(self, location: str, connection: str, grant: Grant, *, read_version: int) -> AccessToken:
        """Save a pair that a vendor just issued over the version that was read (0: none); it survives this process.

        Return its token, or that of another pair that was saved meanwhile.
        """
        seal = await self._store.seal_for(location)
        await self._store.save(seal, connection, grant, read_version=read_version, previous=None)
        return (await self._cache.read(location, connection)).token

    async def adopt(self, seal: LocationSealer, connection: str, grant: Grant) -> None:
        """Save the pair of a new consent over any stored pair: a refresh of the old grant that is under way loses.

        `seal` is the location's, fetched before the vendor call, whose response must not wait for the database.
        """
        await self._store.adopt(seal, connection, grant)
        self.invalidate(seal.location, connection)

    async def put(
        self, tx: Transaction, seal: LocationSealer, connection: str, grant: Grant, *, renewable: bool = False
    ) -> None:
        """Save a pair over any stored pair within `tx`, which has locked the connection; call `invalidate` afterwards.

        A `renewable` pair is refreshed proactively even without a refresh token.
        """
        await self._store.put(tx, seal, connection, grant, renewable=renewable)

    def invalidate(self, location: str, connection: str) -> None:
        """Drop the old pair from this process at once; callers no longer wait for a refresh of the old grant, which
        ends by itself.
        """
        self._cache.invalidate(rows.cache_key(location, connection))
        refresh = self._refreshes.pop(rows.cache_key(location, connection), None)
        if refresh is not None:
            self._watch(refresh)

    def _forget_spills(self, location: str) -> None:
        """Remove the files of a location that was erased, whichever process did so."""
        self._watch(asyncio.create_task(asyncio.to_thread(spill.remove_of, self._spill_folder, location)))

    async def replay(self) -> int:
        """Save every pair that an earlier process spilled and may not have saved; return how many files there were."""
        return await self._store.replay()

    async def wipe(self, tx: Transaction, location: str, connection: str) -> None:
        """Delete the pair for good within `tx`."""
        await rows.wipe(tx, location, connection)

    async def close(self) -> None:
        """Wait for the refreshes and the guarded work under way: a pair that the vendor issued is saved.

        Cancelling the wait cancels none of them.
        """
        while self._refreshes or self._guarded:
            await asyncio.wait({*self._refreshes.values(), *self._guarded})


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Mark the exception of a task as retrieved: asyncio logs those that nobody awaited, as when all callers left."""
    if not task.cancelled():
        task.exception()
