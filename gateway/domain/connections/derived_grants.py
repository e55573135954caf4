"""Grants of sub-accounts, derived from an agency's grant for the connections that wait for them.

Owns which connections wait, only ever those of the same agency here, and how a derived grant is saved. Which
sub-accounts the agency's grant covers is in `agencies`.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gateway.aip import names
from gateway.domain.access import ConnectionAccess
from gateway.domain.connections import grants
from gateway.domain.context import Domain
from gateway.domain.credentials import connection_status
from gateway.domain.locations import claim_by_grant, gives_way
from gateway.errors import FieldInvalid, StateForbids
from providers.errors import Ambiguous, ContractBroken, ProviderError, RateLimited, Temporary
from providers.models.grants import Grant, GrantKind
from storage import connections, locations, posts
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import ConnectionStatus

log = structlog.get_logger(__name__)

BATCH = 50
"""The most sub-accounts that get their grant in one run, before other agencies are reconciled."""

MAX_CONCURRENT = 4
RETRY_AFTER = timedelta(minutes=5)
LIVE = (ConnectionStatus.VALID, ConnectionStatus.LIMITED, ConnectionStatus.ERROR)


@dataclass(frozen=True, slots=True)
class WaitingPlace:
    """A sub-account without a grant: the connection that waits for it, or None for a location without a connection."""

    place: str
    row: ConnectionRow | None


def place_setting(domain: Domain, row: ConnectionRow) -> str:
    """Return the name of the setting that contains the sub-account of a provider's connections."""
    return domain.providers[row.provider].table.place


def new_row(
    domain: Domain, like: ConnectionRow, kind: GrantKind, settings: dict[str, str], location: str = ""
) -> ConnectionRow:
    """Return a new connection of `like`'s provider, by default in its location, with a grant that a consent on another
    connection brought.
    """
    now, location = domain.clock(), location or like.location
    settings = domain.providers[like.provider].authorization.settings(location, kind, settings)
    return ConnectionRow(
        location=location,
        id=domain.new_id(),
        provider=like.provider,
        grant_kind=kind.value,
        requested_scopes=like.requested_scopes,
        provider_settings=settings,
        reason_message="The connection is being verified.",
        create_time=now,
        update_time=now,
    )


async def waiting_places(domain: Domain, agency: ConnectionRow, places: Sequence[str]) -> list[WaitingPlace]:
    """Return what waits for a grant: the agency's connections to these sub-accounts, and locations of the same ids that
    belong to the agency, to nobody, or to another agency by its first use alone, and have no connection.
    """
    found: list[WaitingPlace] = []
    setting = place_setting(domain, agency)
    async with domain.db.read() as tx:
        owner = await locations.owner(tx, agency.location)
        for start in range(0, len(places), BATCH):
            batch = places[start : start + BATCH]
            rows = await connections.by_setting(tx, owner or "", agency.provider, setting, batch)
            for place in batch:
                of_place = [row for row in rows if row.provider_settings.get(setting, row.location) == place]
                found += await _waiting_for(tx, owner, place, of_place)
    return found


async def _waiting_for(tx: Transaction, owner: str | None, place: str, rows: list[ConnectionRow]) -> list[WaitingPlace]:
    if not rows:
        row = await locations.find(tx, place) if _is_location(place) else None
        free = row is None or row.agency == owner or await gives_way(tx, row)
        return [WaitingPlace(place, None)] if free and _is_location(place) else []
    connected = {row.location for row in rows if row.status in LIVE}
    return [WaitingPlace(place, row) for row in rows if _is_waiting(row) and row.location not in connected]


def _is_waiting(row: ConnectionRow) -> bool:
    """Return whether a connection needs a grant: a PENDING one that has a grant is about to be verified."""
    return row.status == ConnectionStatus.EXPIRED or (row.status == ConnectionStatus.PENDING and not row.grant_origin)


def _is_location(place: str) -> bool:
    try:
        names.location(names.LOCATION.format(place))
    except FieldInvalid:
        return False
    return True


