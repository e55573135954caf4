"""Valid access tokens: the only place where a token is opened and renewed.

Owns the refresh protocol: one flight per connection in the process, one lease in the database, one exchange. How a new
pair is saved is `pairs`. Knows no transport and no vendor beyond `Authorization`.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog

from gateway.clock import Clock
from gateway.domain.credentials import connection_status
from gateway.domain.credentials.token_store import JITTER, USUAL, Timing, TokenStore
from gateway.failpoints import reach
from providers.errors import Ambiguous, GrantRevoked, ProviderError, Unavailable
from providers.interface import Provider
from providers.models.grants import AccessToken, Grant
from providers.models.secret import Secret
from storage import connections as connection_rows
from storage import tokens as rows
from storage.cache import CoherentCache
from storage.connections import ConnectionRow
from storage.database import Database, DatabaseUnavailable, Transaction
from storage.keys import LocationSealer, Sealer
from storage.listener import Listener
from storage.tokens import TokenRow

log = structlog.get_logger(__name__)
T = TypeVar("T")

NOT_NOW = "The provider could not renew the token just now."
UNRENEWABLE = "The provider refused the token, or its time is over, and nothing renews it."

FromParent = Callable[[ConnectionRow], Awaitable[Grant]]
"""Gets the grant of a connection anew from the agency's that it comes from: see `agencies.renewed`."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A token as read: the row, its connection, and the token itself."""

    row: TokenRow
    connection: ConnectionRow
    token: AccessToken


