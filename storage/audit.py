"""The audit log: who did what to which resource, from where, and with what outcome.

Owns the tables `audit_unsealed` (rows as they are written, in the transactions of what they are about), `audit` (the
same rows in the order of the chain, in partitions by time) and `audit_days` (the last hash of each day). Triggers
refuse to change or delete a row. Does not know how a hash is computed, nor when rows are sealed:
`gateway/audit/seal.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import BigInteger, Identity, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct, partitions
from storage.database import Database, Transaction, advisory_lock, try_advisory_lock
from storage.states import AuditOutcome
from storage.types import state_field, time_field

TABLE = "audit"
_LOCK = "audit-seal"
_PORTION = 1000
_SEALING = text("SELECT set_config('gateway.sealing', 'on', true)")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a row says. `actor` is the id of an API key, or what acted by itself; `resource` is the name in the request,
    and `result_id` the id of what a call created below it.
    """

    time: datetime
    agency: str
    actor: str
    method: str
    resource: str
    result_id: str
    peer: str
    request_id: str
    outcome: str
    reason: str


FIELDS = tuple(AuditEntry.__slots__)


class UnsealedRow(SQLModel, table=True):
    """A row that has no place in the chain yet."""

    __tablename__ = "audit_unsealed"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity()])
    time: datetime = time_field()
    agency: str
    actor: str
    method: str
    resource: str
    result_id: str
    peer: str
    request_id: str
    outcome: AuditOutcome = state_field(AuditOutcome)
    reason: str


class AuditRow(SQLModel, table=True):
    """A row of the chain: `number` counts from 1 in each `day`, which is the midnight in UTC before it was sealed."""

    __tablename__ = TABLE
    __table_args__ = ({"postgresql_partition_by": "RANGE (day)"},)

    day: datetime = time_field(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    time: datetime = time_field()
    agency: str
    actor: str
    method: str
    resource: str
    result_id: str
    peer: str
    request_id: str
    outcome: AuditOutcome = state_field(AuditOutcome)
    reason: str
    hash: bytes


class AuditDayRow(SQLModel, table=True):
    """The end of a day's chain so far: how many rows it has, and the hash of the last one.

    `previous` is the day before it that has rows; `dropped` whether its rows were dropped for their age. `mac`
    authenticates the rest with a secret of this installation.
    """

    __tablename__ = "audit_days"

    day: datetime = time_field(primary_key=True)
    rows: int = Field(sa_type=BigInteger)
    hash: bytes
    previous: datetime | None = time_field(nullable=True)
    dropped: bool = False
    mac: bytes


@dataclass(frozen=True, slots=True)
class Unsealed:
    """An entry that is to be sealed, and its row's id."""

    id: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry in its place in the chain."""

    day: datetime
    number: int
    entry: AuditEntry
    hash: bytes


async def insert(tx: Transaction, entry: AuditEntry) -> None:
    """Add a row."""
    await direct.run(tx, _insert(), direct.written(UnsealedRow, asdict(entry)))


@lru_cache
def _insert() -> str:
    return direct.compiled(direct.table_of(UnsealedRow).insert().values(direct.assignments(FIELDS)))


async def lock_chain(tx: Transaction) -> None:
    """Let nobody else seal or drop rows until this transaction ends."""
    await advisory_lock(tx, _LOCK)


async def try_lock_chain(tx: Transaction) -> bool:
    """Lock the chain as `lock_chain` does; return False at once if somebody else has."""
    return await try_advisory_lock(tx, _LOCK)


async def any_unsealed(tx: Transaction) -> bool:
    """Return whether any row has no place in the chain yet."""
    return bool(await direct.first(tx, "SELECT EXISTS (SELECT FROM audit_unsealed)", {}))


async def unsealed(tx: Transaction, limit: int) -> list[Unsealed]:
    """Return the oldest rows without a place in the chain."""
    table = direct.table_of(UnsealedRow)
    query = select(*table.columns).order_by(table.c.id).limit(limit)
    return [Unsealed(id, AuditEntry(*entry)) for id, *entry in (await tx.execute(query)).all()]


_SEAL = """
WITH placed AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(numbers)s::bigint[], %(hashes)s::bytea[]) AS p (id, number, hash)
), moved AS (
    DELETE FROM audit_unsealed AS u USING placed WHERE u.id = placed.id
    RETURNING placed.number AS place, placed.hash AS sealed, u.*
)
INSERT INTO audit (day, number, hash, {fields}) SELECT %(day)s, place, sealed, {fields} FROM moved
""".format(fields=", ".join(FIELDS))  # noqa: S608 - names of this file


async def seal(tx: Transaction, day: datetime, first: int, ids: Sequence[int], hashes: Sequence[bytes]) -> None:
    """Move rows to the end of a day's chain, with consecutive numbers from `first` on."""
    await partitions.ensure(tx, TABLE, day)
    await tx.execute(_SEALING)
    numbers = list(range(first, first + len(ids)))
    await direct.run(tx, _SEAL, {"ids": list(ids), "numbers": numbers, "hashes": list(hashes), "day": day})


