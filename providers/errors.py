"""What can go wrong at a vendor, in our vocabulary: one small tree, each error with its permanence.

    ProviderError
    ├── Rejected             the vendor refused, and would refuse the same call again
    │   ├── TokenRefused         the access token is dead: refresh once, then reauthorise
    │   ├── GrantRevoked         the refresh token or the whole grant is dead: a human must consent again
    │   ├── ScopeNotGranted      the user never granted what this call needs: never answered with a refresh
    │   ├── CreatorBlocked       the creator cannot post now, whatever is sent
    │   │   └── DailyCapReached      a daily cap (posts, drafts, active creators) is used up
    │   ├── ContentRefused       these media or options are refused
    │   │   └── OptionUnsupported    the vendor has no such option and would silently ignore it
    │   ├── SettingInvalid       a setting of a connection is not valid; refused before any call
    │   ├── CapabilityMissing    the provider's table does not promise this; refused before any call
    │   ├── UploadGone           the upload URL expired or its task is unknown: a new submit is needed
    │   ├── NotFound             the vendor does not know this id
    │   ├── MediaUnreachable     a caller's URL does not serve the medium, or points to a host we do not connect to
    │   ├── MediaTooLarge        a caller's URL serves more bytes than can be used
    │   ├── WebhookRefused       a delivery that is not authentic, or cannot be parsed
    │   └── Misconfigured        the operator's application is wrong (client key, redirect URI, host not allowed)
    ├── Temporary            nothing happened, the same call may be made again
    │   ├── RateLimited
    │   │   └── QuotaUsedUp          our own quota ledger predicts a refusal; nothing was sent
    │   └── Unavailable
    │       └── MediaUnavailable     a caller's URL does not serve the medium now
    ├── Ambiguous            a write may have happened: a state of the resource, never a blind retry
    └── ContractBroken       the vendor's answer is not what it documents; kept with its log id

Knows no vendor and no caller; `gateway/status.py` turns these into statuses.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from providers.capabilities import Capability, CapabilityTable, Support


class Permanence(StrEnum):
    """Whether the same call may succeed later, and whether it may have happened."""

    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    AMBIGUOUS = "ambiguous"


class ProviderError(Exception):
    """The provider could not do what was asked."""

    permanence = Permanence.PERMANENT

    def __init__(
        self,
        message: str = "",
        *,
        provider: str = "",
        code: str = "",
        log_id: str = "",
        http_status: int = 0,
        retry_after: timedelta | None = None,
        retry_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        unproven: bool = False,
        refuses_grant: bool = False,
    ) -> None:
        """Store the vendor's own `code`, `log_id` and HTTP status beside our message; none may contain a secret.

        A provider sets `unproven` on the refusal of a write that its vendor may have carried out all the same: whoever
        would repeat the write, or call it failed, looks at the vendor first. It sets `refuses_grant` on the refusal of
        a token call whose words may mean that the grant is over, but do not say so as OAuth does.
        """
        super().__init__(message or (self.__doc__ or "").strip())
        self.provider = provider
        self.code = code
        self.log_id = log_id
        self.http_status = http_status
        self.retry_after = retry_after
        self.retry_at = retry_at
        self.unproven = unproven
        self.refuses_grant = refuses_grant
        self.metadata = dict(metadata or {})

    @property
    def message(self) -> str:
        """The message for developers."""
        return str(self.args[0])


class Rejected(ProviderError):
    """The provider refused the request."""


class TokenRefused(Rejected):
    """The provider refused the access token."""


class GrantRevoked(Rejected):
    """The grant is no longer valid; the user must authorise again."""


class ScopeNotGranted(Rejected):
    """The grant lacks a scope that this call needs."""


class CreatorBlocked(Rejected):
    """The creator cannot post through the API now."""


class DailyCapReached(CreatorBlocked):
    """A daily cap of the provider is used up."""


class ContentRefused(Rejected):
    """The provider refused the content or its options."""


class OptionUnsupported(ContentRefused):
    """The provider has no such option."""

    def __init__(self, message: str = "", *, field: str, provider: str = "") -> None:
        """Store the `field`, our name of the option."""
        super().__init__(message, provider=provider, code="option_unsupported", metadata={"field": field})
        self.field = field


class SettingInvalid(Rejected):
    """The setting of this connection cannot be used."""

    def __init__(self, name: str, description: str, *, provider: str = "") -> None:
        """Store the setting's name, and a description of what is expected of it."""
        super().__init__(f"{name}: {description}", provider=provider, code="setting", metadata={"setting": name})
        self.name = name
        self.description = description


class CapabilityMissing(Rejected):
    """The provider cannot do this."""

    def __init__(self, capability: Capability, support: Support, note: str, *, provider: str = "") -> None:
        """Store the capability, its support (NOT_YET or IMPOSSIBLE), and the table's note."""
        super().__init__(
            f"{provider or 'The provider'} cannot do {capability} ({support}): {note}",
            provider=provider,
            code="capability_missing",
            metadata={"capability": capability.value, "support": support.value},
        )
        self.capability = capability
        self.support = support
        self.note = note


class UploadGone(Rejected):
    """The upload address is expired or unknown at the provider."""


class NotFound(Rejected):
    """The provider does not know this resource."""


class MediaUnreachable(Rejected):
    """The medium cannot be fetched from its address."""


class MediaTooLarge(Rejected):
    """The medium is larger than what can be used."""

    def __init__(self, size: int, allowed: int) -> None:
        """`size` is the least number of bytes that the medium has, `allowed` the limit in bytes."""
        metadata = {"rule": "sizeBytes", "value": str(size), "allowed": str(allowed)}
        super().__init__(f"The medium has {size} bytes or more, {allowed} are allowed.", metadata=metadata)


class WebhookRefused(Rejected):
    """The delivery is not authentic, too old, or not readable."""


class Misconfigured(Rejected):
    """The application registered at the provider, or our configuration of it, is wrong."""


class Temporary(ProviderError):
    """The provider could not answer now; nothing was done."""

    permanence = Permanence.TEMPORARY


class RateLimited(Temporary):
    """The provider's rate limit was reached."""


class QuotaUsedUp(RateLimited):
    """A quota of the provider is used up for now; nothing was sent."""

    def __init__(
        self, quota: str, *, subject: str, limit: int, provider: str = "", retry_after: timedelta, retry_at: datetime
    ) -> None:
        """`quota` is the metric, `subject` the resource it is counted for, `retry_at` when the next slot is free."""
        metadata = {"quota": quota, "subject": subject, "limit": str(limit)}
        super().__init__(provider=provider, retry_after=retry_after, retry_at=retry_at, metadata=metadata)


class Unavailable(Temporary):
    """The provider cannot be reached or is failing."""


class MediaUnavailable(Unavailable):
    """The medium cannot be fetched from its address now."""


class Ambiguous(ProviderError):
    """The request was sent and its outcome is unknown."""

    permanence = Permanence.AMBIGUOUS


class ContractBroken(ProviderError):
    """The provider answered with something it does not document."""

    permanence = Permanence.TEMPORARY


def require(table: CapabilityTable, capability: Capability) -> None:
    """Raise CapabilityMissing, with the table's note, unless the capability may be used."""
    if not table.can(capability):
        cell = table.cell(capability)
        raise CapabilityMissing(capability, cell.support, cell.note, provider=table.provider)
