"""How a file of posts gets to a vendor's planner: sent, then given its accounts, each step committed before its call.

Owns the steps and what follows when one of them ends badly. None of them makes a post: what is in doubt is looked for
by the file's name, which is one attempt's alone, and only then begun anew.
"""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import structlog

from gateway.aip import names
from gateway.domain import vendor_errors
from gateway.domain.context import Domain
from gateway.domain.media import uploads
from gateway.domain.planner import labels
from gateway.domain.planner.labels import Reached
from gateway.errors import Conflict
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
from storage import accounts, imports
from storage.imports import ImportRow
from storage.states import ImportState

log = structlog.get_logger(__name__)

UNDER_WAY = (ImportState.SENDING, ImportState.SENT, ImportState.ASSIGNING)
LEASE = timedelta(minutes=10)
"""How long one caller may carry a file before another may go on."""

SETTLED = timedelta(minutes=1)
"""How long a vendor may take to show an import that a lost call began."""

_SOMEBODY_ELSE = (GrantRevoked, ScopeNotGranted, TokenRefused, CapabilityMissing)
"""Refusals that say nothing about the file."""


def shown(state: str) -> str:
    """Return a state as callers see it."""
    return "CREATING" if state in UNDER_WAY else state


def file_name(id: str, attempt: int) -> str:
    """Name the file of one attempt: no other file of any import is called so."""
    return f"{id}-{attempt}.csv"


async def go_on(domain: Domain, row: ImportRow) -> ImportRow:
    """Carry on an import that an earlier call began; raises Conflict while that call runs."""
    now = domain.clock()
    taken = None
    if row.busy_until is None or row.busy_until <= now:
        async with domain.db.transaction() as tx:
            taken = await imports.move(tx, row, now, busy_until=now + LEASE)
    if taken is None:
        name = names.POST_IMPORT.format(row.location, row.id)
        raise Conflict("It is being sent in this moment.", metadata={"resource": name}, resource=name)
    return await domain.tokens.guard(send(domain, taken))


async def send(domain: Domain, row: ImportRow) -> ImportRow:
    """Take an import whose lease is ours to CHECKING, or FAILED.

    Raises whatever may pass or be put right, after giving the lease back: the next call goes on.
    """
    lease = row.busy_until
    try:
        while row.state in UNDER_WAY:
            row = await _step(domain, row)
    except Exception:
        async with domain.db.transaction() as tx:
            now = await imports.get(tx, row.location, row.id)
            # When somebody else has it meanwhile, it is theirs.
            if now.busy_until == lease:
                await imports.move(tx, now, domain.clock(), busy_until=None)
        raise
    return row


async def _step(domain: Domain, row: ImportRow) -> ImportRow:
    reached = labels.reached(domain, row.provider, row.location, row.connection)
    if row.state == ImportState.SENDING:
        return await _upload(domain, reached, row)
    return await _assign(domain, reached, row) if row.state == ImportState.SENT else await _find(domain, reached, row)


async def _upload(domain: Domain, reached: Reached, row: ImportRow) -> ImportRow:
    """Send the file. A second file would only lie there, but under a name of its own."""
    try:
        sheet = await reached.facet.send_sheet(
            reached.access,
            name=row.file_name,
            size=row.size_bytes,
            body=lambda: uploads.read(domain, row.location, row.upload, 0, row.size_bytes),
        )
    except (Ambiguous, ContractBroken) as error:
        await _anew(domain, row)
        raise vendor_errors.safe_to_repeat(error) from None
    except Rejected as error:
        return await _failed(domain, row, error)
    return await _move(domain, row, state=ImportState.SENT, sheet=asdict(sheet))


async def _assign(domain: Domain, reached: Reached, row: ImportRow) -> ImportRow:
    """Tell for which accounts the file is, which begins the vendor's import."""
    async with domain.db.read() as tx:
        found = [await accounts.get(tx, row.location, account) for account in row.accounts]
    row = await _move(domain, row, state=ImportState.ASSIGNING, assign_time=domain.clock())
    ids = [each.provider_account_id for each in found]
    try:
        told = await reached.facet.assign_sheet(reached.access, Sheet(**row.sheet), ids)
    except (Ambiguous, ContractBroken) as error:
        log.warning("imports.answer_lost", location=row.location, id=row.id, code=error.code)
        return await _find(domain, reached, row)
    except Rejected as error:
        # The file lies there still, but whoever asks again begins with the same words.
        return await _failed(domain, row, error)
    except ProviderError:
        await _move(domain, row, state=ImportState.SENT)
        raise
    return await _begun(domain, row, told) if told else await _find(domain, reached, row)


async def _find(domain: Domain, reached: Reached, row: ImportRow) -> ImportRow:
    """Find the import that a call began whose answer does not name it, or was lost."""
    found = await reached.facet.find_import(reached.access, Sheet(**row.sheet))
    if found:
        return await _begun(domain, row, found)
    if row.assign_time is None or domain.clock() < row.assign_time + SETTLED:
        raise Unavailable("The vendor does not show the import yet.", provider=row.provider)
    return await _anew(domain, row)


async def _begun(domain: Domain, row: ImportRow, provider_id: str) -> ImportRow:
    rows = int(row.sheet["rows"])
    return await _move(
        domain,
        row,
        state=ImportState.CHECKING,
        provider_import_id=provider_id,
        row_count=rows,
        busy_until=None,
        error=None,
    )


async def _anew(domain: Domain, row: ImportRow) -> ImportRow:
    """Begin again with the file, under another name."""
    attempt = row.attempt + 1
    return await _move(
        domain, row, state=ImportState.SENDING, attempt=attempt, file_name=file_name(row.id, attempt), sheet={}
    )


async def _failed(domain: Domain, row: ImportRow, error: Rejected) -> ImportRow:
    """Keep the vendor's refusal of the file; one that is about something else is raised."""
    if isinstance(error, _SOMEBODY_ELSE):
        raise error
    return await _move(domain, row, state=ImportState.FAILED, error=vendor_errors.as_stored(error), busy_until=None)


async def _move(domain: Domain, row: ImportRow, **values: Any) -> ImportRow:
    """Move an import on; raises Conflict when it is no longer ours."""
    async with domain.db.transaction() as tx:
        moved = await imports.move(tx, row, domain.clock(), **values)
    if moved is None:
        name = names.POST_IMPORT.format(row.location, row.id)
        raise Conflict(metadata={"resource": name}, resource=name)
    return moved
