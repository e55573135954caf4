"""Consents on networks: started for one network of one connection, found again by the address of the gateway's page.

Owns that address, which is signed and good once, and what a person does behind it. Attaching itself is `networks`.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.caller import Caller
from gateway.domain import idempotency, oauth_state
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import attach, sync
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.errors import AuthorizationStateInvalid
from providers.models.secret import Secret
from storage import accounts, connections, network_consents
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.network_consents import NetworkConsentRow

LIFETIME = timedelta(minutes=10)
PURPOSE = b"network-consent"
PATH = "connect"


@dataclass(frozen=True, slots=True)
class Started:
    """A consent that was started: the page of ours, the vendor's own behind it, and until when ours opens."""

    page: Secret
    vendor_page: Secret
    expire_time: datetime


async def start(
    domain: Domain,
    caller: Caller,
    location: str,
    connection: str,
    *,
    platform: str,
    reconnect: bool = False,
    return_uri: str = "",
    key: RequestKey | None = None,
) -> Started:
    """Start the consent of an account's owner on a network: one vendor call.

    Raises storage's NotFound, FieldInvalid, CapabilityMissing, ProviderError (OptionUnsupported for a network that is
    not connected here), AuthorizationStateInvalid when the page of the key's first call is over.
    """
    async with domain.db.read() as tx:
        first = await idempotency.seen(tx, key)
        row = await connections.get(tx, location, connection)
        known = sync.usable(await accounts.of_connection(tx, location, connection), platform, domain.clock())
    if first is not None:
        return await _again(domain, first)
    attach.check_connection(domain, row)
    oauth_state.check_uris(domain, caller, row.provider, return_uri=return_uri, redirect_uri="")
    access = ConnectionAccess(domain, row.provider, location, connection)
    uri = await domain.providers[row.provider].networks.start(access, platform, reconnect=reconnect)
    made = _row(domain, row, platform, return_uri, caller)
    made.known = {id: each.expire_time.isoformat() if each.expire_time else "" for id, each in known.items()}
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, made.id, made.create_time)
        if first is None:
            seal = await domain.sealer.for_location(tx, location)
            made.uri_sealed = seal.seal("network_consents", made.id, "uri", 1, uri.encode())
            await network_consents.insert(tx, made)
    return await _again(domain, first or made.id)


def _row(domain: Domain, row: ConnectionRow, platform: str, return_uri: str, caller: Caller) -> NetworkConsentRow:
    now = domain.clock()
    return NetworkConsentRow(
        id=secrets.token_urlsafe(24),
        location=row.location,
        connection=row.id,
        provider=row.provider,
        platform=platform,
        uri_sealed=b"",
        return_uri=return_uri,
        openers=sorted(caller.redirect_uris),
        create_time=now,
        expire_time=now + LIFETIME,
    )


async def _again(domain: Domain, id: str) -> Started:
    """Return a page that was started."""
    async with domain.db.read() as tx:
        row = await network_consents.find(tx, id)
    if row is None or row.account or row.expire_time <= domain.clock():
        raise AuthorizationStateInvalid("The page that this request_id made is over: use another one.")
    token = oauth_state.sign(domain.oauth_secret, row.id, PURPOSE)
    page = Secret(f"{domain.public_url.rstrip('/')}/{PATH}/{token}")
    return Started(page, await vendor_page(domain, row), row.expire_time)


async def vendor_page(domain: Domain, row: NetworkConsentRow) -> Secret:
    """Return the vendor's page of a consent."""
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, row.location)
    return Secret(seal.open("network_consents", row.id, "uri", 1, row.uri_sealed).decode())


async def opened(domain: Domain, token: str) -> NetworkConsentRow:
    """Return the consent whose page has this address, done or not; raises AuthorizationStateInvalid when it is over."""
    id = oauth_state.verify(domain.oauth_secret, token, PURPOSE)
    async with domain.db.read() as tx:
        row = await network_consents.find(tx, id)
    if row is None or row.expire_time <= domain.clock():
        raise AuthorizationStateInvalid()
    return row


async def look(domain: Domain, row: NetworkConsentRow) -> AccountRow | None:
    """Look whether the consent led to an account, wherever it was finished: one vendor call, none when it is known.

    That is one which works, and did not at the start, or has a later end than then. Raises what `linked.refresh` does.
    """
    if not row.account:
        await sync.refresh(domain, row.location, row.connection)
    async with domain.db.transaction() as tx:
        if row.account:
            return await accounts.find(tx, row.location, row.account)
        listed = await accounts.of_connection(tx, row.location, row.connection)
        found = sync.usable(listed, row.platform, domain.clock())
        new = next((each for id, each in found.items() if _is_news(row.known, id, each)), None)
        if new is not None:
            await network_consents.finish(tx, row.id, new.id)
        return new


async def choose(domain: Domain, row: NetworkConsentRow, authorization_id: str, chosen: str) -> AccountRow:
    """Attach on the page what a person chose; the page is over then. Raises what `attach` does."""
    account = await attach.attach(
        domain,
        row.location,
        row.connection,
        platform=row.platform,
        authorization_id=authorization_id,
        provider_account_id=chosen,
    )
    async with domain.db.transaction() as tx:
        await network_consents.finish(tx, row.id, account.id)
    return account


def _is_news(known: dict[str, str], id: str, row: AccountRow) -> bool:
    if id not in known:
        return True
    return bool(known[id]) and row.expire_time is not None and row.expire_time > datetime.fromisoformat(known[id])
