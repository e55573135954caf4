"""Access tokens, opened and cached per connection.

Owns unsealing an access token and the cache of opened ones, which other replicas invalidate. Never calls a vendor and
changes no row.
"""

from dataclasses import dataclass

from gateway.aip import names
from providers.errors import GrantRevoked
from providers.models.grants import AccessToken, GrantKind
from providers.models.secret import Secret
from storage import connections
from storage import tokens as rows
from storage.cache import CoherentCache
from storage.connections import ConnectionRow
from storage.database import Database, Transaction
from storage.keys import Sealer
from storage.listener import Listener
from storage.states import ConnectionStatus
from storage.tokens import TokenRow


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token as read: its row, its connection, and the opened access token."""

    row: TokenRow
    connection: ConnectionRow
    token: AccessToken


class TokenCache:
    """Opened access tokens by connection."""

    def __init__(self, db: Database, sealer: Sealer, listener: Listener, *, size: int) -> None:
        """Hold at most `size` tokens."""
        self._db = db
        self._sealer = sealer
        self._cache: CoherentCache[str, AccessToken] = CoherentCache(listener, rows.TOPIC, size=size)
        self.invalidate = self._cache.invalidate

    def get(self, key: str) -> AccessToken | None:
        """Return the cached token of a cache key, if there is one."""
        return self._cache.get(key)

    async def read(self, location: str, connection: str) -> StoredToken:
        """Return the token in the database and cache it; raises GrantRevoked when there is none to use."""
        stored: list[StoredToken] = []

        async def load() -> AccessToken:
            async with self._db.read() as tx:
                stored.append(await self._open(tx, location, connection))
            return stored[0].token

        await self._cache.load(rows.cache_key(location, connection), load)
        return stored[0]

    async def _open(self, tx: Transaction, location: str, connection: str) -> StoredToken:
        row = await rows.find(tx, location, connection)
        parent = await connections.find(tx, location, connection)
        if row is None or parent is None:
            raise grant_revoked("The connection holds no tokens: authorise it again.", location, connection)
        if parent.status == ConnectionStatus.EXPIRED:
            raise grant_revoked("The grant is no longer valid: authorise the connection again.", location, connection)
        seal = await self._sealer.for_location(tx, location)
        value = seal.open("tokens", connection, "access", row.version, row.access_sealed).decode()
        token = AccessToken(
            Secret(value),
            row.version,
            frozenset(parent.granted_scopes),
            row.access_expire_time,
            row.access_expire_time - row.access_issue_time,
            subject=parent.provider_subject,
            settings=dict(parent.provider_settings),
            kind=GrantKind(parent.grant_kind) if parent.grant_kind else None,
        )
        return StoredToken(row, parent, token)


def grant_revoked(message: str, location: str, connection: str) -> GrantRevoked:
    """Return the error of a connection that a human must authorise again."""
    return GrantRevoked(message, metadata={"connection": names.CONNECTION.format(location, connection)})
