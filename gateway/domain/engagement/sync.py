"""CreateEngagementSync, and the schedule: a sync is made, its accounts are due, and callers see how far it is.

Owns which accounts a sync reads, that an account is read by one sync at a time, when the next one is due, and the end.
The reading is `sync_steps.py`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.aip import names
from gateway.domain import idempotency
from gateway.domain.accounts import read as accounts_read
from gateway.domain.accounts.forget import end_sync, forget_syncs
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.errors import Conflict, FieldInvalid, StateForbids
from providers.capabilities import Capability
from storage import accounts, engagement_syncs
from storage.accounts import AccountRow
from storage.database import Transaction
from storage.engagement_syncs import RunRow, ScheduleRow, SyncRow
from storage.states import AccountState

DEFAULT_INTERVAL = timedelta(hours=6)
SHORTEST, LONGEST = timedelta(minutes=15), timedelta(days=30)
JITTER = 0.1
"""The part of an interval by which it is shortened at random, so that accounts do not stay in step."""

ACCOUNTS_AT_ONCE = 200
SCHEDULED_AT_ONCE = 50
LEASE = timedelta(hours=1)
"""After which a schedule whose sync was never made, because its process died, is due again."""


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync with the accounts that it reads, and their schedules as they are now."""

    row: SyncRow
    runs: Sequence[RunRow]


async def create(
    domain: Domain,
    location: str,
    account: str,
    key: RequestKey | None,
    *,
    agency: str,
    interval: timedelta | None = None,
) -> Sync:
    """Make a sync of one account, or of every account of a location if `account` is empty; no vendor call.

    The first sync of an account starts its schedule, every DEFAULT_INTERVAL; `interval` changes it, and 0 ends it.
    Raises storage's NotFound, FieldInvalid (interval), StateForbids (no account that can be read), Conflict (the
    account is being read now), LocationForbidden if the location is no longer `agency`'s.
    """
    _check(interval)
    first = await idempotency.earlier(domain.db, key)
    if first is not None:
        return await get(domain, location, first)
    found = await _accounts(domain, location, account)
    now = domain.clock()
    async with domain.db.transaction() as tx:
        await keep_own(tx, location, agency)
        first = await idempotency.claim(tx, key, id := domain.new_id(), now)
        if first is None:
            for each in sorted(found, key=lambda row: row.id):
                await engagement_syncs.lock_account(tx, location, each.id)
            free = [each for each in found if not await engagement_syncs.running(tx, location, each.id)]
            if not free:
                raise Conflict("It is being synced in this moment.", metadata={"account": account})
            for each in free:
                await _schedule(tx, each, now, interval)
            await _insert(tx, location, id, account, free, now)
    return await get(domain, location, first or id)


def _check(interval: timedelta | None) -> None:
    if interval is not None and interval != timedelta(0) and not SHORTEST <= interval <= LONGEST:
        raise FieldInvalid("engagement_sync.sync_interval", "must be 0, or 15 minutes to 30 days")


async def _accounts(domain: Domain, location: str, account: str) -> list[AccountRow]:
    if account:
        found = [await accounts_read.stored(domain, location, account)]
    else:
        found = await _all_accounts(domain, location)
    usable = [each for each in found if each.state == AccountState.ACTIVE and can_sync(domain, each)]
    if not usable:
        name = names.ACCOUNT.format(location, account) if account else names.LOCATION.format(location)
        raise StateForbids("NOT_SYNCABLE", "There is no account whose engagement can be read.", resource=name)
    return usable


async def _all_accounts(domain: Domain, location: str) -> list[AccountRow]:
    found: list[AccountRow] = []
    async with domain.db.read() as tx:
        while True:
            after = (found[-1].create_time, found[-1].id) if found else None
            page_found = await accounts.page(tx, location, after=after, limit=ACCOUNTS_AT_ONCE)
            found += page_found
            if len(page_found) < ACCOUNTS_AT_ONCE:
                return found


def can_sync(domain: Domain, account: AccountRow) -> bool:
    """Return whether there is anything to read of an account: videos, or metrics."""
    table = domain.providers[account.provider].table
    return table.can(Capability.VIDEO_LIST) or table.can(Capability.ACCOUNT_METRICS)


async def _schedule(tx: Transaction, account: AccountRow, now: datetime, interval: timedelta | None) -> None:
    chosen = DEFAULT_INTERVAL if interval is None else interval
    row = ScheduleRow(
        location=account.location,
        account=account.id,
        interval_seconds=int(chosen.total_seconds()),
        start_time=now,
        due_at=_next(now, int(chosen.total_seconds())),
    )
    await engagement_syncs.set_schedule(tx, row, replace=interval is not None)


def _next(now: datetime, seconds: int) -> datetime | None:
    """Return when an account is due again, None for never."""
    share = 1 - JITTER * random.random()  # noqa: S311 - no secret
    return now + timedelta(seconds=seconds * share) if seconds else None


async def _insert(
    tx: Transaction, location: str, id: str, account: str, found: Sequence[AccountRow], now: datetime
) -> None:
    runs = [RunRow(location=location, sync=id, account=each.id, due_at=now, update_time=now) for each in found]
    await engagement_syncs.insert(tx, SyncRow(location=location, id=id, account=account, create_time=now), runs)


async def get(domain: Domain, location: str, id: str) -> Sync:
    """Return a sync; raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await engagement_syncs.get(tx, location, id)
        return Sync(row, await engagement_syncs.runs_of(tx, location, [id]))


async def page(
    domain: Domain, location: str, *, account: str = "", after: tuple[datetime, str] | None, limit: int
) -> list[Sync]:
    """Return one page of syncs, newest first; with `account` only those that read it."""
    async with domain.db.read() as tx:
        rows = await engagement_syncs.page(tx, location, account=account, after=after, limit=limit)
        runs = await engagement_syncs.runs_of(tx, location, [row.id for row in rows])
    return [Sync(row, [run for run in runs if run.sync == row.id]) for row in rows]


async def start_due(domain: Domain) -> int:
    """Make the syncs of the accounts whose schedule is due; return how many. Any number of replicas may do it."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        due = await engagement_syncs.take_due_schedules(tx, now, now + LEASE, SCHEDULED_AT_ONCE)
        for each in due:
            await engagement_syncs.lock_account(tx, each.location, each.account)
            account = await accounts.find(tx, each.location, each.account)
            busy = await engagement_syncs.running(tx, each.location, each.account)
            if account is None:
                await forget_syncs(tx, each.location, each.account, now)
            elif account.state != AccountState.ACTIVE or busy:
                await engagement_syncs.note_end(
                    tx, each.location, each.account, now, _next(now, each.interval_seconds), succeeded=False
                )
            else:
                await _insert(tx, each.location, domain.new_id(), each.account, [account], now)
    return len(due)


async def finish(tx: Transaction, run: RunRow, now: datetime, *, succeeded: bool) -> None:
    """Set when the account of an ended run is due again, and end its sync if that was the last one, with its event."""
    schedule = await engagement_syncs.schedule_of(tx, run.location, run.account)
    if schedule is not None:
        due_at = _next(now, schedule.interval_seconds)
        await engagement_syncs.note_end(tx, run.location, run.account, now, due_at, succeeded=succeeded)
    await end_sync(tx, run.location, run.sync, now)
