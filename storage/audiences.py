"""Audiences: lists of people by digests, and the members that one is getting, until the vendor has them.

Owns the tables `audiences`, `audience_parts` (members that were received, whose digests are in the blob store) and
`audience_files` (the vendor's paths of what was uploaded). No digest is in any of them.

    GATHERING → UPLOADING → SUBMITTED (the vendor is called) → NONE, or back to UPLOADING if it certainly did nothing
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, and_, delete, select, update
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.due_rows import DueRows
from storage.errors import NotFound
from storage.states import AudienceAction, AudienceState, AudienceStep
from storage.types import agency_field, json_or_null, state_field, time_field

DUE = DueRows("audiences", "due_at")
KIND = "audience"


class AudienceRow(SQLModel, table=True):
    """One audience; `provider_id` is empty until the vendor has it.

    `gathered` counts the members of `audience_parts`, which are to be added or removed (`action`), `sent` those that
    the vendor was given. `size` is how many it matched, None until it says so. `tries` counts failures in a row.
    """

    __tablename__ = "audiences"
    __table_args__ = (Index("audiences_by_time", "location", "ad_account", "create_time", "id"), *DUE.indexes())

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    ad_account: str
    display_name: str
    provider_id: str = ""
    state: AudienceState = state_field(AudienceState, default=AudienceState.COLLECTING)
    step: AudienceStep = state_field(AudienceStep, default=AudienceStep.GATHERING)
    action: AudienceAction = state_field(AudienceAction, default=AudienceAction.APPEND)
    gathered: int = Field(default=0, sa_type=BigInteger)
    sent: int = Field(default=0, sa_type=BigInteger)
    size: int | None = Field(default=None, sa_type=BigInteger)
    tries: int = 0
    error: dict[str, Any] | None = json_or_null()
    version: int = 1
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    submit_time: datetime | None = time_field(nullable=True)
    fetch_time: datetime | None = time_field(nullable=True)
    due_at: datetime | None = time_field(nullable=True)
    agency: str = agency_field()


class AudiencePartRow(SQLModel, table=True):
    """Members from number `first` on: `members` rows in the blob `key` of `size` bytes."""

    __tablename__ = "audience_parts"

    location: str = Field(primary_key=True)
    audience: str = Field(primary_key=True)
    first: int = Field(primary_key=True, sa_type=BigInteger)
    members: int
    size: int
    key: str = Field(index=True)


class AudienceFileRow(SQLModel, table=True):
    """The file number `number` of the members that an audience is getting, as the vendor names it."""

    __tablename__ = "audience_files"

    location: str = Field(primary_key=True)
    audience: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    path: str


async def insert(tx: Transaction, row: AudienceRow) -> None:
    """Add an audience."""
    tx.add(row)
    await tx.flush()


async def find(tx: Transaction, location: str, id: str) -> AudienceRow | None:
    """Return an audience as it is now, or None."""
    return await rows.find(tx, AudienceRow, location, id)


async def get(tx: Transaction, location: str, ad_account: str, id: str) -> AudienceRow:
    """Return an audience of an ad account as it is now; raises NotFound."""
    row = await rows.get(tx, AudienceRow, KIND, location, id)
    if row.ad_account != ad_account:
        raise NotFound(KIND, id)
    return row


async def page(
    tx: Transaction, location: str, ad_account: str, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[AudienceRow]:
    """Return one page of an ad account's audiences, newest first."""
    query = select(AudienceRow).where(col(AudienceRow.location) == location, col(AudienceRow.ad_account) == ad_account)
    keys: Any = (col(AudienceRow.create_time), col(AudienceRow.id))
    return (await tx.execute(rows.keyset(query, keys, after, limit))).scalars().all()


