"""Accounts as callers see them: a copy of the vendor's profile, as fresh as was asked for.

Owns when a copy is too old. Which fields cost which scope is `profiles`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

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

MAX_AGE = timedelta(hours=1)


async def get(
    domain: Domain,
    location: str,
    account: str,
    *,
    parts: frozenset[ProfilePart] | None = None,
    max_age: timedelta = MAX_AGE,
) -> AccountRow:
    """Return an account with these parts of its profile at most `max_age` old: one vendor call when one is older. Where
    a grant holds several accounts that call brings all of them up to date.

    Parts that cannot be had are left out, and the row says so; None is whatever was granted. Raises storage's NotFound,
    ReauthorizationRequired for a detached account that would have to be fetched, ScopeNotGranted when none of the named
    parts was granted, ProviderError.
    """
    async with domain.db.read() as tx:
        row = await accounts.get(tx, location, account)
    wanted = frozenset(ProfilePart) if parts is None else parts
    if _old(row, wanted, max_age, domain.clock()):
        if row.state == "DETACHED" and max_age > timedelta(0):
            # Nobody can ask any more: the last copy is what there is, and says how old it is.
            return row
        row = await _fetch(domain, row, wanted)
    out_of_reach = sorted(part.value for part in wanted if f"{profiles.MISSING}{part.value}" in row.fetch_times)
    grantable = domain.providers[row.provider].table.profile_scopes.keys()
    if parts and len(out_of_reach) == len(parts) and grantable & set(out_of_reach):
        raise ScopeNotGranted(
            f"These parts of the profile were not granted: {', '.join(out_of_reach)}.",
            metadata={"provider": row.provider, "connection": _connection(row), "parts": ",".join(out_of_reach)},
        )
    return row


async def _fetch(domain: Domain, row: AccountRow, parts: frozenset[ProfilePart]) -> AccountRow:
    if row.state == "DETACHED":
        raise ReauthorizationRequired(metadata={"connection": _connection(row)}, resource=_connection(row))
    if sync.is_list(domain, row.provider):
        await sync.refresh(domain, row.location, row.connection)
        return await known(domain, row.location, row.id)
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
    return f"locations/{row.location}/connections/{row.connection}"


def _old(row: AccountRow, parts: frozenset[ProfilePart], max_age: timedelta, now: datetime) -> bool:
    """Return whether one of the parts was fetched (or found to be out of reach) longer ago than `max_age`."""
    for part in parts:
        fetched = row.fetch_times.get(part.value) or row.fetch_times.get(f"{profiles.MISSING}{part.value}")
        if fetched is None or now - datetime.fromisoformat(fetched) >= max_age:
            return True
    return False


async def known(domain: Domain, location: str, account: str) -> AccountRow:
    """Return an account as it is known here; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await accounts.get(tx, location, account)


async def page(domain: Domain, location: str, **filters: Any) -> Sequence[AccountRow]:
    """List accounts as they are known here: see `storage.accounts.page`."""
    async with domain.db.read() as tx:
        return await accounts.page(tx, location, **filters)


async def creator_info(
    domain: Domain, location: str, account: str, *, max_age: timedelta = creators.MAX_AGE
) -> CreatorInfo:
    """Return what the account's creator may post now: see `creators.fresh`. Raises storage's NotFound."""
    async with domain.db.read() as tx:
        row = await accounts.get(tx, location, account)
    return await creators.fresh(domain, row, max_age=max_age)


async def username(domain: Domain, post: PostRow) -> str:
    """Return the account's name at the vendor as last seen, for the address of the post's page."""
    async with domain.db.read() as tx:
        account = await accounts.find(tx, post.location, post.account)
        info = await accounts.find_creator_info(tx, post.location, post.account)
    if account is not None and account.username:
        return account.username
    return str(info.payload.get("username", "")) if info is not None else ""
