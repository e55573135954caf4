"""Attaching and detaching accounts inside a grant: listing the accounts behind an owner's consent, attaching one.

Owns what may be done and in which order; both calls are safe to repeat by the contract of
`providers/interface/networks.py`. The copy of the account list is in `sync`, the owner's consent in `attach_consent`.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from gateway.aip import names
from gateway.domain import idempotency, vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import sync
from gateway.domain.concurrency import until_free
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.domain.idempotency import RequestKey
from gateway.errors import FieldInvalid, StateForbids
from providers.capabilities import Capability
from providers.errors import Ambiguous
from providers.interface import Networks
from providers.models.accounts import AttachableAccount, Attached
from providers.models.grants import GrantKind
from storage import accounts, connections, posts, videos
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.states import AccountState, ConnectionStatus

MAX_ID = 512
"""Maximum length of a network's account id; the longest known one is of a Google location, about 60 characters."""

_AUTHORIZATION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""The id comes from a browser and becomes part of a vendor URL. HighLevel's ids have 24 hexadecimal digits."""


async def attachable(
    domain: Domain, location: str, connection: str, *, platform: str, authorization_id: str
) -> Sequence[AttachableAccount]:
    """List the accounts behind a consent, sorted by the network's ids: one vendor call.

    Raises storage's NotFound, FieldInvalid, CapabilityMissing, ProviderError (NotFound for a consent that belongs to
    another grant).
    """
    row = await _connection(domain, location, connection)
    _check_ids(authorization_id)
    found = await _vendor(domain, row).choices(_access(domain, row), platform, authorization_id)
    return sorted(found, key=lambda each: each.provider_account_id)


async def attach(
    domain: Domain,
    location: str,
    connection: str,
    *,
    platform: str,
    authorization_id: str,
    provider_account_id: str,
    key: RequestKey | None = None,
) -> AccountRow:
    """Attach the chosen account, or renew it: three vendor calls. Cancelling the caller does not cancel them.

    Raises storage's NotFound, FieldInvalid, CapabilityMissing, ProviderError (NotFound as in `attachable`,
    OptionUnsupported where the vendor requires its own pages, Unavailable when the outcome is unknown: attach again).
    """
    first = await idempotency.earlier(domain.db, key)
    async with domain.db.read() as tx:
        if first is not None:
            return await accounts.get(tx, location, first)
    row = await _connection(domain, location, connection)
    _check_ids(authorization_id, provider_account_id)
    return await domain.tokens.guard(_attach(domain, row, platform, authorization_id, provider_account_id, key))


async def _attach(
    domain: Domain, row: ConnectionRow, platform: str, authorization_id: str, wanted: str, key: RequestKey | None
) -> AccountRow:
    fetch_time = domain.clock()
    try:
        attached = await _vendor(domain, row).attach(_access(domain, row), platform, authorization_id, wanted)
    except Ambiguous as error:
        # The provider has checked the account list, and attaching twice does no harm: the caller may simply retry.
        raise vendor_errors.safe_to_repeat(error, error.message) from None
    return await _save_attached(domain, row, attached, fetch_time, key)


@until_free
async def _save_attached(
    domain: Domain, row: ConnectionRow, attached: Attached, fetch_time: datetime, key: RequestKey | None
) -> AccountRow:
    async with domain.db.transaction() as tx:
        await sync.save(domain, tx, row, attached.accounts, fetch_time)
        current = await connections.get(tx, row.location, row.id, lock=True)
        if current.status == ConnectionStatus.DISCONNECTED:
            text = "The connection was disconnected meanwhile."
            raise StateForbids(current.status, text, resource=connection_status.resource_name(current))
        account = await sync.upsert(domain, tx, current, attached.account, fetch_time)
        # Lists that were fetched earlier do not contain the account and must not be saved.
        await connections.note_accounts(tx, current, accounts_version=current.accounts_version + 1)
        await idempotency.claim(tx, key, account.id, domain.clock())
    return account


