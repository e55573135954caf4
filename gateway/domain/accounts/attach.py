"""Networks inside a grant: who is behind the consent of an account's owner, attaching one, letting one go.

Owns what may be done and in which order. That both can be repeated is the contract of
`providers/interface/networks.py`; the copy of the accounts is `linked`, how a consent is started and its page found
again `network_consents`.
"""

import re
from collections.abc import Sequence

from gateway.aip import names
from gateway.domain import capabilities, idempotency, vendor_errors
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import sync
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.domain.idempotency import RequestKey
from gateway.errors import FieldInvalid, StateForbids
from providers.capabilities import Capability
from providers.errors import Ambiguous
from providers.interface import Networks
from providers.models.accounts import AttachableAccount
from providers.models.grants import GrantKind
from storage import accounts, connections, posts, videos
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction

MAX_ID = 512
"""Characters of a network's id; the longest that is known is Google's of a location, of some 60."""

_AUTHORIZATION = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What came from a browser becomes a part of an address at the vendor. HighLevel's have 24 hexadecimal digits."""


async def attachable(
    domain: Domain, location: str, connection: str, *, platform: str, authorization_id: str
) -> Sequence[AttachableAccount]:
    """List who is behind a consent, by the network's ids: one vendor call.

    Raises storage's NotFound, FieldInvalid, CapabilityMissing, ProviderError (NotFound for a consent that is not this
    grant's).
    """
    row = await _connection(domain, location, connection)
    _check(authorization_id)
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
    """Attach who was chosen, or renew it: three vendor calls. A caller that goes away in the middle stops nothing.

    Raises storage's NotFound, FieldInvalid, CapabilityMissing, ProviderError (NotFound as `attachable`,
    OptionUnsupported where it takes the vendor's own pages, Unavailable when nobody can say whether it happened: attach
    again).
    """
    first = await idempotency.earlier(domain.db, key)
    async with domain.db.read() as tx:
        if first is not None:
            return await accounts.get(tx, location, first)
    row = await _connection(domain, location, connection)
    _check(authorization_id, provider_account_id)
    return await domain.tokens.guard(_attach(domain, row, platform, authorization_id, provider_account_id, key))


async def _attach(
    domain: Domain, row: ConnectionRow, platform: str, authorization_id: str, wanted: str, key: RequestKey | None
) -> AccountRow:
    asked = domain.clock()
    try:
        done = await _vendor(domain, row).attach(_access(domain, row), platform, authorization_id, wanted)
    except Ambiguous as error:
        # The list was looked at, and attaching twice does no harm: the caller may simply try again.
        raise vendor_errors.safe_to_repeat(error, error.message) from None
    async with domain.db.transaction() as tx:
        await sync.save(domain, tx, row, done.accounts, asked)
        held = await connections.get(tx, row.location, row.id, lock=True)
        if held.status == "DISCONNECTED":
            raise StateForbids(
                held.status,
                "The connection was disconnected meanwhile.",
                resource=connection_status.resource_name(held),
            )
        account = await sync.take(domain, tx, held, done.account, asked)
        # A list from before would not have it.
        await connections.note_accounts(tx, held, accounts_version=held.accounts_version + 1)
        await idempotency.claim(tx, key, account.id, domain.clock())
    return account


async def detach(domain: Domain, location: str, account: str, key: RequestKey | None = None) -> None:
    """Let an account go, at the vendor first: one call, none for one that is DETACHED already. It is removed here
    unless a post was made on it. A caller that goes away in the middle stops nothing.

    Raises storage's NotFound, CapabilityMissing, StateForbids while posts of it are unfinished, ProviderError
    (Unavailable when nobody can say whether it happened: ask again).
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    async with domain.db.read() as tx:
        row = await accounts.get(tx, location, account)
        busy = await posts.unfinished_of(tx, location, account)
    capabilities.require(domain.providers[row.provider].table, Capability.ACCOUNT_DETACH)
    if busy:
        raise StateForbids(row.state, "Posts of this account are under way.", resource=_name(row))
    await domain.tokens.guard(_detach(domain, row, key))


async def _detach(domain: Domain, row: AccountRow, key: RequestKey | None) -> None:
    if row.state != "DETACHED":
        access = ConnectionAccess(domain, row.provider, row.location, row.connection)
        try:
            await domain.providers[row.provider].networks.detach(access, row.provider_account_id)
        except Ambiguous as error:
            raise vendor_errors.safe_to_repeat(error, error.message) from None
    async with domain.db.transaction() as tx:
        held = await connections.find(tx, row.location, row.connection, lock=True)
        if await idempotency.claim(tx, key, row.id, domain.clock()) is not None:
            return
        if held is not None:
            # A list from before would still have it.
            await connections.note_accounts(tx, held, accounts_version=held.accounts_version + 1)
        await _let_go(domain, tx, row)


async def _let_go(domain: Domain, tx: Transaction, row: AccountRow) -> None:
    now, known = domain.clock(), await accounts.find(tx, row.location, row.id)
    if known is None:
        return
    if known.state != "DETACHED":
        gone = await accounts.change(tx, row.location, row.id, now, state="DETACHED")
        await sync.tell(tx, gone or known, "ACCOUNT_DETACHED", now)
    if not await posts.of_account(tx, row.location, row.id):
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
    """Refuse a connection to which no account can be attached; raises CapabilityMissing, FieldInvalid."""
    capabilities.require(domain.providers[row.provider].table, Capability.ACCOUNT_ATTACH)
    if row.grant_kind == GrantKind.COMPANY:
        raise FieldInvalid("parent", "is an agency's connection: accounts are in those of its locations")


def _check(authorization_id: str, provider_account_id: str = "") -> None:
    """Refuse what no vendor gives as an id; raises FieldInvalid."""
    if _AUTHORIZATION.fullmatch(authorization_id) is None:
        raise FieldInvalid("authorization_id", "must be what the vendor's page told: letters, digits, - and _")
    if len(provider_account_id) > MAX_ID or not provider_account_id.isprintable():
        raise FieldInvalid("provider_account_id", f"must be an id of at most {MAX_ID} characters")
