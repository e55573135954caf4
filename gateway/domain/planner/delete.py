"""DeletePostImport: an import is deleted here, and at the vendor unless it was finalized.

Owns when an import may be deleted. Posts that were made of it are not touched.
"""

import structlog

from gateway.domain import idempotency, vendor_errors
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.planner.imports import (
    conflict,
    finalize_in_progress,
    move,
    name_of,
    planner_of,
    public_state,
    stored,
)
from gateway.errors import StateForbids
from providers.errors import Ambiguous, NotFound
from storage import imports
from storage.imports import ImportRow
from storage.states import ImportState

log = structlog.get_logger(__name__)


async def delete(domain: Domain, location: str, id: str, key: RequestKey | None) -> None:
    """Delete an import, at the vendor too unless it is FINALIZED: one vendor call, which may be repeated.

    Raises storage's NotFound, StateForbids, Conflict, ProviderError.
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    row = await stored(domain, location, id)
    busy = row.busy_until is not None and row.busy_until > domain.clock()
    if finalize_in_progress(domain, row) or busy:
        raise StateForbids(public_state(row), "A call that carries it is under way.", resource=name_of(row))
    if row.provider_import_id and row.state not in (ImportState.FINALIZED, ImportState.DELETING):
        async with domain.db.transaction() as tx:
            row = await move(tx, row, domain.clock(), state=ImportState.DELETING, error=None)
    await domain.tokens.guard(_delete(domain, row, key))


async def _delete(domain: Domain, row: ImportRow, key: RequestKey | None) -> None:
    if row.state == ImportState.DELETING:
        planner = planner_of(domain, row)
        try:
            await planner.facet.delete_import(planner.access, row.provider_import_id)
        except NotFound:
            log.info("imports.gone", location=row.location, id=row.id)
        except Ambiguous as error:
            raise vendor_errors.safe_to_repeat(error) from None
    async with domain.db.transaction() as tx:
        await idempotency.claim(tx, key, row.id, domain.clock())
        if not await imports.remove(tx, row):
            raise conflict(row)
