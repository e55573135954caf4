"""Locations: who may use one, which agency owns one, and by what claim it came to.

Owns the check that every method makes before it reads anything, the order of claims, and how many an agency may make.
A location of another agency cannot be told from one that nobody has. Does not know what is inside a location.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from gateway.aip import names
from gateway.caller import Caller
from gateway.clock import Clock
from gateway.errors import FieldInvalid, LocationForbidden, QuotaExceeded, StateForbids
from storage import agencies, location_contents, locations
from storage.cache import CoherentCache, Invalidations
from storage.database import Database, Transaction
from storage.fair import Tenant
from storage.locations import LocationRow
from storage.states import LocationClaim

log = structlog.get_logger(__name__)

MAX_CACHED = 100_000


@dataclass(frozen=True, slots=True)
class ClaimLimits:
    """How many locations an agency's keys may try to claim in an hour, and how many it may have in which no grant was
    ever connected.
    """

    per_hour: int = 100
    unproved: int = 500


@dataclass(frozen=True, slots=True)
class Owners:
    """Which agency owns a location; without a cache the database is asked each time."""

    database: Database
    clock: Clock
    limits: ClaimLimits = ClaimLimits()
    cached: CoherentCache[str, str | None] | None = field(default=None, repr=False)


def open_owners(database: Database, listener: Invalidations, clock: Clock, limits: ClaimLimits) -> Owners:
    """Return the owners, with a cache that every replica's changes invalidate."""
    return Owners(database, clock, limits, CoherentCache(listener, locations.TOPIC, size=MAX_CACHED))


async def authorize(owners: Owners, caller: Caller, location: str) -> None:
    """Raise LocationForbidden unless the key may use the location and its agency owns it; called before anything inside
    is read.

    A refusal always reads the database once, so that its time says nothing either.
    """
    if not caller.may_use(location) or not await _owns(owners, caller, location):
        raise LocationForbidden(location)


async def authorize_claim(owners: Owners, caller: Caller, location: str) -> None:
    """Raise LocationForbidden unless `authorize` would not, or the key may claim the location; whose it is, is looked
    at by `prepare_claim`, when nothing else is wrong with the request.
    """
    if not caller.may_claim(location):
        await authorize(owners, caller, location)


async def tenant_of(database: Database, location: str) -> Tenant:
    """Return a location with its agency, for what is done there and nobody called for."""
    async with database.read() as tx:
        return Tenant(await locations.owner(tx, location) or "", location)


async def prepare_claim(owners: Owners, caller: Caller, location: str, *, by_grant: bool = False) -> None:
    """Raise LocationForbidden if the location is another agency's, QuotaExceeded if this one claims too many; called
    before anything that costs. Free for a location that the caller's agency owns.

    Each attempt counts, also on a location of somebody else, so that nobody can try out which ids are taken. With
    `by_grant` a vendor's grant will prove the claim, which goes before another agency's first use.
    """
    if await _owns(owners, caller, location):
        return
    if not caller.assigned:
        await _count_attempt(owners, caller.agency)
    async with owners.database.read() as tx:
        row = await locations.find(tx, location)
        refused = row is not None and row.agency != caller.agency and not (by_grant and await gives_way(tx, row))
    if refused:
        raise LocationForbidden(location)


async def keep_own(tx: Transaction, location: str, agency: str) -> None:
    """Keep a location the agency's until `tx` ends; called before anything is inserted there or locked, because an
    operator may have moved it since the call was authorised. Raises LocationForbidden.
    """
    if await locations.keep(tx, location) != agency:
        raise LocationForbidden(location)


