"""The errors that the server answers: statuses with their details, trailers.

Owns the assertions about errors, and the code that the contract gives each reason. Does not know any service.
"""

from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from gateway.status import DETAILS_KEY, DOMAIN

T = TypeVar("T", bound=Message)
CODES = {
    "FIELD_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "PAGE_TOKEN_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "CURSOR_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "CURSOR_EXPIRED": grpc.StatusCode.OUT_OF_RANGE,
    "REQUEST_ID_REUSED": grpc.StatusCode.INVALID_ARGUMENT,
    "UPLOAD_CHECKSUM_MISMATCH": grpc.StatusCode.INVALID_ARGUMENT,
    "UPLOAD_OFFSET_MISMATCH": grpc.StatusCode.OUT_OF_RANGE,
    "AGENCY_FORBIDDEN": grpc.StatusCode.PERMISSION_DENIED,
    "AGENCY_SUSPENDED": grpc.StatusCode.PERMISSION_DENIED,
    "API_KEY_INVALID": grpc.StatusCode.UNAUTHENTICATED,
    "LOCATION_FORBIDDEN": grpc.StatusCode.PERMISSION_DENIED,
    "SCOPE_MISSING": grpc.StatusCode.PERMISSION_DENIED,
    "RESOURCE_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "RESOURCE_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
    "CAPABILITY_MISSING": grpc.StatusCode.UNIMPLEMENTED,
    "ETAG_MISMATCH": grpc.StatusCode.ABORTED,
    "CONFLICT": grpc.StatusCode.ABORTED,
    "PROVIDER_DAILY_CAP": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "PROVIDER_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "QUOTA_EXCEEDED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DEADLINE_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""The code of each reason that is not FAILED_PRECONDITION."""


def trailer(error: grpc.aio.AioRpcError, key: str) -> Any:
    """Return one trailer of a failed call, or None."""
    return dict(error.trailing_metadata()).get(key)


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Return the whole status of a failed call."""
    status = status_pb2.Status()
    status.ParseFromString(trailer(error, DETAILS_KEY) or b"")
    return status


def detail(status: status_pb2.Status, kind: type[T]) -> T | None:
    """Return the status's detail of one kind, or None."""
    for packed in status.details:
        found = kind()
        if packed.Unpack(found):
            return found
    return None


def facts_of(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """Return the metadata of a failed call's ErrorInfo, and its `reason`."""
    info = detail(status_of(error), error_details_pb2.ErrorInfo)
    return {} if info is None else {**info.metadata, "reason": info.reason}


def assert_status(status: status_pb2.Status, reason: str, **metadata: str) -> None:
    """Assert the reason in our domain, and what the metadata holds beside other things."""
    info = detail(status, error_details_pb2.ErrorInfo)
    assert info is not None, status
    assert (reason, DOMAIN) == (info.reason, info.domain)
    assert metadata == {key: info.metadata.get(key) for key in metadata}
    assert detail(status, error_details_pb2.LocalizedMessage) is not None


def assert_error(error: grpc.aio.AioRpcError, code: grpc.StatusCode, reason: str, **metadata: str) -> None:
    """Assert code, reason and metadata of a failed call, and that code and sentence agree with the details."""
    status = status_of(error)
    assert code == error.code()
    assert (code.value[0], error.details()) == (status.code, status.message)
    assert_status(status, reason, **metadata)
    info = detail(status, error_details_pb2.RequestInfo)
    assert info is not None
    assert trailer(error, "x-request-id") == info.request_id


def assert_reason(error: grpc.aio.AioRpcError, reason: str, **metadata: str) -> None:
    """Assert the reason, and the code that the contract gives it."""
    assert_error(error, CODES.get(reason, grpc.StatusCode.FAILED_PRECONDITION), reason, **metadata)
