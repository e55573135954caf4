"""Agencies: creating, reading, suspending and resuming them.

Owns what an agency is: what an operator created, and what a key or a location names. Does not delete (`deletion.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from gateway.aip import names
from gateway.audit import acts
from gateway.domain import idempotency
from gateway.domain.admin.ground import Ground
from gateway.domain.api_keys import KeyStore
from gateway.domain.idempotency import RequestKey
from gateway.domain.publishing import queue
from gateway.errors import AgencySuspended, FieldInvalid, ResourceExists, StateForbids
from storage import admin_jobs, agencies, posts
from storage.admin_jobs import AdminJobRow
from storage.agencies import AgencyRow, Found
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import AgencyState

log = structlog.get_logger(__name__)

MAX_DISPLAY_NAME = 256
KIND = "agency"


@dataclass(frozen=True, slots=True)
class AgencyView:
    """An agency as operators see it, with its deletion if one is under way."""

    found: Found
    deletion: AdminJobRow | None = None


def name_of(agency: str) -> str:
    """Return the resource name of an agency."""
    return names.AGENCY.format(agency)


async def create(ground: Ground, agency: str, display_name: str, key: RequestKey | None) -> AgencyView:
    """Create an agency; with a `request_id` that was used before, return the first call's agency as it is now.

    Raises FieldInvalid, ResourceExists.
    """
    check_display_name(display_name, path="agency.display_name")
    async with ground.db.transaction() as tx:
        if await idempotency.claim(tx, key, agency, ground.clock()) is None:
            if await agencies.exists(tx, agency):
                raise ResourceExists(name_of(agency))
            row = AgencyRow(agency=agency, display_name=display_name, create_time=ground.clock())
            await agencies.insert(tx, row)
            log.info("agency.created", agency=agency)
    return await get(ground, agency)


def check_display_name(value: str, *, path: str) -> None:
    """Raise FieldInvalid for a display name that is too long, or has control characters."""
    if len(value) > MAX_DISPLAY_NAME or not value.isprintable():
        raise FieldInvalid(path, f"must have at most {MAX_DISPLAY_NAME} characters, all of them printable")


async def get(ground: Ground, agency: str) -> AgencyView:
    """Return an agency; raises storage's NotFound."""
    async with ground.db.read() as tx:
        await require(tx, agency)
        return (await _views(tx, await agencies.look(tx, [agency])))[0]


async def require(tx: Transaction, agency: str) -> None:
    """Raise storage's NotFound unless the agency exists."""
    if not await agencies.exists(tx, agency):
        raise NotFound(KIND, agency)


async def page(ground: Ground, *, after: str, limit: int) -> Sequence[AgencyView]:
    """Return agencies in order of their ids."""
    async with ground.db.read() as tx:
        return await _views(tx, await agencies.page(tx, after=after, limit=limit))


async def _views(tx: Transaction, found: Sequence[Found]) -> list[AgencyView]:
    jobs = await admin_jobs.find_many(tx, [name_of(each.agency) for each in found])
    return [AgencyView(each, jobs.get(name_of(each.agency))) for each in found]


async def suspend(ground: Ground, agency: str, store: KeyStore | None = None) -> AgencyView:
    """Refuse the agency's keys and let its due posts wait, until it is resumed.

    Raises storage's NotFound, StateForbids.
    """
    async with ground.db.transaction() as tx:
        row = await lock_usable(tx, agency)
        if row.state != AgencyState.SUSPENDED:
            await agencies.set_state(tx, row, AgencyState.SUSPENDED, ground.clock())
            await acts.record(tx, ground.clock(), resource=name_of(agency), agency=agency)
            log.warning("agency.suspended", agency=agency)
    forget(store, agency)
    return await get(ground, agency)


async def resume(ground: Ground, agency: str, store: KeyStore | None = None) -> AgencyView:
    """Accept the agency's keys again, and let the posts that waited go on; raises storage's NotFound, StateForbids."""
    async with ground.db.transaction() as tx:
        row = await lock_usable(tx, agency)
        if row.state != AgencyState.ACTIVE:
            await agencies.set_state(tx, row, AgencyState.ACTIVE, ground.clock())
            await posts.wake_agency(tx, agency, AgencySuspended.reason, ground.clock())
            await queue.announce(tx)
            await acts.record(tx, ground.clock(), resource=name_of(agency), agency=agency)
            log.warning("agency.resumed", agency=agency)
    forget(store, agency)
    return await get(ground, agency)


def forget(store: KeyStore | None, agency: str) -> None:
    """Drop an agency's state from this process's cache at once; other replicas hear of a change with its commit."""
    if store is not None:
        store.agencies.invalidate(agency)


async def lock_usable(tx: Transaction, agency: str) -> AgencyRow:
    """Return an agency's row, locked; raises storage's NotFound, StateForbids while it is being deleted."""
    await require(tx, agency)
    row = await agencies.lock(tx, agency)
    if row.state == AgencyState.DELETING:
        raise StateForbids(row.state, "It is being deleted.", resource=name_of(agency))
    return row
