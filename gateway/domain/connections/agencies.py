"""Agencies: one grant that gives the grants of many places, and is asked again when one of them must be renewed.

Owns which connections an agency's grant serves: those of its own agency here, for places where the vendor says that it
is at work, never another agency's. What is done stands in the connections themselves, so that whoever comes after a
crash goes on with the rest.
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
from gateway.errors import FieldInvalid, StateForbids
from providers.errors import Ambiguous, ContractBroken, GrantRevoked, ProviderError, RateLimited, Temporary
from providers.models.grants import Grant, GrantKind
from storage import connections, locations, posts, tokens, webhooks
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import GrantOrigin

log = structlog.get_logger(__name__)

BATCH = 50
"""Places that get their grant in one go; then others have their turn."""

AT_ONCE = 4
AGAIN = timedelta(minutes=5)
MAX_PAGES = 1000
WAITING = ("PENDING", "EXPIRED")
LIVE = ("VALID", "LIMITED", "ERROR")
UNINSTALLED = "The agency no longer has the application in this location: it must be installed there again."
PARENT_GONE = "The agency's grant, from which this one comes, is no longer valid: the agency must authorise again."


@dataclass(frozen=True, slots=True)
class Want:
    """A place without a grant: the connection that waits for it, or None for a location that has none yet."""

    place: str
    row: ConnectionRow | None


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one go: when the rest has its turn, None when there is no rest."""

    again: timedelta | None = None


def is_agencys(domain: Domain, row: ConnectionRow, grant: Grant) -> bool:
    """Return whether an agency gave this grant to the connection of a place."""
    return grant.kind is GrantKind.COMPANY and grants.kind_of(domain, row) is not GrantKind.COMPANY


async def claim(domain: Domain, tx: Transaction, mine: ConnectionRow, grant: Grant) -> ConnectionRow:
    """Return the agency's own connection, beside the one that it consented for, which gets only what fits it.

    Raises StateForbids when the agency is another than the connection's.
    """
    now = domain.clock()
    older = await grants.held(tx, mine.location, mine.provider, grant.subject)
    await connection_status.move(tx, mine, now, provider_settings=grants.fitting(domain, mine, grant))
    agency = older or await connections.insert(tx, _row(domain, mine, GrantKind.COMPANY, {}))
    scopes, settings = mine.requested_scopes, grants.fitting(domain, agency, grant)
    return await grants.give(domain, tx, agency, grant, settings=settings, scopes=scopes, origin=GrantOrigin.CONSENT)


def _row(
    domain: Domain, like: ConnectionRow, kind: GrantKind, said: dict[str, str], location: str = ""
) -> ConnectionRow:
    now, location = domain.clock(), location or like.location
    settings = domain.providers[like.provider].authorization.settings(location, kind, said)
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


async def serve(domain: Domain, agency: ConnectionRow, location: str, connection: str) -> ConnectionRow:
    """Get the grant of the connection that an agency consented for: one vendor call.

    When the vendor cannot answer now, it comes later by itself. Raises storage's NotFound, StateForbids when the agency
    does not have the application in the connection's place.
    """
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
    want = Want(row.provider_settings[domain.providers[row.provider].table.place], row)
    try:
        return await _give(domain, agency, _access(domain, agency), want) or row
    except GrantRevoked:
        text = "The agency consented, but it does not have the application in this connection's place."
        raise StateForbids(row.status, text, resource=connection_status.resource_name(row)) from None
    except (Temporary, Ambiguous, ContractBroken) as error:
        log.warning("agency.not_served", connection=connection_status.resource_name(row), code=error.code)
        return row


async def derive_grant(domain: Domain, row: ConnectionRow) -> Grant:
    """Get the grant of a connection anew from its agency's: one vendor call, or none when that is dead itself.

    Raises GrantRevoked, in words of the connection's own, Rejected, Temporary, Ambiguous.
    """
    provider = domain.providers[row.provider]
    access = ConnectionAccess(domain, row.provider, row.parent_location, row.parent_connection)
    try:
        return await provider.authorization.derive(access, row.provider_settings[provider.table.place])
    except GrantRevoked as error:
        ours = names.CONNECTION.format(row.parent_location, row.parent_connection)
        gone = error.metadata.get("connection") == ours
        text = PARENT_GONE if gone else UNINSTALLED
        raise GrantRevoked(text, provider=row.provider, code=error.code) from None


async def reconcile(domain: Domain, agency: ConnectionRow, *, background: bool = True) -> Round:
    """Hold what an agency's grant serves against where the vendor says that it is at work: one call for each hundred
    places, one for each that gets its grant now, at most BATCH.

    A connection whose place is gone expires; deliveries that waited for the agency's grant are looked at again. Raises
    ProviderError.
    """
    access = _access(domain, agency, background)
    async with domain.db.read() as tx:
        children = [(row, await tokens.find(tx, row.location, row.id)) for row in await _children(tx, agency)]
    places = await _installed(domain, access, agency)
    for row, pair in children:
        if row.provider_settings.get(_setting(domain, agency)) not in places:
            await _uninstalled(domain, row, 0 if pair is None else pair.version)
    async with domain.db.transaction() as tx:
        await webhooks.look_again(tx, agency.provider, agency.provider_subject, outcome=webhooks.UNKNOWN_AGENCY)
    return await _give_all(domain, agency, access, await _wanted(domain, agency, sorted(places)))


