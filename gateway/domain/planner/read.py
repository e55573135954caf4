"""GetPostImport, ListPostImports and ListPostImportRows.

Owns when the vendor is asked about an import, and which state follows from its answer. Makes no change at the vendor.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.domain import vendor_errors
from gateway.domain.context import Domain
from gateway.domain.planner.imports import finalize_in_progress, outcome_unknown, planner_of, stored
from providers.errors import NotFound
from providers.models.planner import ImportPhase, ImportStatus
from storage import imports
from storage.imports import ImportRow
from storage.states import ImportState

FINALIZE_LOST = timedelta(minutes=10)
"""An import that the vendor still reports as READY this long after a finalizing call was never finalized by it."""

REFRESHED = (ImportState.CHECKING, ImportState.READY, ImportState.FINALIZING, ImportState.INDETERMINATE)
"""The states in which the vendor is asked for the current status."""


async def page(domain: Domain, location: str, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[ImportRow]:
    """List imports as they are stored here."""
    async with domain.db.read() as tx:
        return await imports.page(tx, location, after=after, limit=limit)


async def get(domain: Domain, location: str, id: str) -> ImportRow:
    """Return an import, refreshed from the vendor unless its state is final: one vendor call.

    Raises storage's NotFound, ProviderError.
    """
    return await refresh(domain, await stored(domain, location, id))


async def rows(domain: Domain, location: str, id: str, *, cursor: str, limit: int) -> ImportStatus:
    """Return one page of an import's rows with the vendor's errors: one vendor call.

    Raises storage's NotFound, ProviderError.
    """
    row = await stored(domain, location, id)
    if not row.provider_import_id:
        return ImportStatus("", ImportPhase.CHECKING)
    planner = planner_of(domain, row)
    return await planner.facet.get_import(planner.access, row.provider_import_id, cursor=cursor, limit=limit)


async def refresh(domain: Domain, row: ImportRow) -> ImportRow:
    """Refresh an import from the vendor, unless its state is final or a finalizing call is in progress."""
    return await poll(domain, row) if row.state in REFRESHED and not finalize_in_progress(domain, row) else row


async def poll(domain: Domain, row: ImportRow) -> ImportRow:
    """Ask the vendor for an import's status, and move the import accordingly."""
    planner = planner_of(domain, row)
    try:
        status = await planner.facet.get_import(planner.access, row.provider_import_id, limit=1)
    except NotFound:
        status = ImportStatus(row.provider_import_id, ImportPhase.GONE)
    values = _values(row, status, domain.clock())
    if all(getattr(row, name) == value for name, value in values.items()):
        return row
    async with domain.db.transaction() as tx:
        moved = await imports.move(tx, row, domain.clock(), **values)
    return moved or await stored(domain, row.location, row.id)


def _values(row: ImportRow, status: ImportStatus, now: datetime) -> dict[str, Any]:
    """Return the columns as they are after the vendor's answer."""
    values: dict[str, Any] = {"told": status.vendor_phase or row.told, "row_count": status.row_count or row.row_count}
    state, error = _state(row, status.phase, now), row.error
    if state == ImportState.FAILED and row.state != ImportState.FAILED:
        gone = status.phase is ImportPhase.GONE
        message = "The vendor no longer has it." if gone else "The vendor could not import it."
        reason = "RESOURCE_NOT_FOUND" if gone else "CONTENT_REJECTED"
        error = vendor_errors.stored_error(reason, message, provider=row.provider, providerCode=status.vendor_phase)
    elif state not in (ImportState.INDETERMINATE, ImportState.FAILED):
        error = None
    elif state == ImportState.INDETERMINATE and error is None:
        error = outcome_unknown(row)
    return {**values, "state": state, "error": error}


def _state(row: ImportRow, phase: ImportPhase, now: datetime) -> ImportState:
    """Return the state that the vendor's phase leads to.

    After a finalizing call whose answer was lost, any phase but READY proves that the call arrived: until then the
    import was waiting for it.
    """
    finalize_sent = row.state in (ImportState.FINALIZING, ImportState.INDETERMINATE)
    if phase is ImportPhase.READY:
        if not finalize_sent:
            return ImportState.READY
        lost = row.finalize_time is not None and now >= row.finalize_time + FINALIZE_LOST
        return ImportState.READY if lost else ImportState.INDETERMINATE
    if phase is ImportPhase.GONE:
        return ImportState.INDETERMINATE if finalize_sent else ImportState.FAILED
    if phase is ImportPhase.CHECKING:
        return ImportState.FINALIZED if finalize_sent else ImportState.CHECKING
    return ImportState.FAILED if phase is ImportPhase.FAILED else ImportState.FINALIZED
