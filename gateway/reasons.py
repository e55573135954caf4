"""Which reason of the contract a vendor's refusal is: one table, for the statuses and for the errors kept with a post.

Owns the table. Knows no transport; `gateway/status.py` makes statuses of the reasons.
"""

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


def reason_of(error: providers.ProviderError) -> str:
    """Return the reason of the error's own class, or of the nearest above it."""
    return next(PROVIDER_REASONS[kind] for kind in type(error).__mro__ if kind in PROVIDER_REASONS)


def metadata_of(error: providers.ProviderError) -> dict[str, str]:
    """Return what the vendor said, as metadata: it is never swallowed."""
    ours = dict(error.metadata)
    if isinstance(error, providers.OptionUnsupported | providers.CapabilityMissing):
        # Refused here, by what is known of the vendor: it was never asked, so it said nothing.
        return {**ours, "provider": error.provider} if error.provider else ours
    told = {
        "provider": error.provider,
        "providerCode": error.code,
        "providerMessage": ours.pop("provider_message", "") or (error.message if error.code else ""),
        "providerLogId": error.log_id,
    }
    return {**ours, **{key: value for key, value in told.items() if value}}
