"""Erasing a location, or an agency, for good: also what a change of owner keeps, and what has no location of its own.

Owns what belongs to a location without a column that says so. Does not know who may erase what, nor the bytes.
"""

from sqlalchemy import Table, delete, func, select, text
from sqlmodel import col

from storage import agencies, api_keys, audit, keys, location_contents
from storage.agencies import AgencyRow
from storage.api_keys import ApiKeyRow
from storage.connections import ConnectionRow
from storage.database import Transaction, notify
from storage.events import EventCounterTable
from storage.keys import DataKeyTable
from storage.media import MediaFetchRow, MediaLinkRow
from storage.quotas import QuotaRow
from storage.schema import metadata
from storage.webhooks import WebhookRow

TOPIC = "erased"
"""The topic of the notifications that a location, which is their key, is erased: files of it go, too."""

KEPT = frozenset({audit.TABLE, audit.UnsealedRow.__tablename__})
"""The audit log says who deleted what: it goes with its own time, and nothing is ever taken out of it."""

# A job of the queue names its post in its arguments; processes of earlier versions put them there.
_QUEUED = text("DELETE FROM procrastinate_jobs WHERE args->>'location' = :location")


async def location(tx: Transaction, location: str, agency: str) -> dict[str, int]:
    """Delete everything that is inside a location or about it, and return how many rows of which table; what remains is
    its owner's row, its data key and the number of its newest event.
    """
    fetched = select(col(MediaLinkRow.digest)).where(col(MediaLinkRow.location) == location)
    await _delete(tx, MediaFetchRow, col(MediaFetchRow.digest).in_(fetched))
    await _subjects(tx, location)
    for kind in ("accounts", "connections"):
        await _delete(tx, QuotaRow, func.starts_with(col(QuotaRow.subject), f"locations/{location}/{kind}/"))
    await tx.execute(_QUEUED, {"location": location})
    gone = await location_contents.wipe(tx, location, agency)
    await notify(tx, TOPIC, location)
    return gone


async def _subjects(tx: Transaction, location: str) -> None:
    """Delete what vendors told about the users behind a location's grants, and their quotas, unless another location
    has a grant of the same user.
    """
    whose = (col(ConnectionRow.provider), col(ConnectionRow.provider_subject))
    rows = await tx.execute(
        select(*whose).where(col(ConnectionRow.location) == location, col(ConnectionRow.provider_subject) != "")
    )
    for provider, subject in set(rows.all()):
        elsewhere = select(col(ConnectionRow.id)).where(
            whose[0] == provider, whose[1] == subject, col(ConnectionRow.location) != location
        )
        if (await tx.execute(elsewhere.limit(1))).first() is None:
            await _delete(tx, WebhookRow, col(WebhookRow.provider) == provider, col(WebhookRow.subject) == subject)
            await _delete(tx, QuotaRow, col(QuotaRow.subject) == f"providers/{provider}/subjects/{subject}")


async def rest_of_location(tx: Transaction, location: str) -> None:
    """Delete what `location` leaves, but its owner's row; every replica forgets the data key with the commit."""
    await _delete(tx, DataKeyTable, col(DataKeyTable.location) == location)
    await _delete(tx, EventCounterTable, col(EventCounterTable.location) == location)
    await notify(tx, keys.TOPIC, location)


async def agency(tx: Transaction, agency: str) -> None:
    """Delete every row of an agency that has no location any more; every replica forgets its keys with the commit."""
    digests = await tx.execute(
        select(col(ApiKeyRow.digest), col(ApiKeyRow.former_digest)).where(col(ApiKeyRow.agency) == agency)
    )
    for digest in (each for pair in digests.all() for each in pair if each is not None):
        await notify(tx, api_keys.TOPIC, digest.hex())
    for table in _tables():
        await tx.execute(delete(table).where(table.c.agency == agency))
    await notify(tx, agencies.TOPIC, agency)


def _tables() -> list[Table]:
    """Return the tables with an agency, in a fixed order, its own row last."""
    found = [table for name, table in sorted(metadata().tables.items()) if "agency" in table.c and name not in KEPT]
    return sorted(found, key=lambda table: table.name == AgencyRow.__tablename__)


async def _delete(tx: Transaction, table: type[object], *where: object) -> None:
    await tx.execute(delete(table).where(*where).execution_options(synchronize_session=False))  # type: ignore[arg-type]
