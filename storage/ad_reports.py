"""Long reports of ad accounts: what was asked for, and how far the vendor is with it.

Owns the table `ad_reports`. The rows of a report are the vendor's file, and in no table.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel, col

from storage import rows
from storage.database import Transaction
from storage.due_rows import DueRows
from storage.errors import NotFound
from storage.states import AdReportState
from storage.types import agency_field, json_field, json_or_null, state_field, time_field

DUE = DueRows("ad_reports", "due_at")
KIND = "ad_report"


class AdReportRow(SQLModel, table=True):
    """One report; `provider_id` is the vendor's id of its task, empty until the vendor has one.

    `query` is what the vendor is asked, in the form of the provider's models; `names` are ours of what it is
    restricted to. `tries` counts looks and failures in a row.
    """

    __tablename__ = "ad_reports"
    __table_args__ = DUE.indexes()

    location: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    ad_account: str
    query: dict[str, Any] = json_field()
    names: list[str] = Field(default_factory=list, sa_type=JSONB, nullable=False)
    provider_id: str = ""
    state: AdReportState = state_field(AdReportState, default=AdReportState.RUNNING)
    error: dict[str, Any] | None = json_or_null()
    tries: int = 0
    version: int = 1
    create_time: datetime = time_field()
    update_time: datetime = time_field()
    complete_time: datetime | None = time_field(nullable=True)
    due_at: datetime | None = time_field(nullable=True)
    agency: str = agency_field()


async def insert(tx: Transaction, row: AdReportRow) -> None:
    """Add a report."""
    tx.add(row)
    await tx.flush()


async def find(tx: Transaction, location: str, id: str) -> AdReportRow | None:
    """Return a report as it is now, or None."""
    return await rows.find(tx, AdReportRow, location, id)


async def get(tx: Transaction, location: str, ad_account: str, id: str) -> AdReportRow:
    """Return a report of an ad account as it is now; raises NotFound."""
    row = await rows.get(tx, AdReportRow, KIND, location, id)
    if row.ad_account != ad_account:
        raise NotFound(KIND, id)
    return row


async def change(tx: Transaction, row: AdReportRow, now: datetime, **values: Any) -> AdReportRow | None:
    """Set columns and increment the version, unless the row has changed since it was read; return None if it has."""
    where = and_(rows.by_id(AdReportRow, row.location, row.id), col(AdReportRow.version) == row.version)
    return await rows.change(tx, AdReportRow, where, now, **values)


async def take_due(
    tx: Transaction, ids: Sequence[tuple[str, str]], now: datetime, until: datetime
) -> list[tuple[str, str]]:
    """Lease reports that are due, given by location and id; return those that nobody else leases."""
    keys = (col(AdReportRow.location), col(AdReportRow.id))
    leased = rows.lease_due(AdReportRow, keys, col(AdReportRow.due_at), now, until, ids)
    return [(row[0], row[1]) for row in (await tx.execute(leased.returning(*keys))).all()]


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete reports that were asked for before a time: the vendor has forgotten them."""
    await tx.execute(delete(AdReportRow).where(col(AdReportRow.create_time) < before))
