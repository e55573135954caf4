"""The accounts inside a grant that holds several: the copy of the vendor's list, and how it is brought up to date.

Owns the one rule for that. A new entry becomes an account, one that is gone makes its account UNREACHABLE, and nothing
is removed. Attaching and letting go, which the rule must not undo with a list from before, is `networks`.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import profiles
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.errors import Conflict
from providers.capabilities import Capability
from providers.errors import ProviderError
from providers.models.accounts import AccountHealth, LinkedAccount, ProfilePart
from providers.models.grants import GrantKind
from storage import accounts, connections, events
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.errors import NotFound

TRIES = 3
"""How often a list is asked for again because an account was attached or let go meanwhile."""

AT_ONCE = 4
SHOWN = frozenset({ProfilePart.BASIC})
USABLE, EXPIRED = AccountHealth.USABLE.name, AccountHealth.EXPIRED.name


def is_list(domain: Domain, provider: str) -> bool:
    """Return whether a provider's grants hold several accounts."""
    return domain.providers[provider].table.can(Capability.ACCOUNT_LIST)


def health_of(row: AccountRow, now: datetime) -> str:
    """Return an account's health as it is now: its end may have come since the list was copied. Empty for an account
    that is a grant of its own.
    """
    ended = row.expire_time is not None and row.expire_time <= now
    return EXPIRED if row.health == USABLE and ended else row.health


def unwell(row: AccountRow, now: datetime) -> bool:
    """Return whether nothing can go out through an account, for all that its copy says."""
    return row.state == "UNREACHABLE" or health_of(row, now) not in ("", USABLE)


async def current(domain: Domain, row: AccountRow) -> AccountRow:
    """Return an account as it is now: one whose copy says that it is unwell is looked at again, by one vendor call.

    A vendor that cannot say now leaves the copy as it is.
    """
    if not unwell(row, domain.clock()) or not is_list(domain, row.provider):
        return row
    with contextlib.suppress(ProviderError, Conflict, NotFound):
        await refresh(domain, row.location, row.connection)
    async with domain.db.read() as tx:
        return await accounts.find(tx, row.location, row.id) or row


async def refresh(domain: Domain, location: str, connection: str) -> None:
    """Bring the copy of a connection's accounts up to date: one vendor call for all of them.

    Raises storage's NotFound, ProviderError, Conflict.
    """
    for _ in range(TRIES):
        async with domain.db.read() as tx:
            row = await connections.get(tx, location, connection)
        asked = domain.clock()
        access = ConnectionAccess(domain, row.provider, location, connection)
        listed = await domain.providers[row.provider].networks.linked(access)
        async with domain.db.transaction() as tx:
            if await save(domain, tx, row, listed, asked):
                return
    raise Conflict(resource=connection_status.resource_name(row))


async def refresh_old(domain: Domain, location: str, max_age: timedelta, connection: str = "") -> list[str]:
    """Bring every copy in a location that is older up to date, or that of one connection: one vendor call for each.

    Gives the names of the connections whose list could not be had. Those that hold no grant are passed over, and an
    agency's, whose places hold the accounts.
    """
    now, slots = domain.clock(), asyncio.Semaphore(AT_ONCE)
    async with domain.db.read() as tx:
        held = await connections.with_grant(tx, location)
    due = [
        row
        for row in held
        if is_list(domain, row.provider)
        and row.grant_kind != GrantKind.COMPANY
        and connection in ("", row.id)
        and (row.accounts_fetch_time is None or now - row.accounts_fetch_time >= max_age)
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
    domain: Domain, tx: Transaction, seen: ConnectionRow, listed: Iterable[LinkedAccount], fetch_time: datetime
) -> bool:
    """Bring the copy to what the vendor listed at `fetch_time`, after the connection was read as `seen`.

    False, and nothing changes, when an account was attached or let go since: the list may be from before that.
    """
    row = await connections.find(tx, seen.location, seen.id, lock=True)
    if row is None or row.status == "DISCONNECTED":
        return True
    if row.accounts_version != seen.accounts_version:
        return False
    if row.accounts_fetch_time is not None and row.accounts_fetch_time > fetch_time:
        return True
    # In one order: two connections of one location may list the same accounts.
    entries = {(each.platform, each.provider_account_id): each for each in listed}
    for key in sorted(entries):
        await take(domain, tx, row, entries[key], fetch_time)
    await _miss(domain, tx, row, entries.keys())
    await connections.note_accounts(tx, row, accounts_fetch_time=fetch_time)
    return True


