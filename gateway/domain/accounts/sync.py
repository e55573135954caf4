"""Synchronising the accounts of a grant that holds several with the vendor's list.

Owns the one rule: a new entry becomes an account, a missing one makes its account UNREACHABLE, nothing is removed, and
a reconnected account keeps its name whatever id the vendor gives it.
Attaching and detaching, which an outdated list must not undo, are in `attach`.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.clock import is_younger
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import profiles
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.errors import Conflict
from providers.capabilities import Capability
from providers.errors import ProviderError
from providers.models.accounts import ORIGIN_ID, LinkedAccount, ProfilePart
from providers.models.grants import GrantKind
from storage import accounts, attempts, connections, events, posts
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import AccountHealth, AccountState, ConnectionStatus

TRIES = 3
"""How often a list is fetched when accounts are attached or detached meanwhile."""

MAX_CONCURRENT = 4
LISTED_PARTS = frozenset({ProfilePart.BASIC})
"""The parts of a profile that the list contains."""


def is_list(domain: Domain, provider: str) -> bool:
    """Return whether a provider's grants hold several accounts."""
    return domain.providers[provider].table.can(Capability.ACCOUNT_LIST)


def health_of(row: AccountRow, now: datetime) -> AccountHealth:
    """Return an account's health now: it may have expired since the list was copied. UNSPECIFIED, which is empty, for
    an account that has the grant to itself.

    A time that was over when the list was copied decides nothing: the vendor listed the account as usable all the same.
    """
    expired = row.expire_time is not None and _copied(row) < row.expire_time <= now
    return AccountHealth.EXPIRED if row.health == AccountHealth.USABLE and expired else row.health


def _copied(row: AccountRow) -> datetime:
    """Return when the account was last copied from the vendor's list."""
    copied = row.fetch_times.get(ProfilePart.BASIC)
    return datetime.fromisoformat(copied) if copied else datetime.min.replace(tzinfo=UTC)


def is_unusable(row: AccountRow, now: datetime) -> bool:
    """Return whether no post can go out through an account, according to its copy."""
    healthy = health_of(row, now) in (AccountHealth.UNSPECIFIED, AccountHealth.USABLE)
    return row.state == AccountState.UNREACHABLE or not healthy


async def current(domain: Domain, row: AccountRow) -> AccountRow:
    """Return an account, refreshed by one vendor call if its copy is unusable.

    If the vendor cannot answer now, the copy is returned unchanged.
    """
    if not is_unusable(row, domain.clock()) or not is_list(domain, row.provider):
        return row
    with contextlib.suppress(ProviderError, Conflict, NotFound):
        await refresh(domain, row.location, row.connection)
    async with domain.db.read() as tx:
        return await accounts.find(tx, row.location, row.id) or row


async def refresh(domain: Domain, location: str, connection: str) -> None:
    """Refresh the copies of a connection's accounts: one vendor call for all of them.

    Raises storage's NotFound, ProviderError, Conflict.
    """
    for _ in range(TRIES):
        async with domain.db.read() as tx:
            row = await connections.get(tx, location, connection)
        fetch_time = domain.clock()
        access = ConnectionAccess(domain, row.provider, location, connection)
        listed = await domain.providers[row.provider].networks.linked(access)
        async with domain.db.transaction() as tx:
            if await save(domain, tx, row, listed, fetch_time):
                return
    raise Conflict(resource=connection_status.resource_name(row))


async def refresh_stale(domain: Domain, location: str, max_age: timedelta, connection: str = "") -> list[str]:
    """Refresh every copy in a location that is at least `max_age` old, or only one connection's: one vendor call for
    each connection.

    Return the names of the connections whose list could not be fetched. Skips connections without a grant, and those of
    agencies: the accounts belong to the connections of their sub-accounts.
    """
    now, slots = domain.clock(), asyncio.Semaphore(MAX_CONCURRENT)
    async with domain.db.read() as tx:
        with_grant = await connections.with_grant(tx, location)
    due = [
        row
        for row in with_grant
        if is_list(domain, row.provider)
        and row.grant_kind != GrantKind.COMPANY
        and connection in ("", row.id)
        and (row.accounts_fetch_time is None or not is_younger(row.accounts_fetch_time, max_age, now))
    ]

    async def one(row: ConnectionRow) -> str:
        async with slots:
            try:
                await refresh(domain, location, row.id)
            except (ProviderError, Conflict):
                return connection_status.resource_name(row)
        return ""

    return sorted(filter(None, await asyncio.gather(*(one(row) for row in due))))


async def save(
    domain: Domain, tx: Transaction, before: ConnectionRow, listed: Iterable[LinkedAccount], fetch_time: datetime
) -> bool:
    """Update the copies to what the vendor listed at `fetch_time`; `before` is the connection as read before that.

    Return False, and change nothing, when an account was attached or detached since: the list may be outdated.
    """
    row = await connections.find(tx, before.location, before.id, lock=True)
    if row is None or row.status == ConnectionStatus.DISCONNECTED:
        return True
    if row.accounts_version != before.accounts_version:
        return False
    if row.accounts_fetch_time is not None and row.accounts_fetch_time > fetch_time:
        return True
    # Sorted, so that two connections of one location that list the same accounts lock them in the same order.
    entries = {(each.platform, each.provider_account_id): each for each in listed}
    for key in sorted(entries):
        await _follow_reconnected(domain, tx, row, entries[key], entries.keys())
        await upsert(domain, tx, row, entries[key], fetch_time)
    await _mark_unreachable(domain, tx, row, entries.keys())
    await connections.note_accounts(tx, row, accounts_fetch_time=fetch_time)
    return True


