"""Whose a grant is: the connection that a vendor's answer belongs to, however it came.

Owns what a consent, a static token and an agency's grant have in common: one connection per subject in a location, no
other subject and no other place ever taking one over. Holds no token; calls no vendor.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.aip import names
from gateway.domain.accounts import sync
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.errors import StateForbids
from providers.errors import Rejected
from providers.models.grants import Grant, GrantKind
from storage import accounts, connections, events
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Transaction, advisory_lock
from storage.states import GrantOrigin

SINGLE = frozenset({GrantKind.USER})
"""The kinds of grants that are one account."""


def kind_of(domain: Domain, row: ConnectionRow) -> GrantKind:
    """Return whose grant the connection holds, or waits for: the provider's usual kind unless another was said."""
    return GrantKind(row.grant_kind) if row.grant_kind else domain.providers[row.provider].table.kinds[0]


def fitting(domain: Domain, row: ConnectionRow, grant: Grant, said: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the settings of a connection with this grant; `said` are those it has, unless others are to be.

    Raises StateForbids when the grant is for another place.
    """
    settings = row.provider_settings if said is None else said
    try:
        return domain.providers[row.provider].authorization.fitting(kind_of(domain, row), settings, grant)
    except Rejected as error:
        raise StateForbids(row.status, error.message, resource=connection_status.resource_name(row)) from None


async def held(tx: Transaction, location: str, provider: str, subject: str) -> ConnectionRow | None:
    """Return the location's connection to a vendor's subject, held; of two who ask at once the second sees what the
    first made.
    """
    await advisory_lock(tx, f"subject|{location}|{provider}|{subject}")
    return await connections.by_subject(tx, location, provider, subject)


async def claim(
    domain: Domain, tx: Transaction, mine: ConnectionRow, grant: Grant, parent: ConnectionRow | None = None
) -> ConnectionRow:
    """Return the connection that the grant belongs to: the same subject in one location has one, however often it
    consents. One that was given up comes back to life here, and its account with it.

    `mine` is the one that asked for it, or that an agency's grant, `parent`, is to serve. Raises storage's NotFound,
    StateForbids.
    """
    now = domain.clock()
    older = await held(tx, mine.location, mine.provider, grant.subject)
    mine = await connections.get(tx, mine.location, mine.id, lock=True)
    known = mine.provider_subject
    if known and known != grant.subject and mine.status != "PENDING":
        text = "The consent was given by another user of the provider than the one this connection belongs to."
        raise StateForbids(mine.status, text, resource=connection_status.resource_name(mine))
    target = older or mine
    settings = fitting(domain, mine, grant, {**target.provider_settings, **mine.provider_settings})
    if target.id != mine.id:
        # The subject was connected here before: that connection is renewed, the new one was only the way to it.
        await _remove(tx, mine, into=target, now=now)
    origin = GrantOrigin.CONSENT if parent is None else GrantOrigin.PARENT
    return await give(
        domain, tx, target, grant, settings=settings, scopes=mine.requested_scopes, origin=origin, parent=parent
    )


async def give(
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
    """Write down whose grant the connection has now, that it is to be verified, and its account when it is one."""
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
    if target.status == "DISCONNECTED":
        values |= {"status": "PENDING", "reason_code": "", "reason_message": "The connection is being verified."}
    claimed = await connection_status.move(tx, target, now, **values)
    if kind_of(domain, claimed) in SINGLE and not sync.is_list(domain, claimed.provider):
        await _attach(domain, tx, claimed)
    return claimed


async def _remove(tx: Transaction, row: ConnectionRow, *, into: ConnectionRow, now: datetime) -> None:
    payload = {"connection": row.model_dump(mode="json"), "merged_into": connection_status.resource_name(into)}
    kind, name = "CONNECTION_DISCONNECTED", connection_status.resource_name(row)
    await events.append(tx, row.location, type=kind, subject=name, payload=payload, now=now)
    await connections.remove(tx, row)


async def _attach(domain: Domain, tx: Transaction, row: ConnectionRow) -> None:
    """A grant that is one account makes that account by itself."""
    now = domain.clock()
    account = await accounts.attach(
        tx,
        AccountRow(
            location=row.location,
            id=domain.new_id(),
            connection=row.id,
            provider=row.provider,
            platform=row.provider,
            provider_account_id=row.provider_subject,
            create_time=now,
            update_time=now,
        ),
    )
    if account.create_time == now:
        name = names.ACCOUNT.format(row.location, account.id)
        payload = {"account": account.model_dump(mode="json")}
        await events.append(tx, row.location, type="ACCOUNT_ATTACHED", subject=name, payload=payload, now=now)