async def take(
    domain: Domain, tx: Transaction, row: ConnectionRow, entry: LinkedAccount, fetch_time: datetime
) -> AccountRow:
    """Make an entry of the list the account it is, with its event when it was none, or none in use."""
    now = domain.clock()
    known = await accounts.by_provider_id(tx, row.location, row.provider, entry.platform, entry.provider_account_id)
    if known is not None and known.connection != row.id and await _held(tx, known):
        # Two connections reach it: it stays with the one that works.
        return known
    in_use = known is not None and known.state == "ACTIVE"
    values = {**_values(known, entry, fetch_time), "connection": row.id, "state": "ACTIVE"}
    if known is None:
        known = await accounts.attach(tx, _new(domain, row, entry, now))
    account = await accounts.change(tx, row.location, known.id, now, **values) or known
    if not in_use:
        await tell(tx, account, "ACCOUNT_ATTACHED", now)
    return account


async def tell(tx: Transaction, row: AccountRow, kind: str, now: datetime) -> None:
    """Write an account's event."""
    name = names.ACCOUNT.format(row.location, row.id)
    payload = {"account": row.model_dump(mode="json")}
    await events.append(tx, row.location, type=kind, subject=name, payload=payload, now=now)


async def _held(tx: Transaction, account: AccountRow) -> bool:
    """Return whether the connection of an account in use can still reach it."""
    other = await connections.find(tx, account.location, account.connection)
    return account.state == "ACTIVE" and other is not None and other.status not in ("EXPIRED", "DISCONNECTED")


async def _miss(domain: Domain, tx: Transaction, row: ConnectionRow, listed: Iterable[tuple[str, str]]) -> None:
    """Say of accounts that are no longer listed that nobody reaches them."""
    now, there = domain.clock(), set(listed)
    for account in await accounts.of_connection(tx, row.location, row.id):
        if account.state == "ACTIVE" and (account.platform, account.provider_account_id) not in there:
            gone = await accounts.change(tx, row.location, account.id, now, state="UNREACHABLE")
            await tell(tx, gone or account, "ACCOUNT_DETACHED", now)


def _new(domain: Domain, row: ConnectionRow, entry: LinkedAccount, now: datetime) -> AccountRow:
    return AccountRow(
        location=row.location,
        id=domain.new_id(),
        connection=row.id,
        provider=row.provider,
        platform=entry.platform,
        provider_account_id=entry.provider_account_id,
        create_time=now,
        update_time=now,
    )


def _values(known: AccountRow | None, entry: LinkedAccount, fetch_time: datetime) -> dict[str, Any]:
    """Return what the list says of an account. A name that only its consent told is kept."""
    return {
        "display_name": entry.display_name,
        "username": entry.username or (known.username if known else ""),
        "avatar_uri": entry.avatar_uri,
        "kind": entry.kind,
        "health": entry.health.name,
        "expire_time": entry.expire_time,
        "provider_data": (known.provider_data if known else {}) | entry.data,
        "fetch_times": profiles.stamps(SHOWN, set(ProfilePart) - SHOWN, fetch_time),
    }


def usable(rows: Sequence[AccountRow], platform: str, now: datetime) -> dict[str, AccountRow]:
    """Give, by the vendor's id, those accounts of a network through which posts can go out."""
    return {
        row.provider_account_id: row
        for row in rows
        if row.platform == platform and row.state == "ACTIVE" and health_of(row, now) == USABLE
    }
