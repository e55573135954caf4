"""The gateway's own errors, one flat tree: each class is one reason of the contract, its docstring the message.

Owns the reasons and the details that go with them (fields, resource, when to try again). Knows no transport:
`gateway/status.py` turns these errors into statuses, and `providers/errors.py` has the vendors' errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Violation:
    """One invalid field of a request: its path as in the contract (`post.caption`), what was expected, and the reason
    if it differs from the error's.
    """

    field: str
    description: str
    reason: str = ""


class DomainError(Exception):
    """The request cannot be done."""

    reason = "INTERNAL"

    def __init__(
        self,
        detail: str = "",
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        resource: str = "",
        retry_at: datetime | None = None,
    ) -> None:
        """Build the message from the class's docstring and `detail`; both reach the caller, so put no secrets in them.

        `metadata` has lowerCamelCase keys; `resource` is a resource name; `retry_at` is aware UTC.
        """
        sentence = (self.__doc__ or "").strip().splitlines()[0]
        super().__init__(f"{sentence} {detail}".strip() if detail else sentence)
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.resource = resource
        self.retry_at = retry_at

    @property
    def message(self) -> str:
        """The message for developers."""
        return str(self.args[0])


class FieldInvalid(DomainError):
    """A field of the request is missing or malformed."""

    reason = "FIELD_INVALID"

    def __init__(self, field: str, description: str, *more: Violation) -> None:
        """Report the field by its path; `more` are further violations in the same request."""
        first = Violation(field, description)
        super().__init__(f"{field}: {description}", metadata={"field": field}, violations=(first, *more))


class PageTokenInvalid(DomainError):
    """The page token was not made by this method for this request; start again without one."""

    reason = "PAGE_TOKEN_INVALID"


class RequestIdReused(DomainError):
    """This request_id was already used with another request body."""

    reason = "REQUEST_ID_REUSED"


class EtagMismatch(DomainError):
    """The resource changed since it was read; read it again."""

    reason = "ETAG_MISMATCH"


class Conflict(DomainError):
    """Another request changed the same resource at the same time; read it again."""

    reason = "CONFLICT"


class StateForbids(DomainError):
    """The resource is in a state that does not allow this."""

    reason = "STATE_FORBIDS"

    def __init__(self, state: str, detail: str = "", *, resource: str = "") -> None:
        """Report the state that the resource is in, as the contract spells it."""
        super().__init__(detail, metadata={"state": state}, resource=resource)


class ResourceNotFound(DomainError):
    """There is no such resource."""

    reason = "RESOURCE_NOT_FOUND"

    def __init__(self, resource: str) -> None:
        """Report the name of the missing resource."""
        super().__init__(resource=resource, metadata={"resource": resource})


class ResourceExists(DomainError):
    """There is already a resource with this name."""

    reason = "RESOURCE_EXISTS"

    def __init__(self, resource: str) -> None:
        """Report the name of the existing resource."""
        super().__init__(resource=resource, metadata={"resource": resource})


class Unauthenticated(DomainError):
    """The call carries no API key that is valid now."""

    reason = "API_KEY_INVALID"


class TokenInvalid(Unauthenticated):
    """The call carries a JSON Web Token that is not valid here now."""

    reason = "TOKEN_INVALID"

    def __init__(self, problem: str) -> None:
        """Report what is wrong with the token, in a word of the contract."""
        super().__init__(metadata={"problem": problem})


class IssuerUnavailable(DomainError):
    """The keys of the token's issuer cannot be read now; nothing was done."""

    reason = "ISSUER_UNAVAILABLE"

    def __init__(self, issuer: str, *, retry_at: datetime | None = None) -> None:
        """Report the issuer by its name in the configuration."""
        super().__init__(metadata={"issuer": issuer}, retry_at=retry_at)


class CertificateInvalid(Unauthenticated):
    """The client's certificate stands for no caller."""

    reason = "CERTIFICATE_INVALID"

    def __init__(self, problem: str) -> None:
        """Report what is wrong with the certificate, in a word of the contract."""
        super().__init__(metadata={"problem": problem})


class LocationForbidden(DomainError):
    """The API key may not use this location."""

    reason = "LOCATION_FORBIDDEN"

    def __init__(self, location: str) -> None:
        """Report the location's id as the caller sent it, without revealing whether it exists or whose it is."""
        text = (
            "It is not the key's, or not its agency's: an operator assigns it, names it in a key, or gives the key the "
            "scope locations.claim, with which it may claim a location that nobody has."
        )
        super().__init__(text, metadata={"location": f"locations/{location}"})


class ScopeMissing(DomainError):
    """The API key does not have the scope that this method needs."""

    reason = "SCOPE_MISSING"

    def __init__(self, scope: str) -> None:
        """Report the scope that the method needs."""
        super().__init__(metadata={"scope": scope})


class QuotaExceeded(DomainError):
    """A quota is used up; nothing was sent."""

    reason = "QUOTA_EXCEEDED"

    def __init__(self, quota: str, *, subject: str, limit: int, retry_at: datetime | None = None) -> None:
        """Report the quota, its subject, and its limit."""
        metadata = {"quota": quota, "subject": subject, "limit": str(limit)}
        super().__init__(metadata=metadata, retry_at=retry_at)


class StorageFull(QuotaExceeded):
    """The disk has no room for uploads now; delete uploads that are not needed, or try again when there is room."""

    def __init__(self, room: int, retry_at: datetime) -> None:
        """Report how many bytes uploads may still use."""
        super().__init__("uploadDisk", subject="gateway", limit=max(room, 0), retry_at=retry_at)