async def derive_all(
    domain: Domain, agency: ConnectionRow, access: ConnectionAccess, waiting: list[WaitingPlace]
) -> timedelta | None:
    """Derive the grants of at most BATCH waiting sub-accounts, a few at once, until the vendor refuses for its rate.

    Return after which time the rest should follow, None when there is none.
    """
    # In random order: one that always fails must not stay at the front.
    batch = random.sample(waiting, min(BATCH, len(waiting)))
    slots, connected, failed = asyncio.Semaphore(MAX_CONCURRENT), list[bool](), list[ProviderError]()

    async def one(each: WaitingPlace) -> None:
        async with slots:
            if any(isinstance(error, RateLimited) for error in failed):
                return
            name = connection_status.resource_name(agency)
            try:
                connected.append(await derive(domain, agency, access, each) is not None)
            except (Temporary, Ambiguous, ContractBroken) as error:
                failed.append(error)
                log.warning("agency.not_served", agency=name, place=each.place, code=error.code)
            except (ProviderError, NotFound, StateForbids) as error:
                log.warning("agency.not_served", agency=name, place=each.place, error=type(error).__name__)

    await asyncio.gather(*(one(each) for each in batch))
    return _next_after(failed, more=any(connected) and len(waiting) > len(batch))


def _next_after(failed: list[ProviderError], *, more: bool) -> timedelta | None:
    """Return when the rest should follow: at once, after the vendor's retry-after, or after RETRY_AFTER."""
    if not failed:
        return timedelta(0) if more else None
    waits = [error.retry_after for error in failed]
    return min([wait for wait in waits if wait is not None], default=RETRY_AFTER)


async def derive(
    domain: Domain, agency: ConnectionRow, access: ConnectionAccess, waiting: WaitingPlace
) -> ConnectionRow | None:
    """Derive a sub-account's grant, one vendor call, and save it; return None when nothing waits for it any longer."""
    grant = await domain.providers[agency.provider].authorization.derive(access, waiting.place)
    return await save(domain, agency, waiting, grant)


async def save(domain: Domain, agency: ConnectionRow, waiting: WaitingPlace, grant: Grant) -> ConnectionRow | None:
    """Save a derived grant with its connection in one transaction; nothing is lost if that fails, because the vendor
    issues the grant again. Return None when nothing waits for it any longer.
    """
    async with domain.db.transaction() as tx:
        row = await _lock_waiting(domain, tx, agency, waiting)
        if row is None:
            return None
        connected = await grants.claim(domain, tx, row, grant, parent=agency)
        seal = await domain.sealer.for_location(tx, connected.location)
        await domain.tokens.put(tx, seal, connected.id, grant, renewable=True)
        await posts.wake_connection(tx, connected.location, connected.id, domain.clock())
    domain.tokens.invalidate(connected.location, connected.id)
    return connected


async def _lock_waiting(
    domain: Domain, tx: Transaction, agency: ConnectionRow, waiting: WaitingPlace
) -> ConnectionRow | None:
    """Return the waiting connection as it is now, created if its location has none and is free or the agency's, or
    becomes the agency's by this grant; None when it no longer waits.
    """
    if waiting.row is not None:
        await locations.keep(tx, waiting.row.location)
        await grants.lock_subject(tx, waiting.row.location, agency.provider, waiting.place)
        row = await connections.get(tx, waiting.row.location, waiting.row.id, lock=True)
        return row if _is_waiting(row) else None
    owner = await locations.owner(tx, agency.location) or ""
    if not await claim_by_grant(tx, waiting.place, owner, domain.clock()):
        return None
    if await grants.lock_subject(tx, waiting.place, agency.provider, waiting.place) is not None:
        return None
    settings = {place_setting(domain, agency): waiting.place}
    kind = domain.providers[agency.provider].table.kinds[0]
    return await connections.insert(tx, new_row(domain, agency, kind, settings, waiting.place))
