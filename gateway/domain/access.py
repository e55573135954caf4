"""Access to one connection's grant, as providers ask for it: a token, and a slot in the vendor's quotas.

Owns only the combination of both: tokens are lent by `credentials/tokens`, slots by `quotas/limiter`.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway import turn
from gateway.aip import names
from gateway.audit import acts
from gateway.audit.acts import Act
from gateway.domain.context import Domain
from gateway.domain.quotas import limiter, subjects
from gateway.domain.quotas.ledger import QuotaEstimate, QuotaReport
from gateway.domain.quotas.subjects import Subject
from gateway.telemetry.recorder import NOTHING
from providers.errors import GrantRevoked, Unavailable
from providers.models.grants import AccessToken, Grant
from storage.database import DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class ConnectionAccess:
    """One connection's `Access`; `background` work leaves a reserve of each quota to callers, and hardly waits.

    For background work a database that is unavailable before the vendor was called is raised as Unavailable, to be
    retried later: as DatabaseUnavailable it could not be told from a failure after the call. No call starts after
    `until`.
    """

    domain: Domain
    provider: str
    location: str
    connection: str
    background: bool = False
    until: datetime | None = None
    _lent: list[AccessToken] = field(default_factory=list, init=False, repr=False, compare=False)
    _subjects: list[Subject] = field(default_factory=list, init=False, repr=False, compare=False)
    _estimates: dict[str, QuotaEstimate | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    async def token(self) -> AccessToken:
        """Return a token that is valid now."""
        with self._nothing_sent():
            return self._with_subject(await self.domain.tokens.fresh(self.location, self.connection))

    async def renew_refused_token(self, used: AccessToken) -> AccessToken:
        """Return a newer token than the one the vendor refused."""
        with self._nothing_sent():
            fresh = await self.domain.tokens.fresh(self.location, self.connection, used_version=used.version)
            return self._with_subject(fresh)

    def _with_subject(self, token: AccessToken) -> AccessToken:
        """Return the token after remembering its subject, which then need not be looked up for the quotas."""
        self._lent[:] = [token]
        self._subjects[:] = [
            Subject(self.provider, self.location, connection=self.connection, grant_subject=token.subject)
        ]
        return token

    @asynccontextmanager
    async def slot(self, metric: str) -> AsyncIterator[None]:
        """Occupy a slot of one of the connection's quotas: the last step before a call is sent."""
        async with turn.paused(), AsyncExitStack() as stack:
            use = self._use_of_token(metric)
            with self._nothing_sent():
                subject = await self._subject()
                slot = limiter.slot(self.domain, subject, metric, background=self.background, use=use)
                self._estimates[metric] = await stack.enter_async_context(slot)
            if self.until is not None and self.domain.clock() > self.until:
                raise Unavailable("It is too late for this call; nothing was sent.", provider=self.provider)
            with self._measured(use, metric):
                yield

    def _measured(self, use: Act | None, metric: str) -> AbstractContextManager[object]:
        """Measure the call, once, however many quotas it counts for."""
        return NOTHING if use is None else self.domain.telemetry.vendor_call(self.provider, metric)

    def _use_of_token(self, metric: str) -> Act | None:
        """Return what is recorded of the token that was lent last; once, however many quotas its call counts for."""
        if not self._lent:
            return None
        self._lent.clear()
        return acts.use_of_token(self.provider, metric, names.CONNECTION.format(self.location, self.connection))

    async def _subject(self) -> Subject:
        """Return the subject whose quotas the connection's calls use."""
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

    async def report_rate_limited(self, metric: str, retry_after: timedelta) -> None:
        """Record that the vendor refused a call for its rate."""
        await limiter.record_refusal(self.domain, await self._subject(), metric, retry_after)

    async def report_rate_headers(
        self, metric: str, *, limit: int | None = None, remaining: int | None = None, resets_in: timedelta
    ) -> None:
        """Record what the vendor's headers stated, if the ledger does not know it yet."""
        report = QuotaReport(limit, remaining, resets_in)
        await limiter.record_report(self.domain, await self._subject(), metric, report, self._estimates.get(metric))


@dataclass(frozen=True, slots=True)
class UnsavedAccess(ConnectionAccess):
    """Access to a grant that was just issued and is not saved: nothing renews it."""

    grant: Grant = field(kw_only=True, repr=False)

    async def token(self) -> AccessToken:
        """Return the grant's own token."""
        grant, now = self.grant, self.domain.clock()
        token = AccessToken(
            value=grant.access_token,
            version=0,
            scopes=frozenset(grant.scopes),
            expire_time=grant.access_expire_time,
            lifetime=grant.access_expire_time - now,
            subject=grant.subject,
            settings=grant.settings,
            kind=grant.kind,
        )
        return self._with_subject(token)

    async def refused(self, used: AccessToken) -> AccessToken:
        """Raise GrantRevoked: there is no newer token."""
        raise GrantRevoked("The provider refused the token that it had just issued.", provider=self.provider)
