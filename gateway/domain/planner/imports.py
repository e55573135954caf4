"""The row of an import: its name, its state as callers see it, and the compare-and-swap that moves it.

Owns what every step of an import shares. When an import is moved, and where to, is decided in `create.py`,
`import_upload.py`, `read.py`, `finalize.py` and `delete.py`.
"""

from datetime import datetime, timedelta
from typing import Any

from gateway.aip import names
from gateway.domain import vendor_errors
from gateway.domain.context import Domain
from gateway.domain.planner import labels
from gateway.domain.planner.labels import ConnectedPlanner
from gateway.errors import Conflict
from storage import imports
from storage.database import Transaction
from storage.imports import ImportRow
from storage.states import ImportState

CREATING = (ImportState.SENDING, ImportState.SENT, ImportState.ASSIGNING)
"""The states that callers see as one: the file is on its way to the vendor."""

CALL_SPAN = timedelta(minutes=5)
"""Longer than the finalizing call can take: after that, whoever made it no longer waits for the answer."""


def name_of(row: ImportRow) -> str:
    """Return the import's resource name."""
    return names.POST_IMPORT.format(row.location, row.id)


def public_state(row: ImportRow) -> str:
    """Return the import's state as callers see it."""
    return "CREATING" if row.state in CREATING else row.state


def planner_of(domain: Domain, row: ImportRow) -> ConnectedPlanner:
    """Return the planner that the import belongs to."""
    return labels.planner_of(domain, row.provider, row.location, row.connection)


def finalize_in_progress(domain: Domain, row: ImportRow) -> bool:
    """Return whether the finalizing call may still be waiting for its answer."""
    sent = row.finalize_time
    return row.state == ImportState.FINALIZING and sent is not None and domain.clock() < sent + CALL_SPAN


async def stored(domain: Domain, location: str, id: str) -> ImportRow:
    """Return an import as it is stored here; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await imports.get(tx, location, id)


async def move(tx: Transaction, row: ImportRow, now: datetime, **values: Any) -> ImportRow:
    """Set columns of an import; raises Conflict if it was moved since `row` was read."""
    moved = await imports.move(tx, row, now, **values)
    if moved is None:
        raise conflict(row)
    return moved


def conflict(row: ImportRow, detail: str = "") -> Conflict:
    """Return the error for an import that another call changes."""
    return Conflict(detail, metadata={"resource": name_of(row)}, resource=name_of(row))


def outcome_unknown(row: ImportRow, **metadata: str) -> dict[str, Any]:
    """Return the error stored with an import whose finalizing call may have made posts; `metadata` is the vendor's."""
    message = "The vendor may have made posts of it, and does not say."
    return vendor_errors.stored_error("OUTCOME_UNKNOWN", message, **{"provider": row.provider, **metadata})
