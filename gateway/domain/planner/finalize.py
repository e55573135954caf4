"""FinalizePostImport: the vendor makes posts of an import, once.

Owns that the finalizing call is made at most once, and what a lost answer, or a refusal that proves nothing,
means. Which state follows from the vendor's status is `gateway/domain/planner/read.py`.
"""

from typing import Any

import structlog

from gateway import reasons
from gateway.domain import idempotency
from gateway.domain.concurrency import until_free
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.planner import read
from gateway.domain.planner.imports import move, name_of, outcome_unknown, planner_of, public_state, stored
from gateway.errors import StateForbids
from providers.errors import Ambiguous, ContractBroken, ProviderError
from providers.models.planner import ImportPhase
from storage.imports import ImportRow
from storage.states import ImportState

log = structlog.get_logger(__name__)


async def finalize(domain: Domain, location: str, id: str, key: RequestKey | None) -> ImportRow:
    """Let the vendor make posts of an import, once: two vendor calls. A lost answer is a state, INDETERMINATE.

    Raises storage's NotFound, StateForbids, Conflict, and ProviderError when it certainly did not happen.
    """
    first = await idempotency.earlier(domain.db, key)
    row = await stored(domain, location, id)
    if first is not None:
        return row
    # The stored state may be out of date: only the vendor's current status says that the import waits to be finalized.
    row = await read.refresh(domain, row)
    if row.state != ImportState.READY:
        raise StateForbids(public_state(row), "Only an import that is READY can be finalized.", resource=name_of(row))
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, id, domain.clock())
        if first is None:
            now = domain.clock()
            row = await move(tx, row, now, state=ImportState.FINALIZING, finalize_time=now, error=None)
    if first is not None:
        return await stored(domain, location, id)
    return await domain.tokens.guard(_finalize(domain, row, key))


async def _finalize(domain: Domain, row: ImportRow, key: RequestKey | None) -> ImportRow:
    """Make the finalize call: the row is FINALIZING already."""
    planner = planner_of(domain, row)
    try:
        await planner.facet.finalize_import(planner.access, row.provider_import_id)
    except (Ambiguous, ContractBroken) as error:
        return await _poll(domain, await _mark_unknown(domain, row, error))
    except ProviderError as error:
        if error.unproven:
            row = await _mark_unknown(domain, row, error)
            if not await _still_waits(domain, row):
                return await _poll(domain, row)
        await _store(domain, row, key, state=ImportState.READY, finalize_time=None, error=None)
        raise
    return await _store(domain, row, state=ImportState.FINALIZED)


@until_free
async def _store(domain: Domain, row: ImportRow, released: RequestKey | None = None, **values: Any) -> ImportRow:
    """Store what the vendor's answer means; after a refusal the request `released` may be made again."""
    async with domain.db.transaction() as tx:
        moved = await move(tx, row, domain.clock(), **values)
        await idempotency.release(tx, released)
    return moved


async def _mark_unknown(domain: Domain, row: ImportRow, error: ProviderError) -> ImportRow:
    """Store that the outcome is unknown."""
    log.warning("imports.answer_lost", location=row.location, id=row.id, code=error.code)
    unknown = outcome_unknown(row, **reasons.metadata_of(error))
    return await _store(domain, row, state=ImportState.INDETERMINATE, error=unknown)


async def _still_waits(domain: Domain, row: ImportRow) -> bool:
    """Return whether the vendor says that an import still waits: then what it refused did not happen."""
    planner = planner_of(domain, row)
    try:
        status = await planner.facet.get_import(planner.access, row.provider_import_id, limit=1)
    except ProviderError:
        return False
    return status.phase is ImportPhase.READY


async def _poll(domain: Domain, row: ImportRow) -> ImportRow:
    """Ask the vendor whether it happened, once."""
    try:
        return await read.poll(domain, row)
    except ProviderError:
        return row