class Tokens:
    """Lends access tokens of any connection; holds the flights under way and a coherent cache."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        listener: Listener,
        providers: Mapping[str, Provider],
        *,
        clock: Clock,
        spill_folder: Path,
        timing: Timing = USUAL,
        cache_size: int = 20_000,
    ) -> None:
        """Nothing happens before the first `fresh`; call `replay` before serving and `close` at the end.

        `from_parent` is set when the rules of agencies stand; until then what comes from one cannot be renewed there.
        """
        self._db = db
        self._sealer = sealer
        self._providers = providers
        self._clock = clock
        self._timing = timing
        self._flights: dict[str, asyncio.Task[AccessToken]] = {}
        self._guarded: set[asyncio.Task[Any]] = set()
        self._cache: CoherentCache[str, AccessToken] = CoherentCache(listener, rows.TOPIC, size=cache_size)
        self.from_parent: FromParent | None = None
        self._pairs = TokenStore(
            db, sealer, clock=clock, folder=spill_folder, timing=timing, saved=self._cache.invalidate
        )

    async def fresh(self, location: str, connection: str, used_version: int | None = None) -> AccessToken:
        """Return a token with time left, or a newer one than `used_version`, which the vendor refused.

        A caller that is cancelled here leaves the exchange running to its end. Raises GrantRevoked (a human must
        consent again), Unavailable (the vendor cannot renew it now), DatabaseUnavailable.
        """
        key = rows.cache_key(location, connection)
        while True:
            cached = self._cache.get(key)
            if cached is not None and self._good(cached, used_version):
                return cached
            token = await asyncio.shield(self._flight(key, location, connection, used_version))
            if used_version is None or token.version > used_version:
                return token

    async def renew_due(self, limit: int = 100) -> int:
        """Renew the tokens whose time has come, ahead of their end; give how many were due. Raises DatabaseUnavailable.

        One that cannot be renewed now is left to its cool-down, one whose grant is dead makes its connection EXPIRED.
        """
        async with self._db.transaction() as tx:
            due = await rows.due_for_refresh(tx, self._clock(), limit)
        flights = [self._flight(rows.cache_key(*each), *each, None, ahead=True) for each in due]
        if flights:
            await asyncio.wait(flights)
        return len(due)

    async def guard(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work that must come to its end even when its caller goes away; `close` waits for it."""
        task = asyncio.create_task(work)
        self._watch(task)
        return await asyncio.shield(task)

    def _watch(self, task: asyncio.Task[Any]) -> None:
        self._guarded.add(task)
        task.add_done_callback(self._unguard)

    def _unguard(self, task: asyncio.Task[Any]) -> None:
        self._guarded.discard(task)
        if not task.cancelled():
            task.exception()

    def _flight(
        self, key: str, location: str, connection: str, used: int | None, *, ahead: bool = False
    ) -> asyncio.Task[AccessToken]:
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._renew(location, connection, used, ahead), name=f"token {key}")
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: str, flight: asyncio.Task[AccessToken]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        # A flight whose callers all went away must not be reported as an exception nobody fetched.
        if not flight.cancelled():
            flight.exception()

    def _good(self, token: AccessToken, used: int | None, ahead: bool = False) -> bool:
        if used is not None and token.version <= used:
            return False
        early = token.lifetime / JITTER if ahead else timedelta(0)
        return token.expire_time - self._clock() > self._timing.margin(token.lifetime) + early

    def _alive(self, token: AccessToken, used: int | None) -> bool:
        return (used is None or token.version > used) and token.expire_time > self._clock()

    async def _read(self, location: str, connection: str) -> _Held:
        key = rows.cache_key(location, connection)
        held: list[_Held] = []

        async def load() -> AccessToken:
            async with self._db.read() as tx:
                held.append(await self._open(tx, location, connection))
            return held[0].token

        await self._cache.load(key, load)
        return held[0]

    async def _open(self, tx: Transaction, location: str, connection: str) -> _Held:
        row = await rows.find(tx, location, connection)
        parent = await connection_rows.find(tx, location, connection)
        if row is None or parent is None:
            raise _dead("The connection holds no tokens: authorise it again.", location, connection)
        if parent.status == "EXPIRED":
            raise _dead("The grant is no longer valid: authorise the connection again.", location, connection)
        seal = await self._sealer.for_location(tx, location)
        value = seal.open("tokens", connection, "access", row.version, row.access_sealed).decode()
        lifetime = row.access_expire_time - row.access_issue_time
        scopes = frozenset(parent.granted_scopes)
        token = AccessToken(
            Secret(value),
            row.version,
            scopes,
            row.access_expire_time,
            lifetime,
            subject=parent.provider_subject,
            settings=dict(parent.provider_settings),
        )
        return _Held(row, parent, token)

    async def _renew(self, location: str, connection: str, used: int | None, ahead: bool) -> AccessToken:
        await self._pairs.replay(location, connection)
        owner = secrets.token_hex(12)
        while True:
            held = await self._read(location, connection)
            if self._good(held.token, used, ahead):
                return held.token
            if self._cooling(held):
                return self._make_do(held, used, Unavailable(NOT_NOW))
            async with self._db.transaction() as tx:
                lease = await rows.take_lease(tx, location, connection, owner, self._timing.lease)
            if lease is not None:
                return await self._leased(location, connection, used, ahead, owner, lease.abandoned)
            await asyncio.sleep(self._timing.lease_poll.total_seconds())

    def _cooling(self, held: _Held) -> bool:
        return held.row.cooldown_until is not None and held.row.cooldown_until > self._clock()

    def _make_do(self, held: _Held, used: int | None, error: ProviderError) -> AccessToken:
        """Use the old token while it lives; a temporary failure never changes the connection's status."""
        if self._alive(held.token, used):
            return held.token
        error.retry_at = error.retry_at or held.row.cooldown_until
        raise error

    async def _leased(
        self, location: str, connection: str, used: int | None, ahead: bool, owner: str, abandoned: bool
    ) -> AccessToken:
        renewing = asyncio.create_task(self._keep_lease(location, connection, owner))
        try:
            # The row as it stands after the lease: whoever held it before may have saved a newer pair, or was refused.
            held = await self._read(location, connection)
            if self._good(held.token, used, ahead):
                return held.token
            if self._cooling(held):
                return self._make_do(held, used, Unavailable(NOT_NOW))
            return await self._exchange(held, used, abandoned)
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError, DatabaseUnavailable):
                await renewing
            with contextlib.suppress(DatabaseUnavailable):
                async with self._db.transaction() as tx:
                    await rows.release_lease(tx, location, connection, owner)

    async def _keep_lease(self, location: str, connection: str, owner: str) -> None:
        while True:
            await asyncio.sleep(self._timing.lease.total_seconds() / 3)
            with contextlib.suppress(DatabaseUnavailable):
                async with self._db.transaction() as tx:
                    await rows.renew_lease(tx, location, connection, owner, self._timing.lease)

    async def _exchange(self, held: _Held, used: int | None, abandoned: bool) -> AccessToken:
        location, connection = held.row.location, held.row.connection
        try:
            seal = await self._pairs.seal_for(location)
            refresh = self._refresh_token(held, seal)
            reach("token.before-exchange")
            grant, previous = await self._renewed(held.connection, refresh)
            reach("token.after-exchange")
        except GrantRevoked as error:
            return await self._refused(held, used, abandoned, error)
        except ProviderError as error:
            await self._cool_down(held)
            log.warning("token.refresh_failed", location=location, connection=connection, code=error.code)
            # A consent may have brought another pair while the vendor was asked.
            now = await self._read(location, connection)
            return now.token if self._good(now.token, used) else self._make_do(held, used, _as_temporary(error))
        ahead = bool(held.connection.parent_connection)
        await self._pairs.keep(seal, connection, grant, read_version=held.row.version, previous=previous, ahead=ahead)
        reach("token.after-save")
        return (await self._read(location, connection)).token

    async def _renewed(self, connection: ConnectionRow, refresh: Secret | None) -> tuple[Grant, Secret | None]:
        """Exchange the refresh token, and give what to keep when no new one came; a grant that comes from an agency's,
        and whose token is refused or that never had one, is got from there again.
        """
        try:
            if refresh is None:
                raise _dead(UNRENEWABLE, connection.location, connection.id)
            return await self._providers[connection.provider].authorization.refresh(refresh), refresh
        except GrantRevoked:
            if not connection.parent_connection or self.from_parent is None:
                raise
            return await self.from_parent(connection), None

    def _refresh_token(self, held: _Held, seal: LocationSealer) -> Secret | None:
        row = held.row
        if row.refresh_sealed is None:
            return None
        if row.refresh_expire_time is not None and row.refresh_expire_time <= self._clock():
            return None
        return Secret(seal.open("tokens", row.connection, "refresh", row.version, row.refresh_sealed).decode())

    async def keep(self, location: str, connection: str, grant: Grant, *, read_version: int) -> AccessToken:
        """Save a pair that a vendor just gave, over the version that was read (0: none); it survives this process.

        When another pair was saved meanwhile, that one is given.
        """
        seal = await self._pairs.seal_for(location)
        await self._pairs.keep(seal, connection, grant, read_version=read_version, previous=None)
        return (await self._read(location, connection)).token

    async def adopt(self, seal: LocationSealer, connection: str, grant: Grant) -> None:
        """Save the pair of a new consent over whatever is there: a refresh of the old grant that is under way loses.

        `seal` is the location's, fetched before the vendor was asked: its answer must not wait for the database.
        """
        await self._pairs.adopt(seal, connection, grant)
        self.replaced(seal.location, connection)

    async def put(
        self, tx: Transaction, seal: LocationSealer, connection: str, grant: Grant, *, ahead: bool = False
    ) -> None:
        """Save a pair over whatever is there with this transaction, which holds the connection; `replaced` follows.

        `ahead` lets one without refresh token be renewed ahead of its end.
        """
        await self._pairs.put(tx, seal, connection, grant, ahead=ahead)

    def replaced(self, location: str, connection: str) -> None:
        """Forget the old pair here at once. Nobody waits any longer for what the vendor says about the old grant; its
        flight ends by itself.
        """
        self._cache.invalidate(rows.cache_key(location, connection))
        flight = self._flights.pop(rows.cache_key(location, connection), None)
        if flight is not None:
            self._watch(flight)

    async def replay(self) -> int:
        """Save every pair that a process before us spilled and may not have saved; give how many files there were."""
        return await self._pairs.replay()

    async def _cool_down(self, held: _Held) -> None:
        row = held.row
        span = min(self._timing.cooldown * 2 ** min(row.failures, 10), self._timing.cooldown_max)
        until = self._clock() + span
        async with self._db.transaction() as tx:
            await rows.cool_down(tx, row.location, row.connection, until=until, read_version=row.version)
        row.cooldown_until = until

    async def _refused(self, held: _Held, used: int | None, abandoned: bool, error: GrantRevoked) -> AccessToken:
        """Believe the vendor's refusal only when no newer pair is, or can still come to be, saved."""
        row = held.row
        waited = timedelta(0)
        while True:
            await self._pairs.replay(row.location, row.connection)
            again = await self._read(row.location, row.connection)
            if again.row.version != row.version:
                log.info("token.adopted", location=row.location, connection=row.connection)
                return again.token
            if not abandoned or waited >= self._timing.grace:
                break
            await asyncio.sleep(self._timing.save_retry.total_seconds())
            waited += self._timing.save_retry
        if not await self._expire(held, error):
            return (await self._read(row.location, row.connection)).token
        error.metadata["connection"] = _name(row.location, row.connection)
        raise error

    async def _expire(self, held: _Held, error: GrantRevoked) -> bool:
        """Return the connection up, unless a newer pair was saved in this very moment."""
        row, now = held.row, self._clock()
        expired = row.refresh_expire_time is not None and row.refresh_expire_time <= now
        reason = "TOKEN_INVALID_OR_EXPIRED" if expired else "TOKEN_REVOKED"
        message = _given_up(held.connection, error)
        async with self._db.transaction() as tx:
            return await connection_status.expire(
                tx, row.location, row.connection, reason, error, now, at_version=row.version, message=message
            )

    async def forget(self, tx: Transaction, location: str, connection: str) -> None:
        """Wipe the pair for good, with this transaction."""
        await rows.wipe(tx, location, connection)

    async def close(self) -> None:
        """Wait for the exchanges and the guarded work under way: a token that was paid for is saved."""
        while self._flights or self._guarded:
            await asyncio.gather(*self._flights.values(), *self._guarded, return_exceptions=True)


def _given_up(connection: ConnectionRow, error: GrantRevoked) -> str:
    """Say what must be done; the word about a grant that comes from an agency's is the rules' of agencies."""
    if connection.parent_connection:
        return error.message
    return (
        connection_status.NEW_ONE_NEEDED
        if connection.grant_origin == connection_rows.STATIC_TOKEN
        else connection_status.GIVEN_UP
    )


def _as_temporary(error: ProviderError) -> ProviderError:
    """A lost answer to a refresh is no ambiguity for whoever wanted a token: they may simply ask again later."""
    if not isinstance(error, Ambiguous):
        return error
    return Unavailable(error.message, provider=error.provider, code=error.code, log_id=error.log_id)


def _name(location: str, connection: str) -> str:
    return f"locations/{location}/connections/{connection}"


def _dead(message: str, location: str, connection: str) -> GrantRevoked:
    return GrantRevoked(message, metadata={"connection": _name(location, connection)})
