"""Turns exceptions into `google.rpc.Status`, here and nowhere else: code, message, reason, and the details that apply.

Owns the table of all reasons. Does not know what raised an error, nor how provider errors map to reasons
(`gateway/reasons.py`). An unexpected exception becomes INTERNAL, and nothing of it reaches the caller.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from gateway.errors import DomainError, Violation
from gateway.reasons import metadata_of, reason_of
from gateway.trailers import Lengths, fitting
from providers import errors as providers
from storage import errors as storage
from storage.database import DatabaseBusy, DatabaseUnavailable
from storage.key_ring import KeyMissing, KeyUnavailable

DOMAIN = "socialgateway.dev"
LOCALE = "en-US"
DETAILS_KEY = "grpc-status-details-bin"
OMITTED = "violationsOmitted"
"""The key in the metadata of ErrorInfo under which stands how many violations are not named."""

MIN_DELAY = timedelta(milliseconds=100)
"""A delay of 0 is never sent: grpcio 1.85 does not repeat a call at all that is pushed back by 0."""

NOT_AGAIN = frozenset({"OUTCOME_UNKNOWN"})
"""Reasons after which the same call may do twice what it should do once."""

MAX_METADATA = 12


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its code, the message for end users, and the retry delay if the error itself has none."""

    code: grpc.StatusCode
    user: str
    retry: timedelta | None = None


_C = grpc.StatusCode
_ASK_AGAIN = "Something changed at the same time. Please look at it again and repeat."
_BAD = "The request could not be understood."
_LATER = "The service is busy. Please try again later."
_RECONNECT = "This account must be connected again."
_NETWORK = "The social network does not answer at the moment. Please try again later."
_SECOND = timedelta(seconds=1)

