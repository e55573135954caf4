"""Consent pages: opened with a signed one-time state, and looked up by it.

Owns the state, what is stored with it, and where a browser may be sent afterwards. What happens when the browser
returns is in `complete`.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from gateway.caller import Caller
from gateway.domain.accounts import oauth_state
from gateway.domain.context import Consent, Domain
from gateway.errors import AuthorizationStateInvalid
from providers.errors import Misconfigured
from providers.interface import authorization_of
from providers.models.grants import ConsentRequest
from providers.models.secret import Secret
from storage import authorizations
from storage.authorizations import AuthorizationRow
from storage.connections import ConnectionRow
from storage.database import Transaction

LIFETIME = timedelta(minutes=10)
SEVERAL_OPEN = "More than one consent is open in this browser."


async def start(
    domain: Domain, tx: Transaction, row: ConnectionRow, caller: Caller, *, redirect_uri: str, return_uri: str
) -> None:
    """Open a consent for a connection within `tx`, which ends an earlier one that is still open. The pages to which the
    caller's key may send a browser may also open the consent page in a window and be notified of its outcome.

    Raises Misconfigured when the operator's application at the provider is not set up.
    """
    now, id = domain.clock(), secrets.token_urlsafe(24)
    verifier = Secret(secrets.token_urlsafe(48))
    redirect = redirect_uri or oauth_state.callback_uri(domain, row.provider)
    scopes = _scopes(domain, row)
    request = ConsentRequest(oauth_state.sign(domain.oauth_secret, id), verifier, redirect, scopes)
    uri = authorization_of(domain.providers[row.provider], row.grant_kind).consent_uri(request)
    seal = await domain.sealer.for_location(tx, row.location)
    await authorizations.insert(
        tx,
        AuthorizationRow(
            id=id,
            location=row.location,
            connection=row.id,
            agency=caller.agency,
            provider=row.provider,
            verifier_sealed=seal.seal("authorizations", id, "verifier", 1, verifier.reveal().encode()),
            uri_sealed=seal.seal("authorizations", id, "uri", 1, uri.encode()),
            redirect_uri=redirect,
            return_uri=return_uri,
            openers=sorted(caller.redirect_uris),
            scopes=list(scopes),
            create_time=now,
            expire_time=now + LIFETIME,
        ),
    )


def _scopes(domain: Domain, row: ConnectionRow) -> tuple[str, ...]:
    """Return the scopes to request: the connection's that the operator's application has, which may have changed since
    the connection was created.
    """
    allowed = authorization_of(domain.providers[row.provider], row.grant_kind).scopes
    scopes = tuple(scope for scope in row.requested_scopes if scope in allowed)
    if row.requested_scopes and not scopes:
        text = f"The application has none of the connection's scopes (GATEWAY_{row.provider.upper()}_SCOPES)."
        raise Misconfigured(text, provider=row.provider, code="scopes", metadata={"setting": "scopes"})
    return scopes


async def page_of(domain: Domain, tx: Transaction, row: AuthorizationRow) -> Consent:
    """Return the page of an open consent: the vendor's, or ours that redirects there and sets a cookie, for a vendor
    that redirects to our callback without the state.
    """
    provider = domain.providers[row.provider].authorization
    if provider.returns_state or row.redirect_uri != oauth_state.callback_uri(domain, row.provider):
        return Consent(Secret(await _uri(domain, tx, row)), row.expire_time)
    state = oauth_state.sign(domain.oauth_secret, row.id)
    start = f"{domain.public_url.rstrip('/')}/oauth/{row.provider}/start?state={state}"
    return Consent(Secret(start), row.expire_time)


async def _uri(domain: Domain, tx: Transaction, row: AuthorizationRow) -> str:
    seal = await domain.sealer.for_location(tx, row.location)
    return seal.open("authorizations", row.id, "uri", 1, row.uri_sealed).decode()


async def page_behind(domain: Domain, provider: str, state: str) -> str:
    """Return the vendor's page of an open consent; raises AuthorizationStateInvalid."""
    id = oauth_state.verify(domain.oauth_secret, state)
    async with domain.db.read() as tx:
        row = await authorizations.find(tx, id)
        if row is None or row.provider != provider or not _is_open(domain, row):
            raise AuthorizationStateInvalid()
        return await _uri(domain, tx, row)


async def state_of_browser(domain: Domain, provider: str, states: Sequence[str]) -> str:
    """Return the state, among those of a browser, that a callback without one belongs to: the only one whose consent is
    open, else the one that was completed last, whose page the browser opens again.

    With two open ones it is unknown which was granted, and an attacker may have added one: raises
    AuthorizationStateInvalid, as with none.
    """
    if domain.providers[provider].authorization.returns_state:
        raise AuthorizationStateInvalid()
    found: dict[str, AuthorizationRow] = {}
    async with domain.db.read() as tx:
        for state in states:
            with suppress(AuthorizationStateInvalid):
                row = await authorizations.find(tx, oauth_state.verify(domain.oauth_secret, state))
                if row is not None and row.provider == provider:
                    found[state] = row
    open_now = [state for state, row in found.items() if _is_open(domain, row)]
    used = [(row.consume_time, state) for state, row in found.items() if row.consume_time is not None]
    if len(open_now) > 1 or not (open_now or used):
        raise AuthorizationStateInvalid(SEVERAL_OPEN if open_now else "")
    return open_now[0] if open_now else max(used)[1]


def _is_open(domain: Domain, row: AuthorizationRow) -> bool:
    return row.consume_time is None and row.expire_time > domain.clock()