async def detach(domain: Domain, location: str, account: str, key: RequestKey | None = None) -> None:
    """Detach an account, at the vendor first: one call, none if it is DETACHED already. It is removed here unless a
    post refers to it. Cancelling the caller does not cancel the call.

    Raises storage's NotFound, CapabilityMissing, StateForbids while posts of it are unfinished, ProviderError
    (Unavailable when the outcome is unknown: detach again).
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    async with domain.db.read() as tx:
        row = await accounts.get(tx, location, account)
        busy = await posts.any_unfinished_of_account(tx, location, account)
    vendor_errors.require(domain.providers[row.provider].table, Capability.ACCOUNT_DETACH)
    if busy:
        raise StateForbids(row.state, "Posts of this account are under way.", resource=_name(row))
    await domain.tokens.guard(_detach(domain, row, key))


async def _detach(domain: Domain, row: AccountRow, key: RequestKey | None) -> None:
    if row.state != AccountState.DETACHED:
        access = ConnectionAccess(domain, row.provider, row.location, row.connection)
        try:
            await domain.providers[row.provider].networks.detach(access, row.provider_account_id)
        except Ambiguous as error:
            raise vendor_errors.safe_to_repeat(error, error.message) from None
    await _save_detached(domain, row, key)


@until_free
async def _save_detached(domain: Domain, row: AccountRow, key: RequestKey | None) -> None:
    async with domain.db.transaction() as tx:
        connection = await connections.find(tx, row.location, row.connection, lock=True)
        if await idempotency.claim(tx, key, row.id, domain.clock()) is not None:
            return
        if connection is not None:
            # Lists that were fetched earlier still contain the account and must not be saved.
            await connections.note_accounts(tx, connection, accounts_version=connection.accounts_version + 1)
        await _set_detached(domain, tx, row)


async def _set_detached(domain: Domain, tx: Transaction, row: AccountRow) -> None:
    """Set an account to DETACHED, and remove it with its videos if no post refers to it."""
    now, current = domain.clock(), await accounts.find(tx, row.location, row.id)
    if current is None:
        return
    if current.state != AccountState.DETACHED:
        detached = await accounts.change(tx, row.location, row.id, now, state=AccountState.DETACHED)
        await sync.record_event(tx, detached or current, "ACCOUNT_DETACHED", now)
    if not await posts.any_of_account(tx, row.location, row.id):
        await videos.remove(tx, row.location, row.id)
        await accounts.remove(tx, row.location, row.id)


def _name(row: AccountRow) -> str:
    return names.ACCOUNT.format(row.location, row.id)


def _access(domain: Domain, row: ConnectionRow) -> ConnectionAccess:
    return ConnectionAccess(domain, row.provider, row.location, row.id)


def _vendor(domain: Domain, row: ConnectionRow) -> Networks:
    return domain.providers[row.provider].networks


async def _connection(domain: Domain, location: str, connection: str) -> ConnectionRow:
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
    check_connection(domain, row)
    return row


def check_connection(domain: Domain, row: ConnectionRow) -> None:
    """Raise CapabilityMissing or FieldInvalid for a connection to which no account can be attached."""
    vendor_errors.require(domain.providers[row.provider].table, Capability.ACCOUNT_ATTACH)
    if row.grant_kind == GrantKind.COMPANY:
        raise FieldInvalid("parent", "is an agency's connection: accounts are in those of its locations")


def _check_ids(authorization_id: str, provider_account_id: str = "") -> None:
    """Raise FieldInvalid for what cannot be a vendor's id."""
    if _AUTHORIZATION_ID.fullmatch(authorization_id) is None:
        raise FieldInvalid(
            "authorization_id", "must be the id that the vendor's page returned: letters, digits, - and _"
        )
    if len(provider_account_id) > MAX_ID or not provider_account_id.isprintable():
        raise FieldInvalid("provider_account_id", f"must be an id of at most {MAX_ID} characters")
