"""The consent of an account's owner on a network: started for one connection, completed on the gateway's own page.

Owns the signed one-time URL of that page and what happens behind it. Attaching itself is in `attach`.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.caller import Caller
from gateway.domain import idempotency
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import attach, oauth_state, sync
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
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
class StartedConsent:
    """A consent that was started: our page, the vendor's page behind it, and the expiry of ours."""

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
) -> StartedConsent:
    """Start the consent of an account's owner on a network: one vendor call.

    Raises storage's NotFound, FieldInvalid, CapabilityMissing, ProviderError (OptionUnsupported for a network that is
    not connected here), AuthorizationStateInvalid when the page of the key's first call has expired.
    """
    first = await idempotency.earlier(domain.db, key)
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
        usable = sync.usable(await accounts.of_connection(tx, location, connection), platform, domain.clock())
    if first is not None:
        return await _started(domain, first)
    attach.check_connection(domain, row)
    oauth_state.check_uris(domain, caller, row.provider, return_uri=return_uri, redirect_uri="")
    access = ConnectionAccess(domain, row.provider, location, connection)
    uri = await domain.providers[row.provider].networks.start(access, platform, reconnect=reconnect)
    new = _row(domain, row, platform, return_uri, caller)
    new.known = {id: each.expire_time.isoformat() if each.expire_time else "" for id, each in usable.items()}
    async with domain.db.transaction() as tx:
        await keep_own(tx, location, caller.agency)
        first = await idempotency.claim(tx, key, new.id, new.create_time)
        if first is None:
            seal = await domain.sealer.for_location(tx, location)
            new.uri_sealed = seal.seal("network_consents", new.id, "uri", 1, uri.encode())
            await network_consents.insert(tx, new)
    return await _started(domain, first or new.id)


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


async def _started(domain: Domain, id: str) -> StartedConsent:
    """Return the pages of a consent; raises AuthorizationStateInvalid when it was completed or has expired."""
    async with domain.db.read() as tx:
        row = await network_consents.find(tx, id)
    if row is None or row.account or row.expire_time <= domain.clock():
        raise AuthorizationStateInvalid("The page that this request_id made is over: use another one.")
    token = oauth_state.sign(domain.oauth_secret, row.id, PURPOSE)
    page = Secret(f"{domain.public_url.rstrip('/')}/{PATH}/{token}")
    return StartedConsent(page, await vendor_page(domain, row), row.expire_time)


async def vendor_page(domain: Domain, row: NetworkConsentRow) -> Secret:
    """Return the vendor's page of a consent."""
    async with domain.db.read() as tx:
        seal = await domain.sealer.for_location(tx, row.location)
    return Secret(seal.open("network_consents", row.id, "uri", 1, row.uri_sealed).decode())


async def of_token(domain: Domain, token: str) -> NetworkConsentRow:
    """Return the consent whose page has this token in its URL, completed or not; raises AuthorizationStateInvalid when
    the page has expired.
    """
    id = oauth_state.verify(domain.oauth_secret, token, PURPOSE)
    async with domain.db.read() as tx:
        row = await network_consents.find(tx, id)
    if row is None or row.expire_time <= domain.clock():
        raise AuthorizationStateInvalid()
    return row


async def find_attached(domain: Domain, row: NetworkConsentRow) -> AccountRow | None:
    """Return the account that the consent led to, wherever it was completed: one vendor call, none once it is recorded.

    It is the one that is usable now and was not at the start, or expires later than it did then. Raises what
    `sync.refresh` raises.
    """
    if not row.account:
        await sync.refresh(domain, row.location, row.connection)
    async with domain.db.transaction() as tx:
        if row.account:
            return await accounts.find(tx, row.location, row.account)
        listed = await accounts.of_connection(tx, row.location, row.connection)
        usable = sync.usable(listed, row.platform, domain.clock())
        new = next((each for id, each in usable.items() if _is_new_or_renewed(row.known, id, each)), None)
        if new is not None:
            await network_consents.finish(tx, row.id, new.id)
        return new


async def choose(domain: Domain, row: NetworkConsentRow, authorization_id: str, chosen: str) -> AccountRow:
    """Attach the account that a person chose on the page, which completes the consent. Raises what `attach` raises."""
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


def _is_new_or_renewed(expiries: dict[str, str], id: str, row: AccountRow) -> bool:
    if id not in expiries:
        return True
    before = expiries[id]
    return bool(before) and row.expire_time is not None and row.expire_time > datetime.fromisoformat(before)