REASONS: dict[str, Reason] = {
    "INTERNAL": Reason(_C.INTERNAL, "Something went wrong on our side. Please try again later."),
    "GATEWAY_UNAVAILABLE": Reason(_C.UNAVAILABLE, _LATER, _SECOND),
    "DEADLINE_EXCEEDED": Reason(_C.DEADLINE_EXCEEDED, "This took too long. Please try again later."),
    "FIELD_INVALID": Reason(_C.INVALID_ARGUMENT, _BAD),
    "PAGE_TOKEN_INVALID": Reason(_C.INVALID_ARGUMENT, "This list cannot be continued. Please start it again."),
    "REQUEST_ID_REUSED": Reason(_C.INVALID_ARGUMENT, _BAD),
    "ETAG_MISMATCH": Reason(_C.ABORTED, _ASK_AGAIN),
    "CONFLICT": Reason(_C.ABORTED, _ASK_AGAIN),
    "STATE_FORBIDS": Reason(_C.FAILED_PRECONDITION, "This is not possible at the moment."),
    "RESOURCE_NOT_FOUND": Reason(_C.NOT_FOUND, "This does not exist."),
    "RESOURCE_EXISTS": Reason(_C.ALREADY_EXISTS, "This exists already."),
    "API_KEY_INVALID": Reason(_C.UNAUTHENTICATED, "The application is not signed in."),
    "TOKEN_INVALID": Reason(_C.UNAUTHENTICATED, "The application is not signed in."),
    "ISSUER_UNAVAILABLE": Reason(_C.UNAVAILABLE, _LATER, timedelta(seconds=5)),
    "CERTIFICATE_INVALID": Reason(_C.UNAUTHENTICATED, "The application is not signed in."),
    "LOCATION_FORBIDDEN": Reason(_C.PERMISSION_DENIED, "The application may not use this location."),
    "SCOPE_MISSING": Reason(_C.PERMISSION_DENIED, "The application may not do this."),
    "QUOTA_EXCEEDED": Reason(_C.RESOURCE_EXHAUSTED, _LATER),
    "AUTHORIZATION_STATE_INVALID": Reason(_C.INVALID_ARGUMENT, "This sign-in has expired. Please start it again."),
    "AUTHORIZATION_DENIED": Reason(_C.FAILED_PRECONDITION, "The access was not granted."),
    "REAUTHORIZATION_REQUIRED": Reason(_C.FAILED_PRECONDITION, _RECONNECT),
    "SCOPE_NOT_GRANTED": Reason(_C.FAILED_PRECONDITION, "This account was connected without the permission for this."),
    "CAPABILITY_MISSING": Reason(_C.UNIMPLEMENTED, "The social network does not offer this."),
    "OPTION_UNSUPPORTED": Reason(_C.FAILED_PRECONDITION, "The social network does not offer this option."),
    "CREATOR_RULE_BROKEN": Reason(_C.FAILED_PRECONDITION, "The account's own settings do not allow this post."),
    "CONTENT_REJECTED": Reason(_C.FAILED_PRECONDITION, "The social network refused this content."),
    "MEDIA_INVALID": Reason(_C.FAILED_PRECONDITION, "This file cannot be posted."),
    "MEDIA_UNREACHABLE": Reason(_C.FAILED_PRECONDITION, "The file could not be fetched."),
    "UPLOAD_OFFSET_MISMATCH": Reason(_C.OUT_OF_RANGE, "The upload was interrupted and must be resumed."),
    "UPLOAD_CHECKSUM_MISMATCH": Reason(_C.INVALID_ARGUMENT, "The file was damaged on its way. Please upload it again."),
    "UPLOAD_EXPIRED": Reason(_C.FAILED_PRECONDITION, "The upload has expired. Please upload the file again."),
    "PROVIDER_RATE_LIMITED": Reason(_C.RESOURCE_EXHAUSTED, "The social network asks to slow down. Please try later."),
    "PROVIDER_DAILY_CAP": Reason(
        _C.RESOURCE_EXHAUSTED, "The account has reached the social network's limit for today."
    ),
    "PROVIDER_UNAVAILABLE": Reason(_C.UNAVAILABLE, _NETWORK, _SECOND),
    "PROVIDER_CONTRACT_BROKEN": Reason(_C.UNAVAILABLE, _NETWORK, timedelta(seconds=30)),
    "PROVIDER_MISCONFIGURED": Reason(_C.FAILED_PRECONDITION, "The application is not set up for this social network."),
    # Usually a resource's state; a call fails with it only if there is no resource. Not UNAVAILABLE: that is retried.
    "OUTCOME_UNKNOWN": Reason(_C.ABORTED, "It is not known yet whether this worked. Please look again later."),
    "CURSOR_INVALID": Reason(_C.INVALID_ARGUMENT, _BAD),
    "CURSOR_EXPIRED": Reason(_C.OUT_OF_RANGE, "Some events are no longer kept. Please read everything anew."),
    "AUDIENCE_TOO_SMALL": Reason(_C.FAILED_PRECONDITION, "The audience has too few members."),
    "BUDGET_CEILING_EXCEEDED": Reason(_C.FAILED_PRECONDITION, "This would spend more than is allowed."),
    "SPEND_CONFIRMATION_REQUIRED": Reason(_C.FAILED_PRECONDITION, "This spends money and must be confirmed."),
    "AGENCY_FORBIDDEN": Reason(_C.PERMISSION_DENIED, "The application may not administer this agency."),
    "AGENCY_SUSPENDED": Reason(_C.PERMISSION_DENIED, "The agency is suspended. Please ask its operator."),
    "CONFIRMATION_REQUIRED": Reason(_C.FAILED_PRECONDITION, "This cannot be undone and must be confirmed."),
}


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What a caller may learn about one error, whatever raised it."""

    reason: str
    message: str
    metadata: Mapping[str, str]
    violations: tuple[Violation, ...] = ()
    resource: str = ""
    retry_at: datetime | None = None
    retry_after: timedelta | None = None


INTERNAL = ErrorFacts("INTERNAL", "The gateway failed; the cause is in its log under the request id.", {})


def from_error(error: BaseException, *, now: datetime, request_id: str = "") -> status_pb2.Status:
    """Turn any exception into the caller's status; `now` is needed to turn points in time into delays."""
    return _status(error_facts(error), now=now, request_id=request_id)


