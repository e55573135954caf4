"""What a refusal says, and what it left behind.

Owns the reading of both. Does not know who was refused, nor why.
"""

import grpc
import psycopg
from google.rpc import error_details_pb2, status_pb2
from psycopg import sql

from gateway.status import DOMAIN
from tests.rpc.answers import detail, status_of


def without_id(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Give the status of a refusal without the id of its call."""
    status = status_of(error)
    kept = [each for each in status.details if not each.Is(error_details_pb2.RequestInfo.DESCRIPTOR)]
    return status_pb2.Status(code=status.code, message=status.message, details=kept)


def reason_of(status: status_pb2.Status) -> str:
    """Give the reason of a status."""
    info = detail(status, error_details_pb2.ErrorInfo)
    return str(info.reason) if info is not None else ""


def complaint(error: grpc.aio.AioRpcError) -> str:
    """Say what is wrong with a refusal, or nothing: it must not be a fault of ours, and it must give a reason of ours."""
    info = detail(status_of(error), error_details_pb2.ErrorInfo)
    if info is None or info.domain != DOMAIN:
        return f"{error.code().name} without a reason of ours: {error.details()}"
    if error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
        return f"{error.code().name} {info.reason}"
    return ""


def counts(database: psycopg.Connection) -> dict[str, int]:
    """Count the rows of every table of ours; `database` is in autocommit."""
    names = [row[0] for row in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(name), sql.Identifier(name))
        for name in names
        if not name.startswith("procrastinate_worker")
    )
    return {str(name): int(count) for name, count in database.execute(query)}
