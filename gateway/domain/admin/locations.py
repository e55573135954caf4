"""Locations as administrators see them: reading, moving to another agency, and the beginning of a deletion.

Owns who may look at one, and what must be confirmed. What a claim rests on is `gateway/domain/locations.py`, how one is
deleted `deletion.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.aip import names
from gateway.audit import acts
from gateway.caller import Caller
from gateway.domain import locations
from gateway.domain.admin import agencies, confirmation
from gateway.domain.admin.ground import Ground
from gateway.errors import LocationForbidden, StateForbids
from storage import admin_jobs, location_contents
from storage import agencies as agency_rows
from storage import locations as rows
from storage.admin_jobs import AdminJobRow
from storage.database import Transaction
from storage.errors import NotFound
from storage.locations import LocationRow
from storage.states import AgencyState

KIND = "location"


@dataclass(frozen=True, slots=True)
class LocationView:
    """A location with its connections that have a grant, and its deletion if one is under way."""

    row: LocationRow
    connections: int = 0
    deletion: AdminJobRow | None = None


def name_of(location: str) -> str:
    """Return the resource name of a location."""
    return names.LOCATION.format(location)


async def get(ground: Ground, caller: Caller, location: str) -> LocationView:
    """Return a location; raises what `require` raises."""
    async with ground.db.read() as tx:
        row = await require(tx, caller, location)
        return (await _views(tx, [row]))[0]


async def require(tx: Transaction, caller: Caller, location: str, *, lock: bool = False) -> LocationRow:
    """Return a location's row, `lock`ed if so wanted, also while it is being deleted.

    Raises LocationForbidden for an administrator whose agency does not have it, alike whether anybody has it, and
    storage's NotFound for an operator.
    """
    row = await rows.find(tx, location, lock=lock)
    if caller.operates:
        if row is None:
            raise NotFound(KIND, location)
        return row
    if row is None or row.agency != caller.agency or caller.locations is not None:
        raise LocationForbidden(location)
    return row


async def page(ground: Ground, agency: str, *, after: str, limit: int) -> Sequence[LocationView]:
    """Return locations of an agency, of all with "", in order of their ids."""
    async with ground.db.read() as tx:
        return await _views(tx, await rows.page(tx, agency=agency, after=after, limit=limit))


async def _views(tx: Transaction, found: Sequence[LocationRow]) -> list[LocationView]:
    ids = [row.location for row in found]
    live = await location_contents.live_connections(tx, ids)
    jobs = await admin_jobs.find_many(tx, [name_of(id) for id in ids])
    return [LocationView(row, live.get(row.location, 0), jobs.get(name_of(row.location))) for row in found]


async def move(
    ground: Ground, caller: Caller, location: str, to: str, *, discard: bool, confirmed: str
) -> LocationView:
    """Give a location to another agency, or one that nobody has to its first.

    Raises storage's NotFound for the agency, StateForbids, ConfirmationRequired.
    """
    async with ground.db.transaction() as tx:
        await _check_destination(tx, to)
        row = await rows.find(tx, location, lock=True)
        if row is not None and row.delete_time is not None:
            raise StateForbids(AgencyState.DELETING, "It is being deleted.", resource=name_of(location))
        if row is None or row.agency != to:
            former = "" if row is None else row.agency
            if row is not None:
                await locations.check_idle(tx, location, discard)
                await confirm(tx, ground, "move", row, confirmed, to, str(discard))
            await locations.assign(tx, location, to, ground.clock(), former=former, discard=discard)
            await acts.record(tx, ground.clock(), resource=name_of(location), agency=to)
    return await get(ground, caller, location)


async def _check_destination(tx: Transaction, agency: str) -> None:
    await agencies.require(tx, agency)
    state = await agency_rows.state(tx, agency)
    if state == AgencyState.DELETING:
        raise StateForbids(state, "It is being deleted.", resource=agencies.name_of(agency))


async def confirm(tx: Transaction, ground: Ground, action: str, row: LocationRow, confirmed: str, *facts: str) -> None:
    """Raise ConfirmationRequired unless there is one for this action on this location of this owner."""
    told = await location_contents.summary(tx, row.location)
    identity = [row.agency, row.create_time.isoformat(), *facts]
    confirmation.check(ground, action, name_of(row.location), identity, told, confirmed)
