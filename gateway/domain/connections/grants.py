"""Assigning a grant to a connection, whether it comes from a consent, a static token or an agency.

Owns the common rules: one connection per subject in a location, which no other subject and no other sub-account ever
takes over. Contains no token and calls no vendor.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.domain.accounts import sync
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.errors import StateForbids
from providers.errors import Rejected
from providers.interface import authorization_of
from providers.models.grants import Grant, GrantKind
from storage import accounts, connections, events, locations, tokens
from storage.connections import ConnectionRow
from storage.database import Transaction, advisory_lock
from storage.states import ConnectionStatus, GrantOrigin, LocationClaim

SINGLE_ACCOUNT = frozenset({GrantKind.USER, GrantKind.BUSINESS_ACCOUNT})
"""The kinds of grants that consist of one account."""


def kind_of(domain: Domain, row: ConnectionRow) -> GrantKind:
    """Return the kind of the connection's grant, or of the one it waits for: the provider's default if unspecified."""
    return GrantKind(row.grant_kind) if row.grant_kind else domain.providers[row.provider].table.kinds[0]


def settings_with(
    domain: Domain, row: ConnectionRow, grant: Grant, settings: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return `settings`, by default the connection's own, completed by what the grant states.

    Raises StateForbids when the grant is for another sub-account.
    """
    settings = row.provider_settings if settings is None else settings
    try:
        kind = kind_of(domain, row)
        return authorization_of(domain.providers[row.provider], kind).settings_of_grant(kind, settings, grant)
    except Rejected as error:
        raise StateForbids(row.status, error.message, resource=connection_status.resource_name(row)) from None


async def lock_subject(tx: Transaction, location: str, provider: str, subject: str) -> ConnectionRow | None:
    """Return the location's connection to a vendor's subject after locking the subject: of two concurrent callers the
    second sees the connection that the first created.
    """
    await advisory_lock(tx, f"subject|{location}|{provider}|{subject}")
    return await connections.by_subject(tx, location, provider, subject)


async def expected_place(domain: Domain, tx: Transaction, row: ConnectionRow) -> str:
    """Return the sub-account that a connection is for: the one in its settings, else the one that its location's other
    connections have, else the one with the location's own id. Empty if the provider has no sub-accounts.
    """
    setting = domain.providers[row.provider].table.place
    if not setting:
        return ""
    if setting in row.provider_settings:
        return row.provider_settings[setting]
    known = await connections.values_of_setting(tx, row.location, row.provider, setting)
    return known.pop() if len(known) == 1 else row.location


async def _known_place(domain: Domain, tx: Transaction, row: ConnectionRow, grant: Grant) -> dict[str, str]:
    """Return the setting with the sub-account of a connection that was created without one: a location's first grant
    determines it, and later ones must be for the same. Empty while the location has no grant, or if there is no place.
    """
    setting = domain.providers[row.provider].table.place
    if not setting or setting in row.provider_settings or kind_of(domain, row) is GrantKind.COMPANY:
        return {}
    # Two first consents at once: the second sees what the first determined.
    await advisory_lock(tx, f"place|{row.location}|{row.provider}")
    known = await connections.values_of_setting(tx, row.location, row.provider, setting)
    granted = grant.settings.get(setting, "")
    return {setting: granted if granted in known else min(known)} if known else {}


async def claim(
    domain: Domain, tx: Transaction, requested: ConnectionRow, grant: Grant, parent: ConnectionRow | None = None
) -> ConnectionRow:
    """Assign the grant to the connection that it belongs to, and return that: a subject has one connection per
    location, however often it consents. An expired or disconnected one becomes usable again, and its account with it.

    `requested` is the connection for which the consent was opened, or that gets its grant from an agency's, `parent`.
    Raises storage's NotFound, StateForbids.
    """
    now = domain.clock()
    existing = await lock_subject(tx, requested.location, requested.provider, grant.subject)
    requested = await connections.get(tx, requested.location, requested.id, lock=True)
    subject = requested.provider_subject
    consented = requested.status != ConnectionStatus.PENDING or await tokens.find(tx, requested.location, requested.id)
    if subject and subject != grant.subject and consented:
        text = "The consent was given by another user of the provider than the one this connection belongs to."
        raise StateForbids(requested.status, text, resource=connection_status.resource_name(requested))
    if existing is not None and kind_of(domain, existing) is not kind_of(domain, requested):
        # The vendor's applications give users different ids: it cannot be the same grant.
        text = "The provider's user is connected here with a grant of another kind."
        raise StateForbids(requested.status, text, resource=connection_status.resource_name(requested))
    target = existing or requested
    stated = {**target.provider_settings, **requested.provider_settings}
    settings = settings_with(domain, requested, grant, {**await _known_place(domain, tx, requested, grant), **stated})
    if target.id != requested.id:
        # The subject already has a connection here: that one is renewed, the requested one is merged into it.
        await _remove(tx, requested, into=target, now=now)
    origin = GrantOrigin.CONSENT if parent is None else GrantOrigin.PARENT
    return await assign(
        domain, tx, target, grant, settings=settings, scopes=requested.requested_scopes, origin=origin, parent=parent
    )


async def assign(
    domain: Domain,
    tx: Transaction,
    target: ConnectionRow,
    grant: Grant,
    *,
    settings: Mapping[str, str],
    scopes: Sequence[str],
    origin: GrantOrigin,
    parent: ConnectionRow | None = None,
) -> ConnectionRow:
    """Record the grant's subject and origin with the connection, schedule its verification, and attach its account if
    the grant consists of one.
    """
    now = domain.clock()
    values = {
        "provider_subject": grant.subject,
        "provider_settings": dict(settings),
        "requested_scopes": list(scopes),
        "grant_origin": origin,
        "parent_location": parent.location if parent is not None else "",
        "parent_connection": parent.id if parent is not None else "",
        "verify_at": now,
    }
    if target.status == ConnectionStatus.DISCONNECTED:
        values |= {
            "status": ConnectionStatus.PENDING,
            "reason_code": "",
            "reason_message": "The connection is being verified.",
        }
    await locations.strengthen(tx, target.location, LocationClaim.GRANTED)
    assigned = await connection_status.move(tx, target, now, **values)
    if kind_of(domain, assigned) in SINGLE_ACCOUNT and not sync.is_list(domain, assigned.provider):
        await _attach(domain, tx, assigned)
    return assigned


async def _remove(tx: Transaction, row: ConnectionRow, *, into: ConnectionRow, now: datetime) -> None:
    payload = {"connection": row.model_dump(mode="json"), "merged_into": connection_status.resource_name(into)}
    kind, name = "CONNECTION_DISCONNECTED", connection_status.resource_name(row)
    await events.append(tx, row.location, type=kind, subject=name, payload=payload, now=now)
    await connections.remove(tx, row)


async def _attach(domain: Domain, tx: Transaction, row: ConnectionRow) -> None:
    """Create the account of a grant that consists of one account, with its event, unless it exists."""
    now = domain.clock()
    platform = domain.providers[row.provider].table.rules_of(row.grant_kind).platform
    account = await accounts.attach(tx, sync.new_row(domain, row, platform, row.provider_subject, now))
    if account.create_time == now:
        await sync.record_event(tx, account, "ACCOUNT_ATTACHED", now)
