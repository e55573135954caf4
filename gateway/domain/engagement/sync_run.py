"""One account of a sync that is being read: what its steps need, moving it on, and ending it.

Owns the lease of a run, and its end. What the steps read is in `sync_steps.py` and `comment_scan.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from gateway.domain.access import ConnectionAccess
from gateway.domain.context import Domain
from gateway.domain.engagement import sync
from providers.errors import (
    ContractBroken,
    GrantRevoked,
    Misconfigured,
    ProviderError,
    Rejected,
    ScopeNotGranted,
    TokenRefused,
)
from providers.models.engagement import AccountRef
from storage import engagement_syncs
from storage.accounts import AccountRow
from storage.database import Transaction
from storage.engagement_syncs import RunRow
from storage.states import SyncPhase

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
"""Longer than one step can take: after that another process goes on."""

MAX_BROKEN = 3
"""How often an answer about one object may be broken, before the sync goes on without it."""

MAX_EMPTY = 10
"""How many pages with nothing on them may come in a row: a vendor may promise more for ever."""

_OF_THE_ACCOUNT = (TokenRefused, GrantRevoked, ScopeNotGranted, Misconfigured)


@dataclass(frozen=True, slots=True)
class Reading:
    """One account that is being read."""

    domain: Domain
    run: RunRow
    account: AccountRow

    @property
    def access(self) -> ConnectionAccess:
        """The account's grant, for work in the background: callers go first."""
        row = self.account
        return ConnectionAccess(self.domain, row.provider, row.location, row.connection, background=True)

    @property
    def ref(self) -> AccountRef:
        """The account as providers know it."""
        row = self.account
        return AccountRef(row.provider_account_id, row.platform, row.kind, dict(row.provider_data))

    @property
    def provider(self) -> Any:
        """The account's provider."""
        return self.domain.providers[self.account.provider]


class RunLost(Exception):
    """The run is gone, with the grant of its account, or another process has moved it on: nothing is kept."""


async def moved(tx: Transaction, reading: Reading, **values: Any) -> RunRow:
    """Move the run on within the transaction that keeps what was read, and prolong the lease. Raises RunLost."""
    now = reading.domain.clock()
    run = await engagement_syncs.move(tx, reading.run, tries=0, due_at=now + LEASE, update_time=now, **values)
    if run is None:
        raise RunLost
    return run


def is_passed_over(reading: Reading, error: ProviderError, **of: str) -> bool:
    """Return whether an error costs only what the call would have read, `of` which it was, and not the account's sync.

    A permanent refusal does, and the last of MAX_BROKEN broken answers; what every call of the account would meet, and
    what is temporary, does not.
    """
    broken = isinstance(error, ContractBroken) and reading.run.tries + 1 >= MAX_BROKEN
    refused = isinstance(error, Rejected) and not isinstance(error, _OF_THE_ACCOUNT)
    if broken or refused:
        row = reading.account
        log.warning("engagement.passed_over", location=row.location, account=row.id, code=error.code, **of)
    return broken or refused


def empty_pages(run: RunRow, found: Collection[object]) -> int:
    """Return how many empty pages came in a row, with one on which `found` is."""
    return 0 if found else run.empty_pages + 1


def is_too_empty(run: RunRow, found: Collection[object]) -> bool:
    """Return whether so many empty pages came in a row that a list has ended, whatever the vendor says."""
    return empty_pages(run, found) >= MAX_EMPTY


async def end(domain: Domain, run: RunRow, error: dict[str, Any] | None) -> None:
    """End an account's part of a sync, with what went wrong or None, and the sync with it if it was the last one."""
    now, phase = domain.clock(), SyncPhase.FAILED if error else SyncPhase.DONE
    async with domain.db.transaction() as tx:
        if await engagement_syncs.move(tx, run, phase=phase, error=error, due_at=None, update_time=now):
            await sync.finish(tx, run, now, succeeded=error is None)
