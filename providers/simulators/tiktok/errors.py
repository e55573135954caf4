"""TikTok's two kinds of errors: the flat OAuth error, and the coded error of everything else.

Owns: the exceptions and the HTTP status of each code. Knows nothing of when they are raised.
"""

# Pages "Error Handling" and "Content Posting API" of developers.tiktok.com, read 2026-11-20.
STATUS = {
    "ok": 200,
    "access_token_invalid": 401,
    "scope_not_authorized": 401,
    "scope_permission_missed": 400,
    "invalid_params": 400,
    "invalid_param": 400,
    "invalid_file_upload": 400,
    "invalid_publish_id": 400,
    "token_not_authorized_for_specified_publish_id": 400,
    "publish_not_cancellable": 400,
    "app_version_check_failed": 400,
    "spam_risk_too_many_posts": 403,
    "spam_risk_too_many_pending_share": 403,
    "spam_risk_user_banned_from_posting": 403,
    "reached_active_user_cap": 403,
    "unaudited_client_can_only_post_to_private_accounts": 403,
    "url_ownership_unverified": 403,
    "privacy_level_option_mismatch": 403,
    "rate_limit_exceeded": 429,
    "internal_error": 500,
}

MESSAGES = {
    "access_token_invalid": "The access token is invalid or not found in the request.",
    "scope_not_authorized": "The user did not authorize the scope required for completing this request.",
    "scope_permission_missed": "The requested fields need a scope that was not granted.",
    "rate_limit_exceeded": "The API rate limit was exceeded. Please try again later.",
    "internal_error": "Something is wrong. Please try again later.",
    "invalid_publish_id": "The publish_id does not exist.",
    "token_not_authorized_for_specified_publish_id": "The access token does not belong to the owner of publish_id.",
    "publish_not_cancellable": "The publish task can not be cancelled any more.",
    "spam_risk_too_many_posts": "The daily post cap from the API is reached for the current user.",
    "spam_risk_too_many_pending_share": "The daily upload cap from the API is reached for the current user.",
    "spam_risk_user_banned_from_posting": "The user is banned from making new posts.",
    "reached_active_user_cap": "The daily quota for active publishing users from your client is reached.",
    "unaudited_client_can_only_post_to_private_accounts": "Unaudited clients can only post to a private account.",
    "url_ownership_unverified": "The URL ownership of the media is not verified.",
    "privacy_level_option_mismatch": "privacy_level is missing or is not among the creator's options.",
    "app_version_check_failed": "The user's app is too old for this kind of upload.",
}


class VendorError(Exception):
    """An error in the envelope `{data, error: {code, message, log_id}}`."""

    def __init__(self, code: str, message: str = "", *, status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or MESSAGES.get(code, "")
        self.status = STATUS.get(code, 400) if status is None else status


class OAuthError(Exception):
    """An error in the flat envelope `{error, error_description, log_id}`."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
