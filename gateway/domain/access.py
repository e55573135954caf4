"""Access to one connection's grant, as providers ask for it: a token, and a slot in the vendor's quotas.

Owns nothing of its own: tokens are `tokens`, the ledger is `quotas`.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from gateway.domain import quotas
from gateway.domain.context import Domain
from providers.models.grants import AccessToken


@dataclass(frozen=True, slots=True)
class ConnectionAccess:
    """One connection's `Access`; `background` work leaves a part of each quota to callers, and hardly waits."""

    domain: Domain
    provider: str
    location: str
    connection: str
    background: bool = False

    async def token(self) -> AccessToken:
        """Give a token that is valid now."""
        return await self.domain.tokens.fresh(self.location, self.connection)

    async def refused(self, used: AccessToken) -> AccessToken:
        """Give a newer token than the one the vendor refused."""
        return await self.domain.tokens.fresh(self.location, self.connection, used_version=used.version)

    def slot(self, metric: str) -> AbstractAsyncContextManager[None]:
        """Hold a slot of one of the connection's quotas."""
        subject = f"locations/{self.location}/connections/{self.connection}"
        return quotas.slot(self.domain, self.provider, subject, metric, background=self.background)

    async def limited(self, metric: str, retry_after: timedelta) -> None:
        """Keep in mind that the vendor refused for its rate."""
        subject = f"locations/{self.location}/connections/{self.connection}"
        await quotas.limited(self.domain, self.provider, subject, metric, retry_after)
