"""Deleting a location with everything in it, and an agency with everything of it.

Owns the order: nobody gets in any more, grants are given back, rows and bytes go, what was under way meanwhile is
looked for once more, and at last the name is free. Does not know how a job is carried on (`jobs.py`).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from gateway.aip import names
from gateway.audit import acts
from gateway.caller import Caller
from gateway.domain.admin import agencies, confirmation
from gateway.domain.admin import locations as admin_locations
from gateway.domain.admin.agencies import AgencyView
from gateway.domain.admin.ground import Ground
from gateway.domain.admin.locations import LocationView
from gateway.domain.ads import audience_members
from gateway.domain.api_keys import KeyStore
from gateway.domain.connections import disconnect
from gateway.domain.context import Domain
from gateway.domain.media import upload_sweep
from storage import admin_jobs, connections, erasure, locations
from storage import agencies as rows
from storage.admin_jobs import AdminJobRow
from storage.agencies import AgencyRow
from storage.database import DatabaseUnavailable, Transaction
from storage.states import AdminJobKind, AdminJobState, AgencyState

log = structlog.get_logger(__name__)

SETTLE = timedelta(minutes=2)
"""How long what was under way when a location was emptied may go on: calls and steps of posts end sooner."""

REVOKE_TRIES = 5
"""After how many failures, some five minutes, a grant is deleted although its vendor did not take it back."""

LOOK_AGAIN = timedelta(seconds=2)

Values = Mapping[str, Any]


async def begin_agency(ground: Ground, agency: str, confirmed: str, store: KeyStore | None = None) -> AgencyView:
    """Begin to delete an agency; nothing changes for one that is being deleted already.

    Raises storage's NotFound, ConfirmationRequired.
    """
    now = ground.clock()
    async with ground.db.transaction() as tx:
        await agencies.require(tx, agency)
        row = await rows.lock(tx, agency)
        if row.state != AgencyState.DELETING:
            await _confirm_agency(ground, tx, row, confirmed)
            await rows.set_state(tx, row, AgencyState.DELETING, now)
            total = await locations.count(tx, agency)
            await admin_jobs.begin(tx, _job(AdminJobKind.DELETE_AGENCY, agencies.name_of(agency), ground, total))
            await acts.record(tx, now, resource=agencies.name_of(agency), agency=agency)
            log.warning("agency.deletion_begun", agency=agency, locations=total)
    agencies.forget(store, agency)
    return await agencies.get(ground, agency)


async def _confirm_agency(ground: Ground, tx: Transaction, row: AgencyRow, confirmed: str) -> None:
    (found,) = await rows.look(tx, [row.agency])
    told = {"locations": found.locations, "apiKeys": found.keys, "uploadBytes": row.upload_bytes}
    identity = [row.create_time and row.create_time.isoformat()]
    confirmation.check(ground, "delete", agencies.name_of(row.agency), identity, told, confirmed)


def _job(kind: AdminJobKind, resource: str, ground: Ground, total: int) -> AdminJobRow:
    now = ground.clock()
    return AdminJobRow(resource=resource, kind=kind, total=total, due_at=now, create_time=now, update_time=now)


async def begin_location(ground: Ground, caller: Caller, location: str, confirmed: str) -> LocationView:
    """Begin to delete a location; nothing changes for one that is being deleted already.

    Raises LocationForbidden, storage's NotFound, ConfirmationRequired.
    """
    async with ground.db.transaction() as tx:
        row = await admin_locations.require(tx, caller, location, lock=True)
        if row.delete_time is None:
            await admin_locations.confirm(tx, ground, "delete", row, confirmed)
            await locations.begin_deletion(tx, row, ground.clock())
            await admin_jobs.begin(tx, _location_job(ground, location))
            name = admin_locations.name_of(location)
            await acts.record(tx, ground.clock(), resource=name, agency=row.agency)
            log.warning("location.deletion_begun", location=location, agency=row.agency, by=caller.key_id)
    return await admin_locations.get(ground, caller, location)


async def agency_step(domain: Domain, job: AdminJobRow) -> Values | None:
    """Have the agency's locations deleted, and then its own rows."""
    (agency,) = names.AGENCY.parse(job.resource)
    now = domain.clock()
    async with domain.db.transaction() as tx:
        await rows.lock(tx, agency)
        begun = await locations.begin_deletions(tx, agency, now)
        await admin_jobs.begin_all(tx, [_location_job(domain, each) for each in begun])
        left = await locations.count(tx, agency)
        total = max(job.total, job.done + left)
        if not left:
            await erasure.agency(tx, agency)
            await admin_jobs.remove(tx, job.resource)
            log.warning("agency.deleted", agency=agency, locations=total)
            return None
    return {"done": total - left, "total": total, "due_at": now + LOOK_AGAIN, "failures": 0, "last_error": ""}


def _location_job(ground: Ground, location: str) -> AdminJobRow:
    return _job(AdminJobKind.DELETE_LOCATION, names.LOCATION.format(location), ground, 1)


async def location_step(domain: Domain, job: AdminJobRow) -> Values | None:
    """Give the location's grants back and empty it; some minutes later empty it once more, and free its name."""
    (location,) = names.LOCATION.parse(job.resource)
    if job.state == AdminJobState.RUNNING:
        await _give_back(domain, location, last=job.failures >= REVOKE_TRIES)
        await _empty(domain, location)
        settled = domain.clock() + SETTLE
        return {"state": AdminJobState.SETTLING, "due_at": settled, "failures": 0, "last_error": ""}
    await _empty(domain, location)
    async with domain.db.transaction() as tx:
        row = await locations.find(tx, location, lock=True)
        await erasure.rest_of_location(tx, location)
        if row is not None:
            await locations.remove(tx, row)
        await admin_jobs.remove(tx, job.resource)
    log.warning("location.deleted", location=location)
    return None


async def _give_back(domain: Domain, location: str, *, last: bool) -> None:
    """Disconnect every connection, which revokes its grant where the vendor can; raise the first error at the end.

    The `last` time what cannot be given back is only logged: nothing may keep a tenant's data here, neither a vendor
    nor an encryption key that is missing.
    """
    async with domain.db.read() as tx:
        found = await connections.with_grant(tx, location)
    failed: Exception | None = None
    for row in found:
        try:
            await disconnect.disconnect(domain, location, row.id, None)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # whatever it is, the other grants are given back
            kind = type(error).__name__
            log.warning("location.grant_remains", location=location, connection=row.id, error=kind, last=last)
            failed = failed or error
    if failed is not None and not last:
        raise failed


async def _empty(domain: Domain, location: str) -> None:
    """Delete the location's rows, and the bytes of its uploads and audiences."""
    async with domain.db.transaction() as tx:
        row = await locations.find(tx, location, lock=True)
        gone = {} if row is None else await erasure.location(tx, location, row.agency)
    for place in (upload_sweep.PLACE, audience_members.PLACE):
        await domain.blobs.remove_all(f"{place}/{location}")
    log.info("location.emptied", location=location, deleted=gone)
