"""The shell of background work on rows of an ad account: due rows in turns, one step each, under a lease.

Owns who takes a step, and what happens if nothing can be stored. What a step is, the caller says.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from gateway.domain.concurrency import Superseded, take_turns
from gateway.domain.context import Domain
from storage import ad_accounts
from storage.ad_accounts import AdAccountRow
from storage.database import DatabaseUnavailable, Transaction
from storage.due_rows import DueRows
from storage.errors import NotFound
from storage.key_ring import KeyMissing

log = structlog.get_logger(__name__)


class Table(Protocol):
    """A module of storage whose rows, of an ad account each, become due."""

    DUE: DueRows

    async def take_due(
        self, tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, until: datetime
    ) -> list[tuple[str, str]]:
        """Lease rows that are due."""

    async def find(self, tx: Transaction, location: str, id: str) -> Any:
        """Return a row, or None."""


@dataclass(frozen=True, slots=True)
class Work:
    """Rows of a table, which a step may hold for `lease`; `name` is what log lines call them."""

    name: str
    table: Table
    lease: timedelta
    step: Callable[[Domain, AdAccountRow, Any], Awaitable[None]]

    async def run_due(self, domain: Domain) -> int:
        """Take the next step of every row that is due; return how many. Any number of replicas may."""

        async def lease(tx: Transaction, chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
            now = domain.clock()
            return await self.table.take_due(tx, chosen, now, now + self.lease)

        return await take_turns(
            domain.db, self.table.DUE, domain.ads, lambda *of: self.run(domain, *of), lease=lease, now=domain.clock
        )

    async def run(self, domain: Domain, location: str, id: str) -> None:
        """Take the next step of one row; what cannot be stored is only logged."""
        try:
            async with domain.db.read() as tx:
                row = await self.table.find(tx, location, id)
                if row is None or row.due_at is None:
                    return
                account = await ad_accounts.get(tx, location, row.ad_account)
            await self.step(domain, account, row)
        except Superseded:
            log.info(f"{self.name}.superseded", location=location, id=id)
        except (NotFound, DatabaseUnavailable, KeyMissing) as error:
            log.warning(f"{self.name}.not_stepped", location=location, id=id, error=type(error).__name__)
