"""Statements that psycopg runs as they are, without SQLAlchemy's session: what each post needs many times.

Owns how they are compiled once and run inside a transaction, and how rows of a table are written and read without the
ORM: with the same checks of times and states. Does not know any table.

Such a row belongs to no session: changing it stores nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import BindParameter, Executable, Insert, Table, bindparam, func, insert, inspect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import configure_mappers
from sqlalchemy.sql.functions import Function

from storage.database import CHANNEL, Transaction, direct, payload
from storage.types import AwareTime, StateText

R = TypeVar("R")
Convert = Callable[[Any], Any]

NEW = "new_"
"""What the names of a statement's values begin with that are stored in columns, before the column's name."""

_DIALECT: Any = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def compiled(statement: Executable) -> str:
    """Return a statement of SQLAlchemy Core as psycopg takes it; all its values must be parameters with names."""
    found = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
    return str(found)


async def run(tx: Transaction, statement: str, values: Mapping[str, Any]) -> psycopg.AsyncCursor[Any]:
    """Run one statement, with values as `%(name)s`, after what the session has not written yet."""
    if tx.new or tx.dirty or tx.deleted:
        await tx.flush()
    return await direct(tx).execute(statement, values)


async def first(tx: Transaction, statement: str, values: Mapping[str, Any]) -> Any:
    """Return the first column of the first record, None without one."""
    record = await (await run(tx, statement, values)).fetchone()
    return None if record is None else record[0]


def table_of(table: type[Any]) -> Table:
    """Return the table of a class of rows, whose columns `built` takes in their order."""
    found: Table = table.__table__
    return found


def width(table: type[Any]) -> int:
    """Return how many columns a table has."""
    return len(table_of(table).columns)


def built(table: type[R], record: Sequence[Any]) -> R:
    """Return the row of a record that begins with all columns of its table."""
    # Made as the ORM makes those that it reads.
    row: R = inspect(table).class_manager.new_instance()
    for (name, read), value in zip(_readers(table).items(), record, strict=False):
        row.__dict__[name] = value if read is None or value is None else read(value)
    return row


def written(table: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that store these values in columns; raises ValueError for a time without a zone or an
    unknown state, and KeyError for a column that the table does not have.
    """
    writers = _writers(table)
    return {NEW + name: value if (write := writers[name]) is None else write(value) for name, value in values.items()}


def assignments(names: Sequence[str]) -> dict[str, BindParameter[Any]]:
    """Return what a statement stores in these columns: the parameters that `written` returns."""
    return {name: bindparam(NEW + name) for name in names}


def inserted(table: type[Any]) -> Insert:
    """Return the statement that inserts a row, for the parameters that `row_values` returns."""
    return insert(table_of(table)).values(assignments(list(_readers(table))))


def row_values(row: Any) -> dict[str, Any]:
    """Return the parameters that store all columns of a row."""
    return written(type(row), {name: getattr(row, name) for name in _readers(type(row))})


NOTIFY: Function[Any] = func.pg_notify(bindparam("channel"), bindparam("payload"))
"""Notifies listeners when the transaction commits, for each row of the statement; for the parameters `notified`."""


def notified(topic: str, key: str) -> dict[str, str]:
    """Return the parameters of a notification of `topic` and `key`."""
    return {"channel": CHANNEL, "payload": payload(topic, key)}


_reading: dict[type[Any], dict[str, Convert | None]] = {}
_writing: dict[type[Any], dict[str, Convert | None]] = {}


def _readers(table: type[Any]) -> dict[str, Convert | None]:
    if table not in _reading:
        # Otherwise the attributes of a row can be used only after the ORM's first statement.
        configure_mappers()
        _reading[table] = {column.name: _reader(column.type) for column in table_of(table).columns}
    return _reading[table]


def _writers(table: type[Any]) -> dict[str, Convert | None]:
    if table not in _writing:
        _writing[table] = {column.name: _writer(column.type) for column in table_of(table).columns}
    return _writing[table]


def _reader(kind: Any) -> Convert | None:
    if isinstance(kind, AwareTime):
        return _in_utc
    return kind.states if isinstance(kind, StateText) else None


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


def _writer(kind: Any) -> Convert | None:
    if isinstance(kind, JSONB):
        return _as_json
    if isinstance(kind, AwareTime | StateText):
        return lambda value: kind.process_bind_param(value, _DIALECT)
    return None


def _as_json(value: Any) -> Any:
    return None if value is None else Jsonb(value)
