"""Errors of the HTTP edge: the same status as over gRPC, as JSON.

Owns the JSON, and the HTTP status and stable code for each canonical code. Reason, messages and metadata are read from
the status that gRPC would send, so that both always agree; nothing else of an exception reaches the client.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from starlette.responses import JSONResponse, Response

from gateway import log, status

T = TypeVar("T", bound=Message)

_log = log.get("gateway.http")

HTTP: Mapping[str, tuple[int, str]] = {
    "INVALID_ARGUMENT": (400, "VALIDATION_ERROR"),
    "OUT_OF_RANGE": (400, "VALIDATION_ERROR"),
    "UNAUTHENTICATED": (401, "UNAUTHORIZED"),
    "PERMISSION_DENIED": (403, "PERMISSION_DENIED"),
    "NOT_FOUND": (404, "NOT_FOUND"),
    "ALREADY_EXISTS": (409, "CONFLICT"),
    "ABORTED": (409, "CONFLICT"),
    "FAILED_PRECONDITION": (409, "CONFLICT"),
    "RESOURCE_EXHAUSTED": (429, "TOO_MANY_REQUESTS"),
    "INTERNAL": (500, "INTERNAL_SERVER_ERROR"),
    "UNKNOWN": (500, "INTERNAL_SERVER_ERROR"),
    "UNIMPLEMENTED": (501, "NOT_IMPLEMENTED"),
    "UNAVAILABLE": (503, "SERVICE_UNAVAILABLE"),
    "DEADLINE_EXCEEDED": (504, "DEADLINE_EXCEEDED"),
}
"""By canonical code: the HTTP status, and the value of `error`."""

PROMOTED = ("field", "reasonCode")
"""Metadata that is also a direct field of `details`, where pages look for it."""


def error_response(error: Exception, *, now: datetime) -> Response:
    """Return the response for any error; an unexpected one is logged and becomes INTERNAL."""
    request_id = log.request_id.get()
    status_proto = status.from_error(error, now=now, request_id=request_id)
    code = status.code_name(status_proto)
    if code == "INTERNAL":
        _log.error("request failed", exc_info=error)
    return JSONResponse(_body(status_proto, code, request_id, now), HTTP[code][0], _headers(status_proto, code))


def format_time(value: datetime) -> str:
    """Format a time as ISO 8601 in UTC and whole seconds: `2024-01-01T12:00:00Z`."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _body(status_proto: status_pb2.Status, code: str, request_id: str, now: datetime) -> dict[str, Any]:
    user = _detail(status_proto, error_details_pb2.LocalizedMessage).message
    technical = {"technicalMessage": status_proto.message} if status_proto.message != user else {}
    return {
        "error": HTTP[code][1],
        "message": user,
        **technical,
        "details": _details(status_proto),
        "requestId": request_id,
        "timestamp": format_time(now),
    }


def _details(status_proto: status_pb2.Status) -> dict[str, Any]:
    info = _detail(status_proto, error_details_pb2.ErrorInfo)
    metadata = dict(sorted(info.metadata.items()))
    promoted = {name: metadata[name] for name in PROMOTED if name in metadata}
    return {"reason": info.reason, **promoted, "metadata": metadata}


def _headers(status_proto: status_pb2.Status, code: str) -> dict[str, str]:
    headers = {"www-authenticate": "Bearer"} if code == "UNAUTHENTICATED" else {}
    delay = _detail(status_proto, error_details_pb2.RetryInfo)
    if delay.HasField("retry_delay"):
        headers["retry-after"] = str(max(1, math.ceil(delay.retry_delay.ToTimedelta().total_seconds())))
    return headers


def _detail(status_proto: status_pb2.Status, kind: type[T]) -> T:
    """Return the status's detail of one type, empty if it has none."""
    found = kind()
    for packed in status_proto.details:
        if packed.Unpack(found):
            break
    return found
