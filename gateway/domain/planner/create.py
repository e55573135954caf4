"""CreatePostImport: an upload is sent to the planner and becomes an import there.

Owns what an import may consist of. How the file gets to the vendor is `gateway/domain/planner/import_upload.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.aip import names
from gateway.domain import idempotency
from gateway.domain.context import Domain
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import keep_own
from gateway.domain.media.uploads import SHEET_TYPE
from gateway.domain.planner import import_upload
from gateway.domain.planner.imports import CREATING, stored
from gateway.errors import FieldInvalid, MediaInvalid, ReauthorizationRequired, StateForbids, UploadExpired
from gateway.media import types
from gateway.media.types import Kind
from storage import accounts, imports, uploads
from storage.accounts import AccountRow
from storage.database import Transaction
from storage.imports import ImportRow
from storage.states import AccountState, UploadState
from storage.uploads import UploadRow

MAX_BYTES = 5_000_000
MAX_ACCOUNTS = 50


@dataclass(frozen=True, slots=True)
class NewImport:
    """The upload to import, and the accounts that its posts are for."""

    location: str
    upload: str
    accounts: Sequence[str]


async def create(domain: Domain, new: NewImport, key: RequestKey | None, *, agency: str) -> ImportRow:
    """Send a file of posts to the planner: two or three vendor calls. No posts are made yet.

    With a `request_id` that was used before, the first call's import is returned, or resumed where it stopped. Raises
    storage's NotFound (upload, account), FieldInvalid, StateForbids, UploadExpired, MediaInvalid,
    ReauthorizationRequired, Conflict, LocationForbidden if the location is no longer `agency`'s, and ProviderError
    where the same call may be repeated.
    """
    first = await idempotency.earlier(domain.db, key)
    if first is None:
        async with domain.db.transaction() as tx:
            await keep_own(tx, new.location, agency)
            row = await _new_row(domain, tx, new)
            first = await idempotency.claim(tx, key, row.id, row.create_time)
            if first is None:
                await imports.insert(tx, row)
        if first is None:
            return await domain.tokens.guard(import_upload.run(domain, row))
    row = await stored(domain, new.location, first)
    return await import_upload.resume(domain, row) if row.state in CREATING else row


async def _new_row(domain: Domain, tx: Transaction, new: NewImport) -> ImportRow:
    """Check the accounts and the upload, and return the row of the import."""
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
    if types.kind_of(upload.mime_type) not in (Kind.SHEET, Kind.UNKNOWN):
        raise _media_invalid("mimeType", upload.mime_type, SHEET_TYPE, name)
    if not 0 < upload.committed_size <= MAX_BYTES:
        raise _media_invalid("sizeBytes", str(upload.committed_size), f"1 to {MAX_BYTES}", name)


def _media_invalid(rule: str, value: str, allowed: str, name: str) -> MediaInvalid:
    metadata = {"rule": rule, "value": value, "allowed": allowed}
    return MediaInvalid(f"{rule} is {value}, allowed: {allowed}.", metadata=metadata, resource=name)