async def install(domain: Domain, agency: ConnectionRow, place: str) -> int:
    """Return one place its grant, wherever something waits for it; give how many got one.

    Raises GrantRevoked, Rejected, Temporary, Ambiguous.
    """
    wanted = await _wanted(domain, agency, [place])
    given = [await _give(domain, agency, _access(domain, agency), want) for want in wanted]
    return len([row for row in given if row is not None])


def _access(domain: Domain, agency: ConnectionRow, background: bool = False) -> ConnectionAccess:
    return ConnectionAccess(domain, agency.provider, agency.location, agency.id, background)


def _setting(domain: Domain, agency: ConnectionRow) -> str:
    return domain.providers[agency.provider].table.place


async def _children(tx: Transaction, agency: ConnectionRow) -> list[ConnectionRow]:
    found = await connections.of_parent(tx, agency.location, agency.id)
    return [row for row in found if row.status not in ("EXPIRED", "DISCONNECTED")]


async def _installed(domain: Domain, access: ConnectionAccess, agency: ConnectionRow) -> set[str]:
    """Read the whole list: half of one would end the grants of the other half."""
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


async def _wanted(domain: Domain, agency: ConnectionRow, places: Sequence[str]) -> list[Want]:
    """Return what waits for a grant: the agency's connections for these places, and locations of the same names that
    are the agency's, or nobody's, and have none.
    """
    found: list[Want] = []
    async with domain.db.read() as tx:
        ours = await locations.owner(tx, agency.location)
        for first in range(0, len(places), BATCH):
            some = places[first : first + BATCH]
            rows = await connections.for_places(tx, ours or "", agency.provider, _setting(domain, agency), some)
            by_place = {
                place: [row for row in rows if row.provider_settings[_setting(domain, agency)] == place]
                for place in some
            }
            for place, here in by_place.items():
                found += await _wants(tx, ours, place, here)
    return found


async def _wants(tx: Transaction, ours: str | None, place: str, rows: list[ConnectionRow]) -> list[Want]:
    if not rows:
        free = _is_location(place) and await locations.owner(tx, place) in (None, ours)
        return [Want(place, None)] if free else []
    served = {row.location for row in rows if row.status in LIVE}
    return [Want(place, row) for row in rows if row.status in WAITING and _waits(row) and row.location not in served]


def _waits(row: ConnectionRow) -> bool:
    """Return whether there is nothing yet: a pending one with a grant is about to be verified."""
    return row.status == "EXPIRED" or not row.grant_origin


def _is_location(place: str) -> bool:
    try:
        names.location(names.LOCATION.format(place))
    except FieldInvalid:
        return False
    return True


async def _give_all(domain: Domain, agency: ConnectionRow, access: ConnectionAccess, wanted: list[Want]) -> Round:
    # In no order: one that always fails must not keep its place at the front.
    some = random.sample(wanted, min(BATCH, len(wanted)))
    slots, served, failed = asyncio.Semaphore(AT_ONCE), list[bool](), list[ProviderError]()

    async def one(want: Want) -> None:
        async with slots:
            if any(isinstance(error, RateLimited) for error in failed):
                return
            try:
                served.append(await _give(domain, agency, access, want) is not None)
            except (Temporary, Ambiguous, ContractBroken) as error:
                failed.append(error)
                log.warning(
                    "agency.not_served",
                    agency=connection_status.resource_name(agency),
                    place=want.place,
                    code=error.code,
                )
            except (ProviderError, NotFound, StateForbids) as error:
                name = type(error).__name__
                log.warning(
                    "agency.not_served", agency=connection_status.resource_name(agency), place=want.place, error=name
                )

    await asyncio.gather(*(one(want) for want in some))
    return Round(_again(failed, more=any(served) and len(wanted) > len(some)))


def _again(failed: list[ProviderError], *, more: bool) -> timedelta | None:
    """Return when the rest has its turn: at once, when the vendor said that it may be asked again, or soon."""
    if not failed:
        return timedelta(0) if more else None
    waits = [error.retry_after for error in failed if isinstance(error, RateLimited)]
    return min([wait for wait in waits if wait is not None], default=AGAIN)


async def _give(domain: Domain, agency: ConnectionRow, access: ConnectionAccess, want: Want) -> ConnectionRow | None:
    """Get one place's grant and keep it, both or nothing: the vendor gives it again. None when nobody waits for it."""
    grant = await domain.providers[agency.provider].authorization.derive(access, want.place)
    async with domain.db.transaction() as tx:
        row = await _waiting(domain, tx, agency, want)
        if row is None:
            return None
        given = await grants.claim(domain, tx, row, grant, parent=agency)
        await domain.tokens.put(
            tx, await domain.sealer.for_location(tx, given.location), given.id, grant, renewable=True
        )
        await posts.wake_connection(tx, given.location, given.id, domain.clock())
    domain.tokens.invalidate(given.location, given.id)
    return given


async def _waiting(domain: Domain, tx: Transaction, agency: ConnectionRow, want: Want) -> ConnectionRow | None:
    """Return the connection that waits, as it is now; or make it, when its location is still free or the agency's."""
    if want.row is not None:
        await grants.held(tx, want.row.location, agency.provider, want.place)
        row = await connections.get(tx, want.row.location, want.row.id, lock=True)
        return row if row.status in WAITING and _waits(row) else None
    ours = await locations.owner(tx, agency.location) or ""
    if await locations.claim(tx, want.place, ours, domain.clock()) != ours:
        return None
    if await grants.held(tx, want.place, agency.provider, want.place) is not None:
        return None
    said = {_setting(domain, agency): want.place}
    return await connections.insert(
        tx, _row(domain, agency, domain.providers[agency.provider].table.kinds[0], said, want.place)
    )