async def change(tx: Transaction, row: AudienceRow, now: datetime, **values: Any) -> AudienceRow | None:
    """Set columns and increment the version, unless the row has changed since it was read; return None if it has."""
    where = and_(rows.by_id(AudienceRow, row.location, row.id), col(AudienceRow.version) == row.version)
    return await rows.change(tx, AudienceRow, where, now, **values)


async def add_part(tx: Transaction, part: AudiencePartRow, now: datetime) -> AudienceRow | None:
    """Add a part, whose blob is stored, if it follows the members that are there; return None if it does not."""
    row = await rows.find(tx, AudienceRow, part.location, part.audience, lock=True)
    if row is None or row.step != AudienceStep.GATHERING or row.gathered != part.first:
        return None
    tx.add(part)
    await tx.flush()
    return await change(tx, row, now, gathered=row.gathered + part.members)


async def parts_of(tx: Transaction, location: str, id: str) -> Sequence[AudiencePartRow]:
    """Return the parts of the members that an audience is getting, in order."""
    query = select(AudiencePartRow).where(_of(AudiencePartRow, location, id)).order_by(col(AudiencePartRow.first))
    return (await tx.execute(query)).scalars().all()


async def add_file(tx: Transaction, file: AudienceFileRow) -> None:
    """Store that the vendor has a file, in place of an earlier upload of it."""
    await tx.merge(file)
    await tx.flush()


async def paths_of(tx: Transaction, location: str, id: str) -> dict[int, str]:
    """Return the vendor's paths of the files that it has, by their number."""
    query = select(AudienceFileRow).where(_of(AudienceFileRow, location, id))
    return {row.number: row.path for row in (await tx.execute(query)).scalars()}


async def forget_files(tx: Transaction, location: str, id: str) -> None:
    """Delete the paths of files."""
    await tx.execute(delete(AudienceFileRow).where(_of(AudienceFileRow, location, id)))


async def forget_members(tx: Transaction, location: str, id: str) -> list[str]:
    """Delete parts and files, and return the keys of the blobs, which are to be deleted after the transaction."""
    await forget_files(tx, location, id)
    gone = delete(AudiencePartRow).where(_of(AudiencePartRow, location, id)).returning(col(AudiencePartRow.key))
    return list((await tx.execute(gone)).scalars())


async def remove(tx: Transaction, row: AudienceRow) -> list[str]:
    """Delete an audience with everything of it, and return the keys of its blobs."""
    keys = await forget_members(tx, row.location, row.id)
    await tx.execute(delete(AudienceRow).where(rows.by_id(AudienceRow, row.location, row.id)))
    return keys


async def take_due(
    tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, until: datetime
) -> list[tuple[str, str]]:
    """Lease audiences that are due, given by location and id; return those that nobody else leases."""
    keys = (col(AudienceRow.location), col(AudienceRow.id))
    leased = rows.lease_due(AudienceRow, keys, col(AudienceRow.due_at), now, until, ids)
    return [(row[0], row[1]) for row in (await tx.execute(leased.returning(*keys))).all()]


async def doubt_restored(tx: Transaction, now: datetime) -> int:
    """In a copy of a database that went on: let each audience whose members were about to be sent be looked for before
    they are; return how many.
    """
    sending = col(AudienceRow.step) == AudienceStep.UPLOADING
    values = {"step": AudienceStep.SUBMITTED, "submit_time": col(AudienceRow.update_time), "due_at": now}
    done = await tx.execute(update(AudienceRow).where(sending).values(values).returning(col(AudienceRow.id)))
    return len(done.all())


async def unlisted(tx: Transaction, keys: Collection[str]) -> set[str]:
    """Return those of the blob keys that no part refers to."""
    query = select(col(AudiencePartRow.key)).where(col(AudiencePartRow.key).in_(keys))
    return set(keys) - set((await tx.execute(query)).scalars())


def _of(table: type[AudiencePartRow] | type[AudienceFileRow], location: str, id: str) -> Any:
    return and_(col(table.location) == location, col(table.audience) == id)
