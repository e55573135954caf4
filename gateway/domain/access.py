"""Access to one connection's grant, as providers ask for it: a token, and a slot in the vendor's quotas.

Owns nothing of its own: tokens are `tokens`, the ledger is `quotas`.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain import quotas
from gateway.domain.context import Domain
from providers.errors import Unavailable
from providers.models.grants import AccessToken
from storage.database import DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class ConnectionAccess:
    """One connection's `Access`; `background` work leaves a part of each quota to callers, and hardly waits.

    To background work a database that is away before the vendor was asked is one more reason to come back later: as an
    error of its own it could not be told from one that came after. After `until` no call leaves any more.
    """

    domain: Domain
    provider: str
    location: str
    connection: str
    background: bool = False
    until: datetime | None = None

    async def token(self) -> AccessToken:
        """Give a token that is valid now."""
        with self._nothing_sent():
            return await self.domain.tokens.fresh(self.location, self.connection)

    async def refused(self, used: AccessToken) -> AccessToken:
        """Give a newer token than the one the vendor refused."""
        with self._nothing_sent():
            return await self.domain.tokens.fresh(self.location, self.connection, used_version=used.version)

    @asynccontextmanager
    async def slot(self, metric: str) -> AsyncIterator[None]:
        """Hold a slot of one of the connection's quotas: the last thing before a call leaves."""
        subject = f"locations/{self.location}/connections/{self.connection}"
        async with AsyncExitStack() as held:
            with self._nothing_sent():
                slot = quotas.slot(self.domain, self.provider, subject, metric, background=self.background)
                await held.enter_async_context(slot)
            if self.until is not None and self.domain.clock() > self.until:
                raise Unavailable("It is too late for this call; nothing was sent.", provider=self.provider)
            yield

    @contextmanager
    def _nothing_sent(self) -> Iterator[None]:
        try:
            yield
        except DatabaseUnavailable as error:
            if not self.background:
                raise
            raise Unavailable("The gateway's database was away; nothing was sent.", provider=self.provider) from error

    async def limited(self, metric: str, retry_after: timedelta) -> None:
        """Keep in mind that the vendor refused for its rate."""
        subject = f"locations/{self.location}/connections/{self.connection}"
        await quotas.limited(self.domain, self.provider, subject, metric, retry_after)
