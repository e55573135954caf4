"""The table of statuses, row by row, and what details a status brings.

Owns the proofs of `gateway/status.py` and of the reasons in `gateway/errors.py` and `gateway/reasons.py`.
"""

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from gateway import errors, reasons, status
from gateway.domain import vendor_errors
from providers import errors as providers
from socialgateway.v1.error_reason_pb2 import ErrorReason
from storage import errors as storage
from storage.database import DatabaseUnavailable
from tests.rpc.answers import assert_status, detail

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
C = grpc.StatusCode


def made(error: BaseException) -> status_pb2.Status:
    """Return the status of an error."""
    return status.from_error(error, now=NOW, request_id="r1")


ROWS: list[tuple[BaseException, grpc.StatusCode, str]] = [
    (errors.FieldInvalid("name", "is odd"), C.INVALID_ARGUMENT, "FIELD_INVALID"),
    (errors.PageTokenInvalid(), C.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"),
    (errors.RequestIdReused(), C.INVALID_ARGUMENT, "REQUEST_ID_REUSED"),
    (errors.EtagMismatch(), C.ABORTED, "ETAG_MISMATCH"),
    (errors.Conflict(), C.ABORTED, "CONFLICT"),
    (errors.StateForbids("FAILED"), C.FAILED_PRECONDITION, "STATE_FORBIDS"),
    (errors.ResourceNotFound("locations/l1/posts/p1"), C.NOT_FOUND, "RESOURCE_NOT_FOUND"),
    (errors.ResourceExists("locations/l1/posts/p1"), C.ALREADY_EXISTS, "RESOURCE_EXISTS"),
    (errors.Unauthenticated(), C.UNAUTHENTICATED, "API_KEY_INVALID"),
    (errors.LocationForbidden("l1"), C.PERMISSION_DENIED, "LOCATION_FORBIDDEN"),
    (errors.ScopeMissing("posts.read"), C.PERMISSION_DENIED, "SCOPE_MISSING"),
    (errors.QuotaExceeded("q", subject="s", limit=1), C.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"),
    (errors.GatewayUnavailable(), C.UNAVAILABLE, "GATEWAY_UNAVAILABLE"),
    (errors.DeadlineExceeded(), C.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    (errors.AuthorizationStateInvalid(), C.INVALID_ARGUMENT, "AUTHORIZATION_STATE_INVALID"),
    (errors.AuthorizationDenied(), C.FAILED_PRECONDITION, "AUTHORIZATION_DENIED"),
    (errors.ReauthorizationRequired(), C.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED"),
    (errors.ScopeNotGranted(), C.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED"),
    (errors.CapabilityMissing("ads", "not_yet"), C.UNIMPLEMENTED, "CAPABILITY_MISSING"),
    (errors.OptionUnsupported(), C.FAILED_PRECONDITION, "OPTION_UNSUPPORTED"),
    (errors.CreatorRuleBroken(), C.FAILED_PRECONDITION, "CREATOR_RULE_BROKEN"),
    (errors.ContentRejected(), C.FAILED_PRECONDITION, "CONTENT_REJECTED"),
    (errors.MediaInvalid(), C.FAILED_PRECONDITION, "MEDIA_INVALID"),
    (errors.MediaUnreachable(), C.FAILED_PRECONDITION, "MEDIA_UNREACHABLE"),
    (errors.UploadOffsetMismatch(5, 0), C.OUT_OF_RANGE, "UPLOAD_OFFSET_MISMATCH"),
    (errors.UploadChecksumMismatch(), C.INVALID_ARGUMENT, "UPLOAD_CHECKSUM_MISMATCH"),
    (errors.UploadExpired(), C.FAILED_PRECONDITION, "UPLOAD_EXPIRED"),
    (errors.CursorInvalid(), C.INVALID_ARGUMENT, "CURSOR_INVALID"),
    (errors.CursorExpired(), C.OUT_OF_RANGE, "CURSOR_EXPIRED"),
    (providers.TokenRefused(), C.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED"),
    (providers.GrantRevoked(), C.FAILED_PRECONDITION, "REAUTHORIZATION_REQUIRED"),
    (providers.ScopeNotGranted(), C.FAILED_PRECONDITION, "SCOPE_NOT_GRANTED"),
    (providers.CreatorBlocked(), C.FAILED_PRECONDITION, "CREATOR_RULE_BROKEN"),
    (providers.ContentRefused(), C.FAILED_PRECONDITION, "CONTENT_REJECTED"),
    (providers.Misconfigured(), C.FAILED_PRECONDITION, "PROVIDER_MISCONFIGURED"),
    (providers.NotFound(), C.NOT_FOUND, "RESOURCE_NOT_FOUND"),
    (providers.RateLimited(), C.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED"),
    (providers.DailyCapReached(), C.RESOURCE_EXHAUSTED, "PROVIDER_DAILY_CAP"),
    (providers.Unavailable(), C.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
    (providers.ContractBroken(), C.UNAVAILABLE, "PROVIDER_CONTRACT_BROKEN"),
    (providers.Ambiguous(), C.ABORTED, "OUTCOME_UNKNOWN"),
    (storage.NotFound("post", "p1"), C.NOT_FOUND, "RESOURCE_NOT_FOUND"),
    (storage.AlreadyExists("post", "p1"), C.ALREADY_EXISTS, "RESOURCE_EXISTS"),
    (storage.Conflict("post", "p1"), C.ABORTED, "CONFLICT"),
    (DatabaseUnavailable("x"), C.UNAVAILABLE, "GATEWAY_UNAVAILABLE"),
    (ValueError("x"), C.INTERNAL, "INTERNAL"),
    (errors.DomainError(), C.INTERNAL, "INTERNAL"),
]


@pytest.mark.parametrize(("error", "code", "reason"), ROWS, ids=lambda value: type(value).__qualname__)
def test_every_error_has_its_row(error: BaseException, code: grpc.StatusCode, reason: str) -> None:
    """Each error has its code and reason, and the details that every status carries."""
    found = made(error)
    assert code is status.code_of(found)
    assert_status(found, reason)
    request = detail(found, error_details_pb2.RequestInfo)
    assert "r1" == (request and request.request_id)


def test_the_contract_and_the_table_name_the_same_reasons() -> None:
    """Every reason of the contract has a row, and every row is in the contract."""
    assert set(ErrorReason.DESCRIPTOR.values_by_name) - {"ERROR_REASON_UNSPECIFIED"} == set(status.REASONS)


def test_the_contracts_comments_name_the_same_codes() -> None:
    """The code at the start of a reason's comment is the one in the table."""
    documented = dict(_documented_codes(Path("protos/socialgateway/v1/error_reason.proto").read_text()))
    assert documented
    assert documented == {name: status.REASONS[name].code.name for name in documented}


def _documented_codes(text: str) -> list[tuple[str, str]]:
    """Read the first word of each value's comment, where it is a code."""
    found = []
    for comment, name in re.findall(r"((?:  // .*\n)+)  ([A-Z_]+) = \d+;", text):
        word = comment.split()[1].rstrip(".")
        if hasattr(grpc.StatusCode, word):
            found.append((name, word))
    return found


def test_every_error_class_of_ours_has_a_reason_of_the_contract() -> None:
    """No class has a reason that the table does not know, and the classes' sentences end like sentences."""
    classes = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DomainError)
    ]
    assert [] == [kind.__name__ for kind in classes if kind.reason not in status.REASONS]
    assert [] == [kind.__name__ for kind in classes if not (kind.__doc__ or "").endswith(".")]


def test_every_vendor_error_has_a_reason_of_the_contract() -> None:
    """The reasons of vendors' refusals are in the table of statuses too."""
    assert set(reasons.PROVIDER_REASONS.values()) <= set(status.REASONS)


def test_bad_fields_are_listed() -> None:
    """BadRequest names each field by its path."""
    error = errors.FieldInvalid("a", "is odd", errors.Violation("b.c", "is even"))
    bad = detail(made(error), error_details_pb2.BadRequest)
    assert bad is not None
    assert [("a", "is odd"), ("b.c", "is even")] == [(item.field, item.description) for item in bad.field_violations]


def test_a_missing_resource_is_named() -> None:
    """ResourceInfo says what was looked for."""
    found = detail(made(errors.ResourceNotFound("locations/l1/posts/p1")), error_details_pb2.ResourceInfo)
    assert error_details_pb2.ResourceInfo(resource_type="posts", resource_name="locations/l1/posts/p1") == found


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.QuotaExceeded("q", subject="s", limit=1, retry_at=NOW + timedelta(seconds=7)), 7),
        (errors.QuotaExceeded("q", subject="s", limit=1, retry_at=NOW - timedelta(seconds=7)), 0.1),
        (providers.Unavailable(retry_after=timedelta(0)), 0.1),
        (providers.Unavailable(retry_after=timedelta(seconds=30)), 30),
        (providers.ContractBroken(), 30),
        (providers.Ambiguous(retry_after=timedelta(seconds=30)), None),
        (providers.RateLimited(retry_after=timedelta(seconds=30)), 30),
        (providers.RateLimited(retry_at=NOW + timedelta(minutes=1)), 60),
        (providers.Unavailable(), 1),
        (errors.GatewayUnavailable(), 1),
        (providers.DailyCapReached(), None),
        (errors.StateForbids("FAILED"), None),
        (errors.Conflict(), None),
    ],
)
def test_when_to_try_again(error: BaseException, seconds: float | None) -> None:
    """RetryInfo is there when a retry makes sense and its time is known, and only then."""
    retry = detail(made(error), error_details_pb2.RetryInfo)
    assert seconds == (None if retry is None else retry.retry_delay.ToTimedelta().total_seconds())


@pytest.mark.parametrize(("error", "code", "reason"), ROWS, ids=lambda value: type(value).__qualname__)
def test_conditions_and_quotas_have_their_details(error: BaseException, code: grpc.StatusCode, reason: str) -> None:
    """FAILED_PRECONDITION has a PreconditionFailure, RESOURCE_EXHAUSTED a QuotaFailure, other codes neither."""
    found = made(error)
    precondition = detail(found, error_details_pb2.PreconditionFailure)
    quota = detail(found, error_details_pb2.QuotaFailure)
    assert (code is C.FAILED_PRECONDITION) == (precondition is not None)
    assert (code is C.RESOURCE_EXHAUSTED) == (quota is not None)
    assert [reason] == [item.type for item in precondition.violations] if precondition else True


def test_the_vendors_words_are_kept() -> None:
    """Code, sentence, log id and metadata of the vendor's refusal are in the metadata, empty ones are not."""
    error = providers.ContentRefused("too big", provider="tiktok", code="file_format", metadata={"publishId": "v1"})
    told = {"provider": "tiktok", "providerCode": "file_format", "providerMessage": "too big", "publishId": "v1"}
    assert_status(made(error), "CONTENT_REJECTED", **told)
    info = detail(made(error), error_details_pb2.ErrorInfo)
    assert told == dict(info.metadata if info else {})


def test_a_kept_error_becomes_a_status() -> None:
    """A stored error becomes a status with its reason's code, without details that belong to a call."""
    kept = vendor_errors.as_stored(providers.ContentRefused("too big", provider="tiktok", code="file_format"))
    found = status.from_stored(kept)
    assert (C.FAILED_PRECONDITION, "too big") == (status.code_of(found), found.message)
    assert_status(found, "CONTENT_REJECTED", provider="tiktok", providerCode="file_format")
    assert None is detail(found, error_details_pb2.RequestInfo)


@pytest.mark.parametrize("kept", [{}, {"reason": "OF_A_LATER_VERSION", "message": "x"}, {"metadata": None}])
def test_a_kept_error_that_nobody_knows_does_no_harm(kept: dict[str, Any]) -> None:
    """An empty error and one of a later version are shown as they are."""
    found = status.from_stored(kept)
    assert kept.get("reason", "INTERNAL") == getattr(detail(found, error_details_pb2.ErrorInfo), "reason", None)


def on_the_wire(found: status_pb2.Status) -> int:
    """Return the size of a status's trailers as grpc-java counts them: names, values and 32 bytes for each."""
    escaped = "".join(chr(byte) if 0x20 <= byte <= 0x7E and byte != 0x25 else "%00" for byte in found.message.encode())
    headers = {
        ":status": "200",
        "content-type": "application/grpc",
        "grpc-status": str(found.code),
        "grpc-message": escaped,
        "grpc-status-details-bin": base64.b64encode(found.SerializeToString()).decode(),
        "grpc-retry-pushback-ms": "86400000",
        "x-request-id": "r" * 128,
    }
    return sum(len(name) + len(value) + 32 for name, value in headers.items())


@pytest.mark.parametrize("letter", ["x", "%", "ü", "語", "👋"])
@pytest.mark.parametrize("kind", [providers.ContentRefused, providers.RateLimited])
def test_statuses_fit_into_trailers(letter: str, kind: Any) -> None:
    """However large an error is, and whatever its letters cost on the wire, its status fits into trailers."""
    metadata = {f"k{n}": letter * 10_000 for n in range(100)}
    error = kind(letter * 100_000, code=letter * 100_000, log_id=letter * 100_000, metadata=metadata)
    assert on_the_wire(made(error)) <= 8_192


@pytest.mark.parametrize("letter", ["x", "語"])
@pytest.mark.parametrize("total", [0, 1, 36, 120, 257, 5_000])
def test_violations_that_are_not_named_are_counted(letter: str, total: int) -> None:
    """As many violations are named as fit into a client's trailers; the rest is a number in metadata and message."""
    violations = [errors.Violation(f"post.photos.sources[{n}]", letter * 100) for n in range(total)]
    found = made(errors.MediaInvalid(letter * 1000, violations=violations, metadata={"k": letter * 1000}))
    bad, info = detail(found, error_details_pb2.BadRequest), detail(found, error_details_pb2.ErrorInfo)
    named = len(bad.field_violations) if bad else 0
    omitted = int(info.metadata.get("violationsOmitted", 0)) if info else -1
    assert total == named + omitted
    assert named >= min(total, 70)
    assert (f"{omitted} more" in found.message) == (omitted > 0)
    assert on_the_wire(found) <= 8_192


@pytest.mark.parametrize(
    ("violations", "named", "described"),
    [
        ([errors.Violation(f"post.photos.sources[{n}]", "d" * 100) for n in range(10)], 10, 100),
        ([errors.Violation(f"post.photos.sources[{n}]", "d" * 100) for n in range(40)], 40, 30),
        ([errors.Violation(f"post.photos.sources[{n}]", "ü" * 300) for n in range(100)], 100, 0),
        ([errors.Violation("é" * 300, "d" * 300) for n in range(100)], 62, 0),
    ],
    ids=["few", "a carousel", "two-byte letters", "endless paths"],
)
def test_many_violations_fit_into_trailers(violations: list[errors.Violation], named: int, described: int) -> None:
    """To stay below what trailers carry, descriptions are cut first, then other texts, then violations."""
    found = made(errors.MediaInvalid("m" * 1000, violations=violations, metadata={"k": "v" * 1000}))
    bad = detail(found, error_details_pb2.BadRequest)
    assert bad is not None
    assert on_the_wire(found) <= 8_192
    assert (named, described) == (len(bad.field_violations), len(bad.field_violations[0].description))


def test_a_violation_of_another_kind_has_its_own_reason() -> None:
    """What else is wrong is named with the reason it would have alone."""
    violations = [errors.Violation("a", "x"), errors.Violation("b", "y", "FIELD_INVALID")]
    bad = detail(made(errors.MediaInvalid(violations=violations)), error_details_pb2.BadRequest)
    assert bad is not None
    assert ["MEDIA_INVALID", "FIELD_INVALID"] == [item.reason for item in bad.field_violations]
