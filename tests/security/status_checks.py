"""Checks of refused calls: what the status says, and whether rows were written.

Owns both checks. Does not know who was refused, nor why.
"""

from typing import LiteralString

import grpc
import psycopg
from google.rpc import error_details_pb2, status_pb2
from psycopg import sql

from gateway.status import DOMAIN
from tests.rpc.answers import detail, status_of


def without_id(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Return the status of a refusal without the id of its call."""
    status = status_of(error)
    kept = [each for each in status.details if not each.Is(error_details_pb2.RequestInfo.DESCRIPTOR)]
    return status_pb2.Status(code=status.code, message=status.message, details=kept)


def reason_of(status: status_pb2.Status) -> str:
    """Return the reason of a status."""
    info = detail(status, error_details_pb2.ErrorInfo)
    return str(info.reason) if info is not None else ""


def complaint(error: grpc.aio.AioRpcError) -> str:
    """Return what is wrong with a refusal, or "": it must have one of our reasons, and not be an internal error."""
    info = detail(status_of(error), error_details_pb2.ErrorInfo)
    if info is None or info.domain != DOMAIN:
        return f"{error.code().name} without a reason of ours: {error.details()}"
    if error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
        return f"{error.code().name} {info.reason}"
    return ""


class RowCounts:
    """Counts the rows of every table, in one prepared query."""

    def __init__(self, database: psycopg.Connection) -> None:
        """Look the tables up; `database` is in autocommit mode."""
        self.database = database
        found = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        # A refused call leaves a row in the audit log, and nowhere else.
        left_out = ("procrastinate_worker", "audit_unsealed")
        self.tables = [str(name) for (name,) in found if not name.startswith(left_out)]

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        return self._ask("count(*)")

    def longest(self) -> dict[str, int]:
        """Return the length of each table's longest row, as text."""
        return self._ask("coalesce(max(length(t::text)), 0)")

    def _ask(self, what: LiteralString) -> dict[str, int]:
        parts = (
            sql.SQL("SELECT {}, {} FROM {} AS t").format(sql.Literal(name), sql.SQL(what), sql.Identifier(name))
            for name in self.tables
        )
        rows = self.database.execute(sql.SQL(" UNION ALL ").join(parts), prepare=True).fetchall()
        return {str(name): int(number) for name, number in rows}
