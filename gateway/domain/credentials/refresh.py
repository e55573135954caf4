"""The refresh of one access token: one lease in the database, one exchange with the vendor, one save.

Owns the refresh protocol between processes, and what follows from a vendor's failure or refusal. One refresh per
connection within a process is `tokens`' concern, saving a pair is `token_store`'s.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gateway.aip import names
from gateway.audit import acts
from gateway.clock import Clock
from gateway.domain import vendor_errors
from gateway.domain.concurrency import backoff
from gateway.domain.credentials import connection_status
from gateway.domain.credentials.token_cache import StoredToken, TokenCache, grant_revoked
from gateway.domain.credentials.token_store import JITTER_DIVISOR, Timing, TokenStore
from gateway.failpoints import reach
from gateway.telemetry.recorder import OFF, Telemetry
from providers.errors import Ambiguous, GrantRevoked, ProviderError, Unavailable
from providers.interface import Provider, authorization_of
from providers.models.grants import AccessToken, Grant
from providers.models.secret import Secret
from storage import tokens as rows
from storage.connections import ConnectionRow
from storage.database import Database, DatabaseUnavailable
from storage.keys import LocationSealer
from storage.states import GrantOrigin

log = structlog.get_logger(__name__)

MAX_REFUSALS = 10
REFUSED_SPAN = timedelta(days=1)
"""How often, and for how long, a vendor must have refused to renew a grant, in words that do not say that it is over,
before a person has to look. Every new pair begins anew; failures that are no refusals do not count.
"""

NOT_NOW = "The provider could not renew the token just now."
UNRENEWABLE = "The provider refused the token, or its time is over, and nothing renews it."

RenewFromParent = Callable[[ConnectionRow], Awaitable[Grant]]
"""Fetches a new grant for a connection from its parent, the agency's grant: `agencies.derive_grant`."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A connection whose token is wanted, newer than `used_version` if the vendor refused that one.

    `proactive` refreshes a token earlier than its margin.
    """

    location: str
    connection: str
    used_version: int | None = None
    proactive: bool = False


class Refresher:
    """Refreshes tokens; any number of processes may refresh the same one, and only one calls the vendor."""

    def __init__(
        self,
        db: Database,
        providers: Mapping[str, Provider],
        cache: TokenCache,
        store: TokenStore,
        *,
        clock: Clock,
        timing: Timing,
        renew_from_parent: RenewFromParent | None,
        telemetry: Telemetry = OFF,
    ) -> None:
        """Without `renew_from_parent` a grant that comes from an agency's cannot be renewed from there."""
        self._db = db
        self._providers = providers
        self._cache = cache
        self._store = store
        self._clock = clock
        self._timing = timing
        self._renew_from_parent = renew_from_parent
        self._telemetry = telemetry

    def has_time_left(self, token: AccessToken, used_version: int | None, *, proactive: bool = False) -> bool:
        """Return whether a token is newer than `used_version` and need not be refreshed yet."""
        if used_version is not None and token.version <= used_version:
            return False
        early = token.lifetime / JITTER_DIVISOR if proactive else timedelta(0)
        return token.expire_time - self._clock() > self._timing.margin(token.lifetime) + early

    async def refresh(self, wanted: TokenRequest) -> AccessToken:
        """Return a token with time left, refreshed unless another process did so meanwhile.

        Raises GrantRevoked (a human must consent again), Unavailable (the vendor cannot renew it now),
        DatabaseUnavailable.
        """
        await self._store.replay(wanted.location, wanted.connection)
        owner = secrets.token_hex(12)
        while True:
            stored = await self._cache.read(wanted.location, wanted.connection)
            if (token := self._without_exchange(stored, wanted)) is not None:
                return token
            async with self._db.transaction() as tx:
                lease = await rows.take_lease(tx, wanted.location, wanted.connection, owner, self._timing.lease)
                if lease is not None:
                    name = names.CONNECTION.format(wanted.location, wanted.connection)
                    use = acts.use_of_token(stored.connection.provider, "refresh", name)
                    await acts.announce(tx, use, self._clock())
            if lease is not None:
                return await self._refresh_leased(wanted, owner, lease.abandoned)
            await asyncio.sleep(self._timing.lease_poll.total_seconds())

    def _without_exchange(self, stored: StoredToken, wanted: TokenRequest) -> AccessToken | None:
        """Return the stored token if it has time left, or the vendor must not be called again yet; else None."""
        if self.has_time_left(stored.token, wanted.used_version, proactive=wanted.proactive):
            return stored.token
        if stored.row.cooldown_until is not None and stored.row.cooldown_until > self._clock():
            return self._use_old(stored, wanted, Unavailable(NOT_NOW))
        return None

    def _use_old(self, stored: StoredToken, wanted: TokenRequest, error: ProviderError) -> AccessToken:
        """Return the old token if it has not expired, else raise `error`.

        A temporary failure never changes the connection's status.
        """
        token = stored.token
        newer = wanted.used_version is None or token.version > wanted.used_version
        if newer and token.expire_time > self._clock():
            return token
        error.retry_at = error.retry_at or stored.row.cooldown_until
        raise error

    async def _refresh_leased(self, wanted: TokenRequest, owner: str, abandoned: bool) -> AccessToken:
        location, connection = wanted.location, wanted.connection
        renewing = asyncio.create_task(self._keep_lease(location, connection, owner))
        try:
            # Read again under the lease: its previous owner may have saved a newer pair, or met a failure.
            stored = await self._cache.read(location, connection)
            if (token := self._without_exchange(stored, wanted)) is not None:
                return token
            return await self._exchange(stored, wanted, abandoned)
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

    async def _exchange(self, stored: StoredToken, wanted: TokenRequest, abandoned: bool) -> AccessToken:
        location, connection = wanted.location, wanted.connection
        try:
            seal = await self._store.seal_for(location)
            refresh_token = self._refresh_token(stored, seal)
            reach("token.before-exchange")
            with self._telemetry.vendor_call(stored.connection.provider, "refresh"):
                grant, previous = await self._new_grant(stored.connection, refresh_token)
            reach("token.after-exchange")
        except GrantRevoked as error:
            return await self._handle_refusal(stored, abandoned, error)
        except ProviderError as error:
            if await self._cool_down(stored, error):
                return await self._handle_refusal(stored, abandoned, _refused_for_good(error))
            log.warning("token.refresh_failed", location=location, connection=connection, code=error.code)
            # A consent may have saved another pair during the vendor call.
            now = await self._cache.read(location, connection)
            if self.has_time_left(now.token, wanted.used_version):
                return now.token
            return self._use_old(stored, wanted, _repeatable(error))
        await self._store.save(
            seal,
            connection,
            grant,
            read_version=stored.row.version,
            previous=previous,
            renewable=bool(stored.connection.parent_connection),
        )
        reach("token.after-save")
        return (await self._cache.read(location, connection)).token

    async def _new_grant(self, connection: ConnectionRow, refresh_token: Secret | None) -> tuple[Grant, Secret | None]:
        """Exchange the refresh token; return the grant, and the refresh token to keep if the grant has no new one.

        A connection with an agency's grant falls back to that when it has no refresh token, or the vendor refuses it in
        whatever words. Only a refusal in OAuth's words ends the refresh token; any other is raised if the fallback
        fails, too.
        """
        try:
            if refresh_token is None:
                raise grant_revoked(UNRENEWABLE, connection.location, connection.id)
            authorization = authorization_of(self._providers[connection.provider], connection.grant_kind)
            return await authorization.refresh(refresh_token), refresh_token
        except ProviderError as error:
            revoked = isinstance(error, GrantRevoked)
            refused = revoked or error.refuses_grant
            if not refused or not connection.parent_connection or self._renew_from_parent is None:
                raise
            try:
                return await self._renew_from_parent(connection), None if revoked else refresh_token
            except ProviderError:
                if revoked:
                    raise
                raise error from None

    def _refresh_token(self, stored: StoredToken, seal: LocationSealer) -> Secret | None:
        row = stored.row
        if row.refresh_sealed is None:
            return None
        if row.refresh_expire_time is not None and row.refresh_expire_time <= self._clock():
            return None
        return Secret(seal.open("tokens", row.connection, "refresh", row.version, row.refresh_sealed).decode())

    async def _cool_down(self, stored: StoredToken, error: ProviderError) -> bool:
        """Make no exchange for a while: at least as long as the vendor asked for.

        Return True if the vendor has refused the grant so often and for so long that only a person can help.
        """
        row, now = stored.row, self._clock()
        wait = backoff(self._timing.cooldown, row.failures, self._timing.cooldown_max)
        until = now + max(wait, error.retry_after or timedelta(0))
        refused_at = now if error.refuses_grant else None
        async with self._db.transaction() as tx:
            changed = await rows.cool_down(
                tx, row.location, row.connection, until=until, read_version=row.version, refused_at=refused_at
            )
        row.cooldown_until = until
        if changed is None or refused_at is None or changed.refused_since is None:
            return False
        lasting = changed.refusals >= MAX_REFUSALS and now - changed.refused_since >= REFUSED_SPAN
        return lasting and stored.token.expire_time <= now

    async def _handle_refusal(self, stored: StoredToken, abandoned: bool, error: GrantRevoked) -> AccessToken:
        """Expire the connection and raise `error`, unless a newer pair was saved or may still be.

        The previous owner of an `abandoned` lease may have exchanged the refresh token and not saved the pair yet.
        """
        row = stored.row
        waited = timedelta(0)
        while True:
            await self._store.replay(row.location, row.connection)
            current = await self._cache.read(row.location, row.connection)
            if current.row.version != row.version:
                log.info("token.adopted", location=row.location, connection=row.connection)
                return current.token
            if not abandoned or waited >= self._timing.grace:
                break
            await asyncio.sleep(self._timing.save_retry.total_seconds())
            waited += self._timing.save_retry
        if not await self._expire(stored, error):
            return (await self._cache.read(row.location, row.connection)).token
        error.metadata["connection"] = names.CONNECTION.format(row.location, row.connection)
        raise error

    async def _expire(self, stored: StoredToken, error: GrantRevoked) -> bool:
        """Set the connection to EXPIRED; return False if a newer pair was saved at this very moment."""
        row, now = stored.row, self._clock()
        expired = row.refresh_expire_time is not None and row.refresh_expire_time <= now
        reason = "TOKEN_INVALID_OR_EXPIRED" if expired or error.refuses_grant else "TOKEN_REVOKED"
        message = connection_status.GRANT_REFUSED if error.refuses_grant else _expired_message(stored.connection, error)
        async with self._db.transaction() as tx:
            return await connection_status.expire(
                tx, row.location, row.connection, reason, error, now, at_version=row.version, message=message
            )


def _refused_for_good(error: ProviderError) -> GrantRevoked:
    """Return the error that ends a grant which the vendor has kept refusing in other words than OAuth's."""
    refusal = GrantRevoked(
        error.message,
        provider=error.provider,
        code=error.code or f"HTTP {error.http_status}",
        log_id=error.log_id,
        http_status=error.http_status,
        metadata=error.metadata,
    )
    refusal.refuses_grant = True
    return refusal


def _expired_message(connection: ConnectionRow, error: GrantRevoked) -> str:
    """Return what the connection's owner must do; for a grant that comes from an agency's, `agencies` wrote it."""
    if connection.parent_connection:
        return error.message
    if connection.grant_origin == GrantOrigin.STATIC_TOKEN:
        return connection_status.STATIC_TOKEN_EXPIRED
    return connection_status.GRANT_EXPIRED


def _repeatable(error: ProviderError) -> ProviderError:
    """Return the error to raise for a failed refresh: a lost response only means that the caller retries later."""
    return vendor_errors.safe_to_repeat(error, error.message) if isinstance(error, Ambiguous) else error