async def claim_location(tx: Transaction, owners: Owners, caller: Caller, location: str) -> None:
    """Make the caller's agency the owner of the location within `tx`, unless another one is.

    Raises LocationForbidden, QuotaExceeded.
    """
    if not caller.may_use(location):
        raise LocationForbidden(location)
    owner = await locations.keep(tx, location)
    if owner == caller.agency:
        return
    if owner is not None or not caller.may_claim(location):
        raise LocationForbidden(location)
    if not caller.assigned:
        # Of two claims at once the second sees the first.
        await agencies.lock(tx, caller.agency)
        await _check_unproved(tx, owners, caller.agency)
    named = LocationClaim.NAMED if caller.assigned else LocationClaim.FIRST_USE
    if await locations.claim(tx, location, caller.agency, owners.clock(), named) != caller.agency:
        raise LocationForbidden(location)
    log.info("location.claimed", location=location, agency=caller.agency, key_id=caller.key_id, claim=named)


async def claim_by_grant(tx: Transaction, location: str, agency: str, now: datetime) -> bool:
    """Make an agency the owner of a location whose vendor's grant it has just been given; return False if it is another
    agency's by more than its first use. What that other agency had made there is deleted.
    """
    row = await locations.find(tx, location, lock=True)
    if row is None:
        return await locations.claim(tx, location, agency, now, LocationClaim.GRANTED) == agency
    if row.delete_time is not None:
        return False
    if row.agency == agency:
        await locations.strengthen(tx, location, LocationClaim.GRANTED)
        return True
    if not await gives_way(tx, row):
        return False
    await _hand_over(tx, row, agency, LocationClaim.GRANTED, now)
    return True


async def name_locations(tx: Transaction, agency: str, named: Iterable[str], now: datetime) -> list[str]:
    """Make an agency the owner of the locations that a new key of it names, and return those that another agency had
    by its first use alone. Raises FieldInvalid for a location that is another agency's by more than that.
    """
    taken: list[str] = []
    for location in sorted(named):
        await locations.claim(tx, location, agency, now, LocationClaim.NAMED)
        row = await locations.find(tx, location, lock=True)
        if row is None or (row.agency == agency and row.delete_time is None):
            await locations.strengthen(tx, location, LocationClaim.NAMED)
        elif await gives_way(tx, row):
            await _hand_over(tx, row, agency, LocationClaim.NAMED, now)
            taken.append(location)
        else:
            raise FieldInvalid("locations", f"{location!r} {_whose(row)}: `social-gateway locations assign` moves it")
    return taken


async def gives_way(tx: Transaction, row: LocationRow) -> bool:
    """Return whether the owner's claim is its first use alone. What the location holds counts too: a process of the
    version before claims connects a grant without recording it.
    """
    if row.claim != LocationClaim.FIRST_USE or row.delete_time is not None:
        return False
    return not await location_contents.is_proved(tx, row.location)


def _whose(row: LocationRow | None) -> str:
    if row is None:
        return "has no owner"
    return "is being deleted" if row.delete_time is not None else f"belongs to the agency {row.agency!r}"


async def strengthen_earlier(database: Database) -> None:
    """Record as GRANTED what processes of an earlier version connected without saying so."""
    async with database.read() as tx:
        found = await location_contents.proved_first_uses(tx)
    for location in found:
        async with database.transaction() as tx:
            row = await locations.find(tx, location, lock=True)
            if row is not None and row.claim == LocationClaim.FIRST_USE and not await gives_way(tx, row):
                await locations.strengthen(tx, location, LocationClaim.GRANTED)
                log.info("location.strengthened", location=location, agency=row.agency)


async def assign(
    tx: Transaction, location: str, to: str, now: datetime, *, former: str = "", discard: bool = False
) -> dict[str, int]:
    """Make the agency `to` the owner of a location, by an operator's decision; return what was deleted in it.

    `former` must be its owner, or empty if it has none. Raises FieldInvalid if it is not, StateForbids while posts are
    under way in the location, or connections have a grant and are not to be discarded.
    """
    row = await _of(tx, location, former, to)
    if row is not None and row.agency != to:
        await check_idle(tx, location, discard)
        return await _hand_over(tx, row, to, LocationClaim.ASSIGNED, now)
    await locations.claim(tx, location, to, now, LocationClaim.ASSIGNED)
    await locations.strengthen(tx, location, LocationClaim.ASSIGNED)
    log.info("location.assigned", location=location, agency=to)
    return {}


