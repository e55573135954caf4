"""Reading accounts: copies of the vendor's profiles, as fresh as the caller requires.

Owns when a copy is too old. Which field needs which scope is defined in `profiles`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.clock import is_younger
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import creator_info as creators
from gateway.domain.accounts import profiles, sync
from gateway.domain.context import Domain
from gateway.errors import (
    ReauthorizationRequired,
    ScopeNotGranted,
)
from providers import errors as providers
from providers.models.accounts import CreatorInfo, Profile, ProfilePart
from storage import accounts, connections
from storage.accounts import AccountRow
from storage.posts import PostRow
from storage.states import AccountState

MAX_AGE = timedelta(hours=1)


async def get(
    domain: Domain,
    location: str,
    account: str,
    *,
    parts: frozenset[ProfilePart] | None = None,
    max_age: timedelta = MAX_AGE,
) -> AccountRow:
    """Return an account with these parts of its profile at most `max_age` old: one vendor call when one is older. If
    the grant holds several accounts, that call refreshes all of them.

    Parts that were not granted are left out, and the row lists them; None means all that were granted. Raises storage's
    NotFound, ReauthorizationRequired for a detached account that would have to be fetched, ScopeNotGranted when none of
    the named parts was granted, ProviderError.
    """
    async with domain.db.read() as tx:
        row = await accounts.get(tx, location, account)
    wanted = frozenset(ProfilePart) if parts is None else parts
    if _is_stale(row, wanted, max_age, domain.clock()):
        if row.state == AccountState.DETACHED and max_age > timedelta(0):
            # It can no longer be fetched: the last copy is returned, with the times of its fetches.
            return row
        row = await _fetch(domain, row, wanted)
    not_granted = sorted(part.value for part in wanted if f"{profiles.MISSING}{part.value}" in row.fetch_times)
    grantable = domain.providers[row.provider].table.profile_scopes.keys()
    if parts and len(not_granted) == len(parts) and grantable & set(not_granted):
        raise ScopeNotGranted(
            f"These parts of the profile were not granted: {', '.join(not_granted)}.",
            metadata={"provider": row.provider, "connection": _connection(row), "parts": ",".join(not_granted)},
        )
    return row


async def _fetch(domain: Domain, row: AccountRow, parts: frozenset[ProfilePart]) -> AccountRow:
    if row.state == AccountState.DETACHED:
        raise ReauthorizationRequired(metadata={"connection": _connection(row)}, resource=_connection(row))
    if sync.is_list(domain, row.provider):
        await sync.refresh(domain, row.location, row.connection)
        return await stored(domain, row.location, row.id)
    access = ConnectionAccess(domain, row.provider, row.location, row.connection)
    try:
        profile = await domain.providers[row.provider].accounts.profile(access, parts)
    except providers.ScopeNotGranted:
        profile = Profile(row.provider_account_id, row.platform, missing=parts)
    async with domain.db.transaction() as tx:
        connection = await connections.get(tx, row.location, row.connection)
        fresh = await profiles.save(tx, connection, profile, domain.clock(), parts)
    return fresh or row


def _connection(row: AccountRow) -> str:
    return names.CONNECTION.format(row.location, row.connection)


def _is_stale(row: AccountRow, parts: frozenset[ProfilePart], max_age: timedelta, now: datetime) -> bool:
    """Return whether one of the parts was fetched (or turned out not to be granted) at least `max_age` ago."""
    for part in parts:
        fetched = row.fetch_times.get(part.value) or row.fetch_times.get(f"{profiles.MISSING}{part.value}")
        if fetched is None or not is_younger(datetime.fromisoformat(fetched), max_age, now):
            return True
    return False


async def stored(domain: Domain, location: str, account: str) -> AccountRow:
    """Return an account as stored here; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await accounts.get(tx, location, account)


async def page(domain: Domain, location: str, **filters: Any) -> Sequence[AccountRow]:
    """List accounts as stored here: see `storage.accounts.page`."""
    async with domain.db.read() as tx:
        return await accounts.page(tx, location, **filters)


async def creator_info(
    domain: Domain, location: str, account: str, *, max_age: timedelta = creators.MAX_AGE
) -> CreatorInfo:
    """Return what the account's creator may post now: see `creator_info.fresh`. Raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await accounts.get(tx, location, account)
    return await creators.fresh(domain, row, max_age=max_age)


async def username(domain: Domain, post: PostRow) -> str:
    """Return the last known username of the post's account at the vendor, for the URL of the post's page."""
    async with domain.db.read() as tx:
        account = await accounts.find(tx, post.location, post.account)
        info = await accounts.find_creator_info(tx, post.location, post.account)
    if account is not None and account.username:
        return account.username
    return str(info.payload.get("username", "")) if info is not None else ""