async def save_day(tx: Transaction, row: AuditDayRow) -> None:
    """Store the end of a day's chain."""
    values = row.model_dump()
    later = {name: value for name, value in values.items() if name != "day"}
    statement = pg_insert(AuditDayRow).values(**values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["day"], set_=later))


async def last_day(tx: Transaction) -> AuditDayRow | None:
    """Return the newest day that has rows, or None."""
    query = select(AuditDayRow).order_by(col(AuditDayRow.day).desc()).limit(1)
    return (await tx.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def days(tx: Transaction) -> list[AuditDayRow]:
    """Return all days, oldest first."""
    query = select(AuditDayRow).order_by(col(AuditDayRow.day)).execution_options(populate_existing=True)
    return list((await tx.execute(query)).scalars())


async def days_with_rows(tx: Transaction) -> list[datetime]:
    """Return the days of which there are rows, whatever `audit_days` says."""
    return list((await tx.execute(select(col(AuditRow.day)).distinct().order_by(col(AuditRow.day)))).scalars())


async def last_number(tx: Transaction, day: datetime) -> int:
    """Return the highest number of a day, 0 without rows."""
    found = await tx.execute(select(func.max(col(AuditRow.number))).where(col(AuditRow.day) == day))
    return found.scalar_one() or 0


async def count_unsealed(tx: Transaction) -> int:
    """Return how many rows have no place in the chain yet."""
    found: int = (await tx.execute(select(func.count()).select_from(UnsealedRow))).scalar_one()
    return found


async def read_day(db: Database, day: datetime) -> AsyncIterator[Sealed]:
    """Yield the rows of a day in the order of the chain."""
    last = 0
    while True:
        async with db.read() as tx:
            rows = await _rows_after(tx, day, last)
        for row in rows:
            yield row
        if len(rows) < _PORTION:
            return
        last = rows[-1].number


async def _rows_after(tx: Transaction, day: datetime, number: int) -> list[Sealed]:
    values = {"of_day": day, "after": number, "portion": _PORTION}
    records = await (await direct.run(tx, _of_day(), values)).fetchall()
    # As it is, whatever stands there: an outcome that does not exist is found by its hash.
    return [Sealed(day, number, AuditEntry(*entry), hash) for day, number, *entry, hash in records]


@lru_cache
def _of_day() -> str:
    table = direct.table_of(AuditRow)
    where = table.c.day == bindparam("of_day"), table.c.number > bindparam("after")
    return direct.compiled(select(table).where(*where).order_by(table.c.number).limit(bindparam("portion")))


async def drop(db: Database, before: datetime, mark: Callable[[Transaction, datetime], Awaitable[None]]) -> list[str]:
    """Drop the partitions with nothing but days before a time, and return their names.

    `mark` is called in the same transaction with the end of the partition: the days before it lose their rows.
    """

    async def marked(tx: Transaction, partition: str) -> None:
        await lock_chain(tx)
        await mark(tx, partitions.end_of(partition))

    return await partitions.drop(db, TABLE, before, marked)
