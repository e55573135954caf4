"""How a file of posts gets to a vendor's planner: uploaded, then assigned to accounts; each call is committed first.

Owns the steps, and what follows when one of them fails. None of them makes a post: after a lost answer the import is
looked up by the file's name, which only one attempt uses, and only then started again.
"""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import structlog

from gateway.domain import vendor_errors
from gateway.domain.concurrency import until_free
from gateway.domain.context import Domain
from gateway.domain.media import uploads
from gateway.domain.planner import imports
from gateway.domain.planner.imports import CREATING, conflict, planner_of
from gateway.domain.planner.labels import ConnectedPlanner
from providers.errors import (
    Ambiguous,
    CapabilityMissing,
    ContractBroken,
    GrantRevoked,
    ProviderError,
    Rejected,
    ScopeNotGranted,
    TokenRefused,
    Unavailable,
)
from providers.models.planner import Sheet
from storage import accounts
from storage import imports as import_rows
from storage.imports import ImportRow
from storage.states import ImportState

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=10)
"""How long one caller may work on a file before another one may resume."""

VISIBLE_AFTER = timedelta(minutes=1)
"""How long a vendor may take to list an import that a call with a lost answer started."""

_NOT_ABOUT_THE_FILE = (GrantRevoked, ScopeNotGranted, TokenRefused, CapabilityMissing)
"""Refusals that say nothing about the file."""


def file_name(id: str, attempt: int) -> str:
    """Return the name of the file of one attempt; no other attempt of any import uses it."""
    return f"{id}-{attempt}.csv"


async def resume(domain: Domain, row: ImportRow) -> ImportRow:
    """Resume an import that an earlier call started; raises Conflict while that call runs."""
    now = domain.clock()
    leased = None
    if row.busy_until is None or row.busy_until <= now:
        async with domain.db.transaction() as tx:
            leased = await import_rows.move(tx, row, now, busy_until=now + LEASE)
    if leased is None:
        raise conflict(row, "It is being sent in this moment.")
    return await domain.tokens.guard(run(domain, leased))


async def run(domain: Domain, row: ImportRow) -> ImportRow:
    """Take an import whose lease this caller holds to CHECKING, or FAILED.

    Raises whatever may pass or can be corrected, after releasing the lease: the next call resumes.
    """
    lease = row.busy_until
    try:
        while row.state in CREATING:
            row = await _step(domain, row)
    except Exception:
        async with domain.db.transaction() as tx:
            current = await import_rows.get(tx, row.location, row.id)
            # Another caller may hold the lease by now.
            if current.busy_until == lease:
                await import_rows.move(tx, current, domain.clock(), busy_until=None)
        raise
    return row


async def _step(domain: Domain, row: ImportRow) -> ImportRow:
    planner = planner_of(domain, row)
    if row.state == ImportState.SENDING:
        return await _send_file(domain, planner, row)
    if row.state == ImportState.SENT:
        return await _assign(domain, planner, row)
    return await _find(domain, planner, row)


async def _send_file(domain: Domain, planner: ConnectedPlanner, row: ImportRow) -> ImportRow:
    """Upload the file. After a lost answer it is uploaded again under another name; the first copy is never used."""
    try:
        sheet = await planner.facet.send_sheet(
            planner.access,
            name=row.file_name,
            size=row.size_bytes,
            body=lambda: uploads.read(domain, row.location, row.upload, 0, row.size_bytes),
        )
    except (Ambiguous, ContractBroken) as error:
        await _restart(domain, row)
        raise vendor_errors.safe_to_repeat(error) from None
    except Rejected as error:
        return await _fail(domain, row, error)
    return await _move(domain, row, state=ImportState.SENT, sheet=asdict(sheet))


async def _assign(domain: Domain, planner: ConnectedPlanner, row: ImportRow) -> ImportRow:
    """Assign the file to its accounts, which starts the vendor's import."""
    async with domain.db.read() as tx:
        found = [await accounts.get(tx, row.location, account) for account in row.accounts]
    row = await _move(domain, row, state=ImportState.ASSIGNING, assign_time=domain.clock())
    ids = [each.provider_account_id for each in found]
    try:
        provider_id = await planner.facet.assign_sheet(planner.access, Sheet(**row.sheet), ids)
    except (Ambiguous, ContractBroken) as error:
        log.warning("imports.answer_lost", location=row.location, id=row.id, code=error.code)
        return await _find(domain, planner, row)
    except Rejected as error:
        # The vendor still has the file, but a repeated assignment would be refused for the same reason.
        return await _fail(domain, row, error)
    except ProviderError:
        await _move(domain, row, state=ImportState.SENT)
        raise
    return await _started(domain, row, provider_id) if provider_id else await _find(domain, planner, row)


async def _find(domain: Domain, planner: ConnectedPlanner, row: ImportRow) -> ImportRow:
    """Look up the import that was started by a call whose answer did not name it, or was lost."""
    found = await planner.facet.find_import(planner.access, Sheet(**row.sheet))
    if found:
        return await _started(domain, row, found)
    if row.assign_time is None or domain.clock() < row.assign_time + VISIBLE_AFTER:
        raise Unavailable("The vendor does not show the import yet.", provider=row.provider)
    return await _restart(domain, row)


async def _started(domain: Domain, row: ImportRow, provider_id: str) -> ImportRow:
    """Store the vendor's id of the import, which the vendor is checking now."""
    return await _move(
        domain,
        row,
        state=ImportState.CHECKING,
        provider_import_id=provider_id,
        row_count=int(row.sheet["rows"]),
        busy_until=None,
        error=None,
    )


async def _restart(domain: Domain, row: ImportRow) -> ImportRow:
    """Restart with the file under another name."""
    attempt = row.attempt + 1
    return await _move(
        domain, row, state=ImportState.SENDING, attempt=attempt, file_name=file_name(row.id, attempt), sheet={}
    )


async def _fail(domain: Domain, row: ImportRow, error: Rejected) -> ImportRow:
    """Store the vendor's refusal of the file; one that is about something else is raised."""
    if isinstance(error, _NOT_ABOUT_THE_FILE):
        raise error
    return await _move(domain, row, state=ImportState.FAILED, error=vendor_errors.as_stored(error), busy_until=None)


@until_free
async def _move(domain: Domain, row: ImportRow, **values: Any) -> ImportRow:
    """Move an import in a transaction of its own; raises Conflict if this caller no longer holds the lease."""
    async with domain.db.transaction() as tx:
        return await imports.move(tx, row, domain.clock(), **values)