def from_stored(stored: Mapping[str, Any]) -> status_pb2.Status:
    """Turn an error stored with a resource into its status.

    `stored` has `reason`, `message`, `metadata` (str to str) and `violations` (the fields of `Violation`); all but the
    reason are optional. A reason that this version does not know becomes UNKNOWN.
    """
    metadata = {str(key): str(value) for key, value in (stored.get("metadata") or {}).items()}
    violations = tuple(Violation(**each) for each in stored.get("violations") or ())
    facts = ErrorFacts(str(stored.get("reason", "INTERNAL")), str(stored.get("message", "")), metadata, violations)
    return _status(facts, now=None, request_id="")


def code_of(status: status_pb2.Status) -> grpc.StatusCode:
    """Return gRPC's own enum member for the status's code."""
    return _BY_NUMBER[status.code]


_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


def error_facts(error: BaseException) -> ErrorFacts:
    """Return what a caller may learn about an exception: by its class, or by the nearest base class in a table."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return error_facts(error.exceptions[0])
    if isinstance(error, DomainError):
        return ErrorFacts(error.reason, error.message, error.metadata, error.violations, error.resource, error.retry_at)
    if isinstance(error, providers.ProviderError):
        return _of_provider(error)
    for kind, describe in _OTHERS.items():
        if isinstance(error, kind):
            return describe(error)
    return INTERNAL


def _of_provider(error: providers.ProviderError) -> ErrorFacts:
    """Return our reason together with the vendor's own code and message."""
    return ErrorFacts(reason_of(error), error.message, metadata_of(error), (), "", error.retry_at, error.retry_after)


def _of_storage(reason: str, sentence: str) -> Callable[[Any], ErrorFacts]:
    """Return the function that describes one of storage's errors."""
    return lambda error: ErrorFacts(reason, sentence, {}, (), f"{error.kind}/{error.id}" if error.id else "")


_OTHERS: dict[type[BaseException], Callable[[Any], ErrorFacts]] = {
    storage.NotFound: _of_storage("RESOURCE_NOT_FOUND", "There is no such resource."),
    storage.AlreadyExists: _of_storage("RESOURCE_EXISTS", "There is already a resource with this name."),
    storage.Conflict: _of_storage("CONFLICT", "Another request changed the same resource at the same time."),
    # Before its base class.
    DatabaseBusy: lambda _: ErrorFacts(
        "GATEWAY_UNAVAILABLE", "What this needs is locked by other work, or too much is waiting; try again.", {}
    ),
    DatabaseUnavailable: lambda _: ErrorFacts("GATEWAY_UNAVAILABLE", "The gateway's database cannot be reached.", {}),
    # Before its base class. The log and `doctor` say what the service said.
    KeyUnavailable: lambda _: ErrorFacts(
        "GATEWAY_UNAVAILABLE", "The service that keeps an encryption key does not answer.", {}
    ),
    # Another process sealed with a key that this one does not have. The log and `doctor` name the key.
    KeyMissing: lambda _: ErrorFacts(
        "GATEWAY_UNAVAILABLE", "An encryption key that is in use is missing in this process.", {}
    ),
}


def _status(facts: ErrorFacts, *, now: datetime | None, request_id: str) -> status_pb2.Status:
    """Build the status: ErrorInfo first, then the details that apply."""
    row = REASONS.get(facts.reason) or Reason(grpc.StatusCode.UNKNOWN, REASONS["INTERNAL"].user)

    def build(lengths: Lengths, count: int) -> status_pb2.Status:
        omitted = len(facts.violations) - count
        status = status_pb2.Status(code=row.code.value[0], message=_message(facts, lengths, omitted))
        for detail in _details(facts, row, now, request_id, lengths, count):
            status.details.add().Pack(detail)
        return status

    return fitting(build, len(facts.violations))


def _message(facts: ErrorFacts, lengths: Lengths, omitted: int) -> str:
    """Return the message for developers, with the number of violations that are not named."""
    counted = f" ({omitted} more violations are not named here.)" if omitted else ""
    return _cut(facts.message, lengths.sentence) + counted


