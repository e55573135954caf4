"""Agencies: one grant from which the grants of many sub-accounts, the vendor's "places", are derived and renewed.

Owns the agency's own connection, and which sub-accounts its grant covers: those in which the vendor lists the
application as installed. Progress is recorded in the connections, so that a run after a crash continues with the rest.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from gateway.aip import names
from gateway.domain.access import ConnectionAccess, UnsavedAccess
from gateway.domain.connections import derived_grants, grants
from gateway.domain.connections.derived_grants import WaitingPlace
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.errors import StateForbids
from providers.errors import Ambiguous, ContractBroken, GrantRevoked, Temporary, Unavailable
from providers.models.grants import Grant, GrantKind
from storage import connections, tokens, webhooks
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.states import GrantOrigin

log = structlog.get_logger(__name__)

MAX_PAGES = 1000
UNINSTALLED = "The agency no longer has the application in this location: it must be installed there again."
PARENT_GONE = "The agency's grant, from which this one comes, is no longer valid: the agency must authorise again."


def is_agency_grant(domain: Domain, row: ConnectionRow, grant: Grant) -> bool:
    """Return whether an agency consented on the page of a sub-account's connection."""
    return grant.kind is GrantKind.COMPANY and grants.kind_of(domain, row) is not GrantKind.COMPANY


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof that an agency's grant covers a connection's sub-account: the sub-account's own grant, or None if the
    vendor only listed the sub-account and could not issue its grant now.
    """

    place: str
    grant: Grant | None


async def prove(domain: Domain, row: ConnectionRow, place: str, grant: Grant) -> Proof:
    """Prove that the agency that consented on a connection's page has the connection's sub-account, before anything is
    written: one vendor call for the sub-account's grant, or its list of installations when that cannot be issued now.

    Raises StateForbids when the connection belongs to another agency or the agency does not have the sub-account,
    Unavailable when the vendor cannot say so now, Rejected.
    """
    grants.settings_with(domain, row, grant)
    access = UnsavedAccess(domain, row.provider, row.location, row.id, grant=grant)
    try:
        return Proof(place, await domain.providers[row.provider].authorization.derive(access, place))
    except GrantRevoked:
        raise _not_covered(row) from None
    except (Temporary, Ambiguous, ContractBroken) as error:
        log.warning("agency.not_served", connection=connection_status.resource_name(row), code=error.code)
    try:
        installed = await _installed(domain, access, row)
    except (Temporary, Ambiguous, ContractBroken) as error:
        text = "Whether the agency has this connection's place could not be found out: consent again."
        raise Unavailable(text, provider=row.provider, code=error.code, log_id=error.log_id) from None
    if place not in installed:
        raise _not_covered(row)
    return Proof(place, None)


def _not_covered(row: ConnectionRow) -> StateForbids:
    text = "The agency consented, but it does not have the application in this connection's place."
    return StateForbids(row.status, text, resource=connection_status.resource_name(row))


async def claim(domain: Domain, tx: Transaction, requested: ConnectionRow, grant: Grant, proof: Proof) -> ConnectionRow:
    """Assign the grant to the agency's own connection, created if necessary, and return that; `requested`, for which
    the consent was opened, only gets the settings that the grant determines.

    Raises StateForbids when the connection belongs to another agency of the vendor.
    """
    now = domain.clock()
    existing = await grants.lock_subject(tx, requested.location, requested.provider, grant.subject)
    settings = {derived_grants.place_setting(domain, requested): proof.place, **requested.provider_settings}
    settings = grants.settings_with(domain, requested, grant, settings)
    await connection_status.move(tx, requested, now, provider_settings=settings)
    agency = existing or await connections.insert(tx, derived_grants.new_row(domain, requested, GrantKind.COMPANY, {}))
    scopes, settings = requested.requested_scopes, grants.settings_with(domain, agency, grant)
    return await grants.assign(domain, tx, agency, grant, settings=settings, scopes=scopes, origin=GrantOrigin.CONSENT)


async def connect(domain: Domain, agency: ConnectionRow, location: str, connection: str, proof: Proof) -> ConnectionRow:
    """Save the sub-account's grant, which proved the agency's, with the connection on whose page the agency consented.

    If the vendor could not issue it, `reconcile` gets it later. Raises storage's NotFound.
    """
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
    if proof.grant is None:
        return row
    return await derived_grants.save(domain, agency, WaitingPlace(proof.place, row), proof.grant) or row


async def derive_grant(domain: Domain, row: ConnectionRow) -> Grant:
    """Return a new grant for a connection, derived from its agency's: one vendor call, none if that was revoked.

    Raises GrantRevoked, with a message for this connection, Rejected, Temporary, Ambiguous.
    """
    access = ConnectionAccess(domain, row.provider, row.parent_location, row.parent_connection)
    place = row.provider_settings[derived_grants.place_setting(domain, row)]
    try:
        return await domain.providers[row.provider].authorization.derive(access, place)
    except GrantRevoked as error:
        parent = names.CONNECTION.format(row.parent_location, row.parent_connection)
        text = PARENT_GONE if error.metadata.get("connection") == parent else UNINSTALLED
        raise GrantRevoked(text, provider=row.provider, code=error.code) from None


async def reconcile(domain: Domain, agency: ConnectionRow, *, background: bool = True) -> timedelta | None:
    """Reconcile the connections of an agency's grant with the vendor's list of installations: one call for each hundred
    sub-accounts, one for each that gets its grant now, at most `derived_grants.BATCH`.

    Connections whose sub-account is no longer listed expire; webhooks that waited for the agency's grant are processed
    again. Return after which time another run should follow, None when nothing is left to do. Raises ProviderError.
    """
    access = _access(domain, agency, background)
    async with domain.db.read() as tx:
        children = [(row, await tokens.find(tx, row.location, row.id)) for row in await _children(tx, agency)]
    places = await _installed(domain, access, agency)
    for row, pair in children:
        if row.provider_settings.get(derived_grants.place_setting(domain, agency)) not in places:
            await _uninstalled(domain, row, 0 if pair is None else pair.version)
    async with domain.db.transaction() as tx:
        await webhooks.requeue(tx, agency.provider, agency.provider_subject, outcome=webhooks.UNKNOWN_AGENCY)
    waiting = await derived_grants.waiting_places(domain, agency, sorted(places))
    return await derived_grants.derive_all(domain, agency, access, waiting)


async def install(domain: Domain, agency: ConnectionRow, place: str) -> int:
    """Derive the grant of a sub-account for every connection that waits for it; return how many got one.

    Raises GrantRevoked, Rejected, Temporary, Ambiguous.
    """
    waiting = await derived_grants.waiting_places(domain, agency, [place])
    connected = [await derived_grants.derive(domain, agency, _access(domain, agency), each) for each in waiting]
    return len([row for row in connected if row is not None])


def _access(domain: Domain, agency: ConnectionRow, background: bool = False) -> ConnectionAccess:
    return ConnectionAccess(domain, agency.provider, agency.location, agency.id, background)


async def _children(tx: Transaction, agency: ConnectionRow) -> list[ConnectionRow]:
    found = await connections.of_parent(tx, agency.location, agency.id)
    return [row for row in found if row.status not in connection_status.UNUSABLE]


async def _installed(domain: Domain, access: ConnectionAccess, agency: ConnectionRow) -> set[str]:
    """Return the complete list: with a partial one the connections of all other sub-accounts would expire."""
    authorization, places, cursor = domain.providers[agency.provider].authorization, set[str](), ""
    for _ in range(MAX_PAGES):
        page = await authorization.places(access, cursor=cursor)
        places |= set(page.ids)
        if not page.next_cursor or page.next_cursor == cursor:
            return places
        cursor = page.next_cursor
    raise ContractBroken("The list of places has no end.", provider=agency.provider, code="endless")


async def _uninstalled(domain: Domain, row: ConnectionRow, version: int) -> None:
    error = GrantRevoked(UNINSTALLED, provider=row.provider, code="not_installed")
    async with domain.db.transaction() as tx:
        await connection_status.expire(
            tx, row.location, row.id, "TOKEN_REVOKED", error, domain.clock(), at_version=version, message=UNINSTALLED
        )
