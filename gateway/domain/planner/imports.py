"""Files of posts for a vendor's planner: given, looked at, finalized once, taken away.

Owns what may be done with an import and when. How a file gets to the vendor is
`gateway/domain/planner/import_upload.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway import reasons
from gateway.aip import names
from gateway.domain import idempotency, vendor_errors
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.media.uploads import SHEET_TYPE
from gateway.domain.planner import import_upload, labels
from gateway.domain.planner.labels import Reached
from gateway.errors import Conflict, FieldInvalid, MediaInvalid, ReauthorizationRequired, StateForbids, UploadExpired
from providers.errors import Ambiguous, ContractBroken, NotFound, ProviderError
from providers.models.planner import ImportPhase, ImportStatus
from storage import accounts, imports, uploads
from storage.accounts import AccountRow
from storage.database import Transaction
from storage.imports import ImportRow
from storage.states import AccountState, ImportState, UploadState
from storage.uploads import UploadRow

log = structlog.get_logger(__name__)

MAX_BYTES = 5_000_000
MAX_ACCOUNTS = 50
CALL_SPAN = timedelta(minutes=5)
"""Longer than the call that finalizes can take: who made it no longer waits for its answer."""

NEVER_ARRIVED = timedelta(minutes=10)
"""How long after a lost call a vendor that still waits for it proves that it never came."""

ASKED = (ImportState.CHECKING, ImportState.READY, ImportState.FINALIZING, ImportState.INDETERMINATE)
"""The states in which the vendor is asked how it stands."""


@dataclass(frozen=True, slots=True)
class NewImport:
    """What a caller asks for."""

    location: str
    upload: str
    accounts: Sequence[str]


async def create(domain: Domain, new: NewImport, key: RequestKey | None) -> ImportRow:
    """Return a file to the planner: two or three vendor calls. No post comes of it yet.

    With a `request_id` that was used before, that import is given as it is, or goes on where it stood. Raises storage's
    NotFound (upload, account), FieldInvalid, StateForbids, UploadExpired, MediaInvalid, ReauthorizationRequired,
    Conflict, and ProviderError where the same call may be made again.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is None:
        async with domain.db.transaction() as tx:
            row = await _checked(domain, tx, new)
            first = await idempotency.claim(tx, key, row.id, row.create_time)
            if first is None:
                await imports.insert(tx, row)
        if first is None:
            return await domain.tokens.guard(import_upload.send(domain, row))
    row = await known(domain, new.location, first)
    return await import_upload.go_on(domain, row) if row.state in import_upload.UNDER_WAY else row


async def _checked(domain: Domain, tx: Transaction, new: NewImport) -> ImportRow:
    """Check the accounts and the upload, and give the row of the import."""
    rows = await _accounts(tx, new)
    upload = await uploads.get(tx, new.location, new.upload)
    _check_upload(upload)
    now, id = domain.clock(), domain.new_id()
    return ImportRow(
        location=new.location,
        id=id,
        connection=rows[0].connection,
        provider=rows[0].provider,
        accounts=list(new.accounts),
        upload=new.upload,
        size_bytes=upload.committed_size,
        file_name=import_upload.file_name(id, 1),
        busy_until=now + import_upload.LEASE,
        create_time=now,
        update_time=now,
    )


async def _accounts(tx: Transaction, new: NewImport) -> list[AccountRow]:
    if not 1 <= len(new.accounts) <= MAX_ACCOUNTS or len(set(new.accounts)) < len(new.accounts):
        raise FieldInvalid("post_import.accounts", f"needs 1 to {MAX_ACCOUNTS} accounts, each once")
    rows = [await accounts.get(tx, new.location, account) for account in new.accounts]
    for row in rows:
        if row.state == AccountState.DETACHED:
            name = names.CONNECTION.format(row.location, row.connection)
            raise ReauthorizationRequired(metadata={"connection": name}, resource=name)
    if len({row.connection for row in rows}) > 1:
        raise FieldInvalid("post_import.accounts", "must all be of one connection")
    return rows


def _check_upload(upload: UploadRow) -> None:
    name = names.UPLOAD.format(upload.location, upload.id)
    if upload.state == UploadState.EXPIRED:
        raise UploadExpired(resource=name)
    if upload.state != UploadState.COMPLETE:
        raise StateForbids(upload.state, "The upload is not complete.", resource=name)
    if upload.mime_type != SHEET_TYPE:
        raise _unfit("mimeType", upload.mime_type, SHEET_TYPE, name)
    if not 0 < upload.committed_size <= MAX_BYTES:
        raise _unfit("sizeBytes", str(upload.committed_size), f"1 to {MAX_BYTES}", name)


