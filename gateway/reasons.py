"""Maps errors to the contract's reasons, for statuses and for the errors stored with a post.

Owns the table. Knows no transport; `gateway/status.py` turns reasons into statuses.
"""

from gateway.errors import DomainError
from providers import errors as providers

PROVIDER_REASONS: dict[type[providers.ProviderError], str] = {
    providers.TokenRefused: "REAUTHORIZATION_REQUIRED",
    providers.GrantRevoked: "REAUTHORIZATION_REQUIRED",
    providers.ScopeNotGranted: "SCOPE_NOT_GRANTED",
    providers.DailyCapReached: "PROVIDER_DAILY_CAP",
    providers.CreatorBlocked: "CREATOR_RULE_BROKEN",
    providers.OptionUnsupported: "OPTION_UNSUPPORTED",
    providers.SettingInvalid: "FIELD_INVALID",
    providers.CapabilityMissing: "CAPABILITY_MISSING",
    providers.ContentRefused: "CONTENT_REJECTED",
    providers.UploadGone: "UPLOAD_EXPIRED",
    providers.NotFound: "RESOURCE_NOT_FOUND",
    providers.MediaUnreachable: "MEDIA_UNREACHABLE",
    providers.MediaTooLarge: "MEDIA_INVALID",
    providers.Misconfigured: "PROVIDER_MISCONFIGURED",
    providers.Rejected: "CONTENT_REJECTED",
    providers.QuotaUsedUp: "QUOTA_EXCEEDED",
    providers.RateLimited: "PROVIDER_RATE_LIMITED",
    providers.MediaUnavailable: "MEDIA_UNREACHABLE",
    providers.Temporary: "PROVIDER_UNAVAILABLE",
    providers.Ambiguous: "OUTCOME_UNKNOWN",
    providers.ContractBroken: "PROVIDER_CONTRACT_BROKEN",
    providers.ProviderError: "PROVIDER_UNAVAILABLE",
}


def reason_of(error: DomainError | providers.ProviderError) -> str:
    """Return the error's own reason, or for a provider's error that of its class, or of its nearest base class in the
    table.
    """
    if isinstance(error, DomainError):
        return error.reason
    return next(PROVIDER_REASONS[kind] for kind in type(error).__mro__ if kind in PROVIDER_REASONS)


def metadata_of(error: providers.ProviderError) -> dict[str, str]:
    """Return the vendor's code, message and log id as metadata, so that they always reach the caller."""
    metadata = dict(error.metadata)
    if isinstance(error, providers.OptionUnsupported | providers.CapabilityMissing):
        # Refused by our own capability table: the vendor was not called.
        return {**metadata, "provider": error.provider} if error.provider else metadata
    vendor = {
        "provider": error.provider,
        "providerCode": error.code,
        "providerMessage": metadata.pop("provider_message", "") or (error.message if error.code else ""),
        "providerLogId": error.log_id,
    }
    return {**metadata, **{key: value for key, value in vendor.items() if value}}