async def release(tx: Transaction, location: str, former: str, *, discard: bool = False) -> dict[str, int]:
    """Leave a location without an owner, by an operator's decision; return what was deleted in it.

    Raises what `assign` raises.
    """
    row = await _of(tx, location, former)
    if row is None:
        raise FieldInvalid("agency", "must be named")
    await check_idle(tx, location, discard)
    gone = await _empty(tx, row)
    await locations.remove(tx, row)
    log.info("location.released", location=location, former=former, deleted=gone)
    return gone


async def _of(tx: Transaction, location: str, *expected: str) -> LocationRow | None:
    """Return the location's row, locked, if its owner is one that the operator named; empty means that there is none.

    Raises FieldInvalid.
    """
    row = await locations.find(tx, location, lock=True)
    owner = "" if row is None else row.agency
    if owner not in expected or (row is not None and row.delete_time is not None):
        raise FieldInvalid("location", f"{location!r} {_whose(row)}; say so to change that")
    return row


async def check_idle(tx: Transaction, location: str, discard: bool) -> None:
    """Raise StateForbids while posts are under way in a location, or connections have a grant that is not discarded."""
    alive = await location_contents.at_work(tx, location)
    name = names.LOCATION.format(location)
    if alive.posts:
        raise StateForbids("BUSY", f"{alive.posts} posts are under way in it: cancel them, or wait.", resource=name)
    if alive.connections and not discard:
        text = f"{alive.connections} connections with a grant are in it: disconnect them first, or discard them."
        raise StateForbids("CONNECTED", text, resource=name)


async def _hand_over(tx: Transaction, row: LocationRow, to: str, by: LocationClaim, now: datetime) -> dict[str, int]:
    """Empty a location and give it to another agency: neither sees what the other makes there."""
    former = row.agency
    gone = await _empty(tx, row)
    await locations.move(tx, row.location, to, now, by)
    log.warning("location.moved", location=row.location, agency=to, former=former, claim=by, deleted=gone)
    return gone


async def _empty(tx: Transaction, row: LocationRow) -> dict[str, int]:
    return await location_contents.wipe(tx, row.location, row.agency)


async def _count_attempt(owners: Owners, agency: str) -> None:
    """Count an attempt to claim a location, and raise QuotaExceeded if it is one too many."""
    limit = owners.limits.per_hour
    async with owners.database.transaction() as tx:
        attempts, end = await agencies.count_claim(tx, agency, owners.clock())
    if attempts > limit:
        raise _exceeded("locationClaims", agency, limit, end)
    async with owners.database.read() as tx:
        await _check_unproved(tx, owners, agency)


async def _check_unproved(tx: Transaction, owners: Owners, agency: str) -> None:
    limit = owners.limits.unproved
    if await locations.count_first_used(tx, agency, limit) >= limit:
        raise _exceeded("unprovedLocations", agency, limit)


def _exceeded(quota: str, agency: str, limit: int, retry_at: datetime | None = None) -> QuotaExceeded:
    return QuotaExceeded(quota, subject=f"agencies/{agency}", limit=limit, retry_at=retry_at)


async def _owns(owners: Owners, caller: Caller, location: str) -> bool:
    """Return whether the caller's agency owns the location; anything but yes is read from the database."""
    if owners.cached is not None and owners.cached.get(location) == caller.agency:
        return True

    async def read() -> str | None:
        async with owners.database.read() as tx:
            owner: str | None = await locations.owner(tx, location)
        # Only the caller's own is cached: what others try out must not evict it.
        return owner if owner == caller.agency else None

    owner = await (read() if owners.cached is None else owners.cached.load(location, read))
    return owner is not None