class DailyCapReached(QuotaExceeded):
    """The provider's daily limit is used up, as it has reported before; nothing was sent."""

    reason = "PROVIDER_DAILY_CAP"


class GatewayUnavailable(DomainError):
    """The gateway cannot serve this call now; nothing was done."""

    reason = "GATEWAY_UNAVAILABLE"


class GatewayStopping(DomainError):
    """The gateway stopped while this call ran; what the call had begun may have been done."""

    reason = "GATEWAY_UNAVAILABLE"


class DeadlineExceeded(DomainError):
    """The call took longer than its deadline; what it had begun may still finish."""

    reason = "DEADLINE_EXCEEDED"


class AuthorizationStateInvalid(DomainError):
    """The state of this authorisation is unknown, was used before, or has expired; start again."""

    reason = "AUTHORIZATION_STATE_INVALID"


class AuthorizationDenied(DomainError):
    """The user, or the provider, did not grant the authorisation."""

    reason = "AUTHORIZATION_DENIED"


class OutcomeUnknown(DomainError):
    """The provider may have done this, but did not confirm it."""

    reason = "OUTCOME_UNKNOWN"


class ReauthorizationRequired(DomainError):
    """The grant is no longer valid; the account's owner must authorise again."""

    reason = "REAUTHORIZATION_REQUIRED"


class ScopeNotGranted(DomainError):
    """The account's owner did not grant the scope that this needs."""

    reason = "SCOPE_NOT_GRANTED"


class CapabilityMissing(DomainError):
    """The provider cannot do this."""

    reason = "CAPABILITY_MISSING"

    def __init__(self, capability: str, support: str, note: str = "") -> None:
        """Report the capability and its level of support; the note says why it is missing."""
        super().__init__(note, metadata={"capability": capability.upper(), "support": support.upper()})


class OptionUnsupported(DomainError):
    """The provider cannot do this with the given option."""

    reason = "OPTION_UNSUPPORTED"


class CreatorRuleBroken(DomainError):
    """The creator's own settings at the provider do not allow this post."""

    reason = "CREATOR_RULE_BROKEN"


class ContentRejected(DomainError):
    """The provider refused the content."""

    reason = "CONTENT_REJECTED"


class MediaInvalid(DomainError):
    """The media cannot be used for this."""

    reason = "MEDIA_INVALID"


class MediaUnreachable(DomainError):
    """The media could not be downloaded from its address."""

    reason = "MEDIA_UNREACHABLE"


class UploadOffsetMismatch(DomainError):
    """The bytes do not continue where the upload stands; continue at committedSize."""

    reason = "UPLOAD_OFFSET_MISMATCH"

    def __init__(self, committed_size: int, write_offset: int, *, resource: str = "") -> None:
        """Report how many bytes are committed, and at which offset the caller wrote."""
        metadata = {"committedSize": str(committed_size), "writeOffset": str(write_offset)}
        super().__init__(metadata=metadata, resource=resource)


class UploadChecksumMismatch(DomainError):
    """The bytes are not those that their checksum or size announced."""

    reason = "UPLOAD_CHECKSUM_MISMATCH"


class UploadExpired(DomainError):
    """The upload has expired; create a new one."""

    reason = "UPLOAD_EXPIRED"


class CursorInvalid(DomainError):
    """The cursor was not made by this gateway for this stream."""

    reason = "CURSOR_INVALID"


class CursorExpired(DomainError):
    """The cursor points before the oldest event that is kept."""

    reason = "CURSOR_EXPIRED"


class MemberOffsetMismatch(DomainError):
    """The members do not continue where the audience stands; continue at pendingMembers."""

    reason = "UPLOAD_OFFSET_MISMATCH"

    def __init__(self, pending: int, offset: int, *, resource: str = "") -> None:
        """Report how many members are pending, and at which offset the caller continued."""
        metadata = {"pendingMembers": str(pending), "memberOffset": str(offset)}
        super().__init__(metadata=metadata, resource=resource)


class AudienceTooSmall(DomainError):
    """The vendor takes no so few members at a time; nothing was sent, and more can be added."""

    reason = "AUDIENCE_TOO_SMALL"


class BudgetCeilingExceeded(DomainError):
    """This would spend more than the operator's ceiling; repeat it with spendConfirmation if it is meant."""

    reason = "BUDGET_CEILING_EXCEEDED"


class SpendConfirmationRequired(DomainError):
    """This spends money, and no ceiling is set for its currency; repeat it with spendConfirmation if it is meant."""

    reason = "SPEND_CONFIRMATION_REQUIRED"


class AgencyForbidden(DomainError):
    """The API key may not administer this agency."""

    reason = "AGENCY_FORBIDDEN"

    def __init__(self, agency: str) -> None:
        """Report the agency's id as the caller sent it, without revealing whether it exists."""
        super().__init__(metadata={"agency": f"agencies/{agency}"})


class AgencySuspended(DomainError):
    """An operator has suspended this agency."""

    reason = "AGENCY_SUSPENDED"

    def __init__(self, agency: str, key_id: str = "") -> None:
        """Report the caller's own agency; `key_id` is who was refused, for the audit log."""
        super().__init__(metadata={"agency": f"agencies/{agency}"})
        self.agency, self.key_id = agency, key_id


class ConfirmationRequired(DomainError):
    """This cannot be undone; repeat it with the confirmation if it is meant."""

    reason = "CONFIRMATION_REQUIRED"
