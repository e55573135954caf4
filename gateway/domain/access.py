"""Access to one connection's grant, as providers ask for it: a token, and a slot in the vendor's quotas.

Owns nothing of its own: tokens are `tokens`, the ledger is `quotas`.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.context import Domain
from gateway.domain.quotas import limiter, subjects
from gateway.domain.quotas.ledger import Reckoning, Said
from gateway.domain.quotas.subjects import Subject
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
    _subjects: list[Subject] = field(default_factory=list, init=False, repr=False, compare=False)
    _thought: dict[str, Reckoning | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    async def token(self) -> AccessToken:
        """Return a token that is valid now."""
        with self._nothing_sent():
            return self._lent(await self.domain.tokens.fresh(self.location, self.connection))

    async def refused(self, used: AccessToken) -> AccessToken:
        """Return a newer token than the one the vendor refused."""
        with self._nothing_sent():
            fresh = await self.domain.tokens.fresh(self.location, self.connection, used_version=used.version)
            return self._lent(fresh)

    def _lent(self, token: AccessToken) -> AccessToken:
        """Remember whom the token speaks for: nobody needs to look it up then."""
        self._subjects[:] = [Subject(self.provider, self.location, connection=self.connection, granted=token.subject)]
        return token

    @asynccontextmanager
    async def slot(self, metric: str) -> AsyncIterator[None]:
        """Hold a slot of one of the connection's quotas: the last thing before a call leaves."""
        async with AsyncExitStack() as held:
            with self._nothing_sent():
                slot = limiter.slot(self.domain, await self._subject(), metric, background=self.background)
                self._thought[metric] = await held.enter_async_context(slot)
            if self.until is not None and self.domain.clock() > self.until:
                raise Unavailable("It is too late for this call; nothing was sent.", provider=self.provider)
            yield

    async def _subject(self) -> Subject:
        """Return whose quotas the connection's calls use."""
        if not self._subjects:
            found = await subjects.of_connection(self.domain, self.provider, self.location, self.connection)
            self._subjects.append(found)
        return self._subjects[0]

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
        await limiter.limited(self.domain, await self._subject(), metric, retry_after)

    async def observed(
        self, metric: str, *, limit: int | None = None, remaining: int | None = None, resets_in: timedelta
    ) -> None:
        """Keep in mind what the vendor's headers said, if it is news."""
        said = Said(limit, remaining, resets_in)
        await limiter.observed(self.domain, await self._subject(), metric, said, self._thought.get(metric))