def _unfit(rule: str, value: str, allowed: str, name: str) -> MediaInvalid:
    metadata = {"rule": rule, "value": value, "allowed": allowed}
    return MediaInvalid(f"{rule} is {value}, allowed: {allowed}.", metadata=metadata, resource=name)


async def known(domain: Domain, location: str, id: str) -> ImportRow:
    """Return an import as it is known here; raises storage's NotFound."""
    async with domain.db.read() as tx:
        return await imports.get(tx, location, id)


async def page(domain: Domain, location: str, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[ImportRow]:
    """List imports as they are known here."""
    async with domain.db.read() as tx:
        return await imports.page(tx, location, after=after, limit=limit)


async def get(domain: Domain, location: str, id: str) -> ImportRow:
    """Return an import, after asking the vendor where it is not final: one vendor call.

    Raises storage's NotFound, ProviderError.
    """
    row = await known(domain, location, id)
    return await look(domain, row) if row.state in ASKED and not _under_way(domain, row) else row


def _under_way(domain: Domain, row: ImportRow) -> bool:
    """Return whether the call that finalizes may still be waiting for its answer."""
    sent = row.finalize_time
    return row.state == ImportState.FINALIZING and sent is not None and domain.clock() < sent + CALL_SPAN


async def look(domain: Domain, row: ImportRow) -> ImportRow:
    """Ask the vendor how an import stands, and move it by what that proves."""
    reached = _planner_of(domain, row)
    try:
        status = await reached.facet.get_import(reached.access, row.provider_import_id, limit=1)
    except NotFound:
        status = ImportStatus(row.provider_import_id, ImportPhase.GONE)
    values = _learned(row, status, domain.clock())
    if all(getattr(row, name) == value for name, value in values.items()):
        return row
    async with domain.db.transaction() as tx:
        moved = await imports.move(tx, row, domain.clock(), **values)
    return moved or await known(domain, row.location, row.id)


def _learned(row: ImportRow, status: ImportStatus, now: datetime) -> dict[str, Any]:
    """Return the columns that the vendor's word changes."""
    values: dict[str, Any] = {"told": status.vendor_phase or row.told, "row_count": status.row_count or row.row_count}
    state, error = _state(row, status.phase, now), row.error
    if state == ImportState.FAILED and row.state != ImportState.FAILED:
        gone = status.phase is ImportPhase.GONE
        said = "The vendor no longer has it." if gone else "The vendor could not import it."
        reason = "RESOURCE_NOT_FOUND" if gone else "CONTENT_REJECTED"
        error = vendor_errors.stored_error(reason, said, provider=row.provider, providerCode=status.vendor_phase)
    elif state not in (ImportState.INDETERMINATE, ImportState.FAILED):
        error = None
    elif state == ImportState.INDETERMINATE and error is None:
        error = _unknown(row)
    return {**values, "state": state, "error": error}


def _state(row: ImportRow, phase: ImportPhase, now: datetime) -> ImportState:
    """Return the state that the vendor's phase leads to.

    After a call whose answer is lost any phase but READY shows that it came: the import had waited for it.
    """
    told_once = row.state in (ImportState.FINALIZING, ImportState.INDETERMINATE)
    if phase is ImportPhase.READY:
        if not told_once:
            return ImportState.READY
        late = row.finalize_time is not None and now >= row.finalize_time + NEVER_ARRIVED
        return ImportState.READY if late else ImportState.INDETERMINATE
    if phase is ImportPhase.GONE:
        return ImportState.INDETERMINATE if told_once else ImportState.FAILED
    if phase is ImportPhase.CHECKING:
        return ImportState.FINALIZED if told_once else ImportState.CHECKING
    return ImportState.FAILED if phase is ImportPhase.FAILED else ImportState.FINALIZED


async def rows(domain: Domain, location: str, id: str, *, cursor: str, limit: int) -> ImportStatus:
    """Return one page of an import's rows, and what the vendor has against them: one vendor call.

    Raises storage's NotFound, ProviderError.
    """
    row = await known(domain, location, id)
    if not row.provider_import_id:
        return ImportStatus("", ImportPhase.CHECKING)
    reached = _planner_of(domain, row)
    return await reached.facet.get_import(reached.access, row.provider_import_id, cursor=cursor, limit=limit)


async def finalize(domain: Domain, location: str, id: str, key: RequestKey | None) -> ImportRow:
    """Have posts made of an import, once: two vendor calls. A lost answer is a state, INDETERMINATE.

    Raises storage's NotFound, StateForbids, Conflict, and ProviderError when it certainly did not happen.
    """
    first = await idempotency.earlier(domain.db, key)
    row = await known(domain, location, id)
    if first is not None:
        return row
    if row.state in ASKED and not _under_way(domain, row):
        # What is kept here may be old: only the vendor's word of this moment says that it waits to be told.
        row = await look(domain, row)
    if row.state != ImportState.READY:
        raise StateForbids(_shown(row), "Only an import that is READY can be finalized.", resource=name_of(row))
    async with domain.db.transaction() as tx:
        first = await idempotency.claim(tx, key, id, domain.clock())
        if first is None:
            row = await _moved(
                tx, row, domain.clock(), state=ImportState.FINALIZING, finalize_time=domain.clock(), error=None
            )
    if first is not None:
        return await known(domain, location, id)
    return await domain.tokens.guard(_finalize(domain, row, key))


async def _finalize(domain: Domain, row: ImportRow, key: RequestKey | None) -> ImportRow:
    """Make the one call, which the row already announces."""
    reached = _planner_of(domain, row)
    try:
        await reached.facet.finalize_import(reached.access, row.provider_import_id)
    except (Ambiguous, ContractBroken) as error:
        return await _doubt(domain, row, error)
    except ProviderError:
        async with domain.db.transaction() as tx:
            await _moved(tx, row, domain.clock(), state=ImportState.READY, finalize_time=None)
            await idempotency.release(tx, key)
        raise
    async with domain.db.transaction() as tx:
        return await _moved(tx, row, domain.clock(), state=ImportState.FINALIZED)


async def _doubt(domain: Domain, row: ImportRow, error: ProviderError) -> ImportRow:
    """The answer was lost: keep that, then ask whether it happened."""
    log.warning("imports.answer_lost", location=row.location, id=row.id, code=error.code)
    async with domain.db.transaction() as tx:
        kept = _unknown(row, reasons.metadata_of(error))
        row = await _moved(tx, row, domain.clock(), state=ImportState.INDETERMINATE, error=kept)
    try:
        return await look(domain, row)
    except ProviderError:
        return row


async def delete(domain: Domain, location: str, id: str, key: RequestKey | None) -> None:
    """Take an import away, at the vendor too unless it is FINALIZED: one vendor call. Doing it again is safe.

    Raises storage's NotFound, StateForbids, Conflict, ProviderError.
    """
    if await idempotency.earlier(domain.db, key) is not None:
        return
    async with domain.db.read() as tx:
        row = await imports.get(tx, location, id)
    busy = row.busy_until is not None and row.busy_until > domain.clock()
    if _under_way(domain, row) or busy:
        raise StateForbids(_shown(row), "A call that carries it is under way.", resource=name_of(row))
    if row.provider_import_id and row.state not in (ImportState.FINALIZED, ImportState.DELETING):
        async with domain.db.transaction() as tx:
            row = await _moved(tx, row, domain.clock(), state=ImportState.DELETING, error=None)
    await domain.tokens.guard(_delete(domain, row, key))


async def _delete(domain: Domain, row: ImportRow, key: RequestKey | None) -> None:
    if row.state == ImportState.DELETING:
        reached = _planner_of(domain, row)
        try:
            await reached.facet.delete_import(reached.access, row.provider_import_id)
        except NotFound:
            log.info("imports.gone", location=row.location, id=row.id)
        except Ambiguous as error:
            raise vendor_errors.safe_to_repeat(error) from None
    async with domain.db.transaction() as tx:
        await idempotency.claim(tx, key, row.id, domain.clock())
        if not await imports.remove(tx, row):
            raise _conflict(row)


async def _moved(tx: Transaction, row: ImportRow, now: datetime, **values: Any) -> ImportRow:
    """Move an import; raises Conflict when somebody else did."""
    moved = await imports.move(tx, row, now, **values)
    if moved is None:
        raise _conflict(row)
    return moved


def _conflict(row: ImportRow) -> Conflict:
    return Conflict(metadata={"resource": name_of(row)}, resource=name_of(row))


def _planner_of(domain: Domain, row: ImportRow) -> Reached:
    return labels.reached(domain, row.provider, row.location, row.connection)


def _unknown(row: ImportRow, told: dict[str, str] | None = None) -> dict[str, Any]:
    said = "The vendor may have made posts of it, and does not say."
    return vendor_errors.stored_error("OUTCOME_UNKNOWN", said, **{"provider": row.provider, **(told or {})})


def name_of(row: ImportRow) -> str:
    """Return the import's resource name."""
    return names.POST_IMPORT.format(row.location, row.id)


def _shown(row: ImportRow) -> str:
    """Return the state as callers see it."""
    return import_upload.shown(row.state)