def _details(
    facts: ErrorFacts, row: Reason, now: datetime | None, request_id: str, lengths: Lengths, count: int
) -> Iterator[Message]:
    """Yield the details, the most important first; of the violations only the first `count`."""
    delay = _delay(facts, row, now)
    omitted = len(facts.violations) - count
    metadata = _metadata(facts, lengths.value) | ({OMITTED: str(omitted)} if omitted else {})
    yield error_details_pb2.ErrorInfo(reason=facts.reason, domain=DOMAIN, metadata=metadata)
    if request_id:
        yield error_details_pb2.RequestInfo(request_id=request_id)
    yield error_details_pb2.LocalizedMessage(locale=LOCALE, message=row.user)
    if count:
        yield _bad_request(facts, lengths, count)
    if facts.resource:
        yield _resource(facts.resource, lengths.value)
    if row.code is grpc.StatusCode.FAILED_PRECONDITION:
        yield _precondition(facts, lengths.value)
    if row.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        yield _quota(facts, lengths.value)
    if delay is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(delay)
        yield retry


def _delay(facts: ErrorFacts, row: Reason, now: datetime | None) -> timedelta | None:
    """Return the retry delay: the error's own, else the reason's; none where a repeat is harmful."""
    if facts.reason in NOT_AGAIN:
        return None
    if facts.retry_after is not None:
        return max(facts.retry_after, MIN_DELAY)
    if facts.retry_at is not None and now is not None:
        return max(facts.retry_at - now, MIN_DELAY)
    return row.retry


def retry_delay(status: status_pb2.Status) -> timedelta | None:
    """Return the delay in a status's RetryInfo, None without one."""
    found = error_details_pb2.RetryInfo()
    for packed in status.details:
        if packed.Unpack(found):
            delay: timedelta = found.retry_delay.ToTimedelta()
            return delay
    return None


def _metadata(facts: ErrorFacts, length: int) -> dict[str, str]:
    """Truncate the metadata to values of `length` characters, and add `retryAt`."""
    metadata = dict(facts.metadata)
    if facts.retry_at is not None:
        metadata.setdefault("retryAt", facts.retry_at.isoformat())
    return {key: _cut(value, length) for key, value in list(metadata.items())[:MAX_METADATA]}


def _bad_request(facts: ErrorFacts, lengths: Lengths, count: int) -> error_details_pb2.BadRequest:
    """Return the first `count` violations, each with its own reason."""
    detail = error_details_pb2.BadRequest()
    for violation in facts.violations[:count]:
        detail.field_violations.add(
            field=_cut(violation.field, lengths.value),
            description=_cut(violation.description, lengths.description),
            reason=violation.reason or facts.reason,
        )
    return detail


def _resource(name: str, length: int) -> Any:
    """Return the ResourceInfo; the type is the last collection in the name."""
    parts = name.split("/")
    kind = parts[-2] if len(parts) > 1 else ""
    return error_details_pb2.ResourceInfo(resource_type=_cut(kind, length), resource_name=_cut(name, length))


def _precondition(facts: ErrorFacts, length: int) -> Any:
    """Return which condition failed, and for what."""
    detail = error_details_pb2.PreconditionFailure()
    subject = facts.resource or facts.metadata.get("account") or facts.metadata.get("connection", "")
    description = _cut(facts.message, length)
    detail.violations.add(type=facts.reason, subject=_cut(subject, length), description=description)
    return detail


def _quota(facts: ErrorFacts, length: int) -> Any:
    """Return which quota is used up, and whose."""
    detail = error_details_pb2.QuotaFailure()
    subject = facts.metadata.get("subject") or facts.metadata.get("account") or facts.metadata.get("provider", "")
    detail.violations.add(
        subject=_cut(subject, length),
        description=_cut(facts.message, length),
        api_service=_cut(facts.metadata.get("provider", DOMAIN), length),
        quota_id=_cut(facts.metadata.get("quota") or facts.metadata.get("providerCode", ""), length),
    )
    return detail


def _cut(text: str, length: int) -> str:
    """Truncate a text to `length` characters, marking the cut with "…"."""
    return text if len(text) <= length else text[: length - 1] + "…" if length else ""


def code_name(status: status_pb2.Status) -> str:
    """Return the canonical name of the status's code."""
    return str(code_pb2.Code.Name(status.code))