async def upsert(
    domain: Domain, tx: Transaction, row: ConnectionRow, entry: LinkedAccount, fetch_time: datetime
) -> AccountRow:
    """Create or update the account of an entry of the list; write an event if it did not exist or was not ACTIVE."""
    now = domain.clock()
    existing = await accounts.by_provider_id(tx, row.location, row.provider, entry.platform, entry.provider_account_id)
    if existing is not None and existing.connection != row.id and await _is_reachable(tx, existing):
        # Two connections reach the account: it stays with the one through which it works.
        return existing
    was_active = existing is not None and existing.state == AccountState.ACTIVE
    values = {**_values(existing, entry, fetch_time), "connection": row.id, "state": AccountState.ACTIVE}
    if existing is None:
        existing = await accounts.attach(tx, new_row(domain, row, entry.platform, entry.provider_account_id, now))
    account = await accounts.change(tx, row.location, existing.id, now, **values) or existing
    if not was_active:
        await record_event(tx, account, "ACCOUNT_ATTACHED", now)
    return account


async def _follow_reconnected(
    domain: Domain, tx: Transaction, row: ConnectionRow, entry: LinkedAccount, listed: Collection[tuple[str, str]]
) -> None:
    """Store the vendor's new id of an account if it was reconnected under one: the same user of the same network, where
    the list has the old id no more. It stays the same account, and its posts go with it.
    """
    origin, platform = entry.data.get(ORIGIN_ID, ""), entry.platform
    if not origin or await accounts.by_provider_id(tx, row.location, row.provider, platform, entry.provider_account_id):
        return
    same = await accounts.by_origin(tx, row.location, row.provider, platform, ORIGIN_ID, origin)
    here = [each for each in same if each.connection == row.id and each.kind == entry.kind]
    lost = [each for each in here if (platform, each.provider_account_id) not in listed]
    if len(lost) != 1:
        return
    [account] = lost
    now, old = domain.clock(), account.provider_account_id
    await accounts.change(tx, row.location, account.id, now, provider_account_id=entry.provider_account_id)
    await attempts.remember_account(tx, row.location, account.id, old)
    await posts.wake_scheduled(tx, row.location, account.id, now)


async def record_event(tx: Transaction, row: AccountRow, kind: str, now: datetime) -> None:
    """Write an account's event."""
    name = names.ACCOUNT.format(row.location, row.id)
    payload = {"account": row.model_dump(mode="json")}
    await events.append(tx, row.location, type=kind, subject=name, payload=payload, now=now)


async def _is_reachable(tx: Transaction, account: AccountRow) -> bool:
    """Return whether an account is ACTIVE and its connection can be used."""
    other = await connections.find(tx, account.location, account.connection)
    return account.state == AccountState.ACTIVE and other is not None and other.status not in connection_status.UNUSABLE


async def _mark_unreachable(
    domain: Domain, tx: Transaction, row: ConnectionRow, listed: Iterable[tuple[str, str]]
) -> None:
    """Set the accounts that are no longer listed to UNREACHABLE."""
    now, still_listed = domain.clock(), set(listed)
    for account in await accounts.of_connection(tx, row.location, row.id):
        key = account.platform, account.provider_account_id
        if account.state == AccountState.ACTIVE and key not in still_listed:
            changed = await accounts.change(tx, row.location, account.id, now, state=AccountState.UNREACHABLE)
            await record_event(tx, changed or account, "ACCOUNT_DETACHED", now)


def new_row(domain: Domain, row: ConnectionRow, platform: str, provider_account_id: str, now: datetime) -> AccountRow:
    """Return a new account of a connection."""
    return AccountRow(
        location=row.location,
        id=domain.new_id(),
        connection=row.id,
        provider=row.provider,
        platform=platform,
        provider_account_id=provider_account_id,
        create_time=now,
        update_time=now,
    )


def _values(existing: AccountRow | None, entry: LinkedAccount, fetch_time: datetime) -> dict[str, Any]:
    """Return the columns that the list determines. A username that only the consent revealed is preserved."""
    return {
        "display_name": entry.display_name,
        "username": entry.username or (existing.username if existing else ""),
        "avatar_uri": entry.avatar_uri,
        "kind": entry.kind,
        "health": AccountHealth[entry.health.name],
        "expire_time": entry.expire_time,
        "provider_data": (existing.provider_data if existing else {}) | entry.data,
        "fetch_times": profiles.fetch_times(LISTED_PARTS, set(ProfilePart) - LISTED_PARTS, fetch_time),
    }


def usable(rows: Sequence[AccountRow], platform: str, now: datetime) -> dict[str, AccountRow]:
    """Return, by the vendor's id, the accounts of a network through which posts can go out."""
    return {
        row.provider_account_id: row
        for row in rows
        if row.platform == platform and row.state == AccountState.ACTIVE and health_of(row, now) == AccountHealth.USABLE
    }
