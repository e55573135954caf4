"""The quota ledger: recent calls to a vendor, by the subject whose limit they count against.

Owns the table `quotas`. A row is locked before it is used, so that any number of processes share one window. Does not
know which limits there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Float, Text, any_, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col

from storage import direct
from storage.database import Transaction, before_commit
from storage.types import json_field, time_field


class QuotaRow(SQLModel, table=True):
    """One metric of one subject: a resource name, or the provider's name for one that several connections share.

    `stamps` are the times of the calls, in seconds since 1970, oldest first; `counts` are numbers of calls by time
    bucket, where one stamp per call would be too much. `learned_limit` is the limit that a refusal showed; until
    `blocked_until` the vendor is known to refuse. `told_limit` and `told_left` are from its response headers; the
    latter is valid until `told_until`, minus the calls made since.
    """

    __tablename__ = "quotas"

    subject: str = Field(primary_key=True)
    metric: str = Field(primary_key=True)
    stamps: list[float] = Field(default_factory=list, sa_type=ARRAY(Float))
    counts: dict[str, int] = json_field()
    learned_limit: int | None = None
    blocked_until: datetime | None = time_field(nullable=True)
    told_limit: int | None = None
    told_left: int | None = None
    told_until: datetime | None = time_field(nullable=True)
    update_time: datetime = time_field(index=True)


QUOTAS = direct.table_of(QuotaRow)

CHANGEABLE = ("stamps", "counts", "learned_limit", "blocked_until", "told_limit", "told_left", "told_until")
"""The columns of a locked row that are stored when they were changed."""


@dataclass(slots=True)
class _Held:
    """A row that is locked, and what of it is stored."""

    row: QuotaRow
    stored: dict[str, Any]


# One occurrence of the old stamp goes; `array_position` is NULL if there is none.
_RESTAMP = """
INSERT INTO quotas AS q (subject, metric, stamps, counts, update_time)
VALUES (%(subject)s, %(metric)s, ARRAY[%(new)s::float8], '{}', %(now)s)
ON CONFLICT (subject, metric) DO UPDATE SET update_time = excluded.update_time, stamps = ARRAY(
    SELECT stamp FROM unnest(q.stamps) WITH ORDINALITY AS each (stamp, place)
    WHERE place IS DISTINCT FROM array_position(q.stamps, %(old)s::float8)
    UNION ALL SELECT %(new)s::float8 ORDER BY 1)
"""


async def lock(tx: Transaction, subject: str, metric: str, now: datetime) -> QuotaRow:
    """Return the row of a metric, created if necessary and locked until this transaction ends; set its update time.

    What is changed in it is stored right before the commit. This is one statement: between two of them another process
    could delete the row.
    """
    held = _held(tx)
    # Again for a row that is held already: whoever changes it may do so in a later hook.
    before_commit(tx, "quotas", _save)
    if (before := held.get((subject, metric))) is not None:
        return before.row
    new = {"subject": subject, "metric": metric, "stamps": [], "counts": {}, "update_time": now}
    (record,) = await (await direct.run(tx, _lock(), direct.written(QuotaRow, new))).fetchall()
    row = direct.built(QuotaRow, record)
    held[subject, metric] = _Held(row, _stored(row))
    return row


@lru_cache
def _lock() -> str:
    names = ("subject", "metric", "stamps", "counts", "update_time")
    new = pg_insert(QUOTAS).values(direct.assignments(names))
    later = {"update_time": new.excluded.update_time}
    locked = new.on_conflict_do_update(index_elements=["subject", "metric"], set_=later)
    return direct.compiled(locked.returning(QUOTAS))


async def restamp(tx: Transaction, subject: str, metric: str, old: float, new: float, now: datetime) -> None:
    """Replace a stamp of a metric, if it is still there, by another, which is added in any case."""
    if (held := _held(tx).get((subject, metric))) is not None:
        stamps = list(held.row.stamps)
        if old in stamps:
            stamps.remove(old)
        held.row.stamps = sorted([*stamps, new])
        return
    await direct.run(tx, _RESTAMP, {"subject": subject, "metric": metric, "old": old, "new": new, "now": now})


async def find(tx: Transaction, subjects: Sequence[str]) -> dict[tuple[str, str], QuotaRow]:
    """Return the rows of these subjects, by (subject, metric)."""
    await _save(tx)
    records = await (await direct.run(tx, _find(), {"subjects": list(subjects)})).fetchall()
    rows = [direct.built(QuotaRow, record) for record in records]
    return {(row.subject, row.metric): row for row in rows}


@lru_cache
def _find() -> str:
    return direct.compiled(select(QUOTAS).where(QUOTAS.c.subject == any_(bindparam("subjects", type_=ARRAY(Text)))))


async def unblock(tx: Transaction, subject: str, metrics: Sequence[str]) -> None:
    """Clear `blocked_until`: the vendor has just accepted a call."""
    await _save(tx)
    statement = (
        update(QuotaRow)
        .where(
            col(QuotaRow.subject) == subject,
            col(QuotaRow.metric).in_(metrics),
            col(QuotaRow.blocked_until).is_not(None),
        )
        .values(blocked_until=None)
    )
    await tx.execute(statement)


def _held(tx: Transaction) -> dict[tuple[str, str], _Held]:
    """Return the rows that this transaction has locked."""
    held: dict[tuple[str, str], _Held] = tx.info.setdefault("quotas", {})
    return held


def _stored(row: QuotaRow) -> dict[str, Any]:
    """Return the columns of a row that may be changed."""
    return {name: getattr(row, name) for name in CHANGEABLE}


async def _save(tx: Transaction) -> None:
    """Store what was changed in the rows that are locked."""
    for held in _held(tx).values():
        now = _stored(held.row)
        if changed := {name: value for name, value in now.items() if value != held.stored[name]}:
            held.stored = now
            key = {"of_subject": held.row.subject, "of_metric": held.row.metric}
            await direct.run(tx, _update(tuple(changed)), direct.written(QuotaRow, changed) | key)


@lru_cache
def _update(names: tuple[str, ...]) -> str:
    where = QUOTAS.c.subject == bindparam("of_subject"), QUOTAS.c.metric == bindparam("of_metric")
    return direct.compiled(update(QUOTAS).where(*where).values(direct.assignments(names)))


async def prune(tx: Transaction, before: datetime) -> None:
    """Delete rows that were not used since a time."""
    await tx.execute(delete(QuotaRow).where(col(QuotaRow.update_time) < before))
