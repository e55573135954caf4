"""The error codes of TikTok's API for Business, all of them with HTTP 200.

Owns: the exception and the usual message of each code. Knows nothing of when they are raised.
"""

MESSAGES = {
    40000: "Invalid parameters",
    40001: "No permission to operate this object",
    40002: "Invalid parameters",
    40006: "no schema found",
    40007: "The object does not exist",
    40011: "Too many ids",
    40012: "Nothing to update",
    40050: "Duplicated request",
    40051: "Bad version",
    40053: "The video id is invalid",
    40062: "The personal information is not hashed",
    40065: "People below 18 cannot be targeted here",
    40100: "Too many requests",
    40101: "The app id, the secret and the auth code do not match",
    40102: "The access token is expired",
    40103: "The refresh token is expired",
    40104: "The Access-Token header is empty",
    40105: "The access token is invalid or was revoked",
    40107: "The refresh token is invalid",
    40108: "The grant type is not supported",
    40110: "The auth code is used, cancelled or expired",
    40113: "The app is blocked, or the app id does not match the token",
    40118: "Not in the allowlist",
    40130: "The scope is not authorized by the TikTok account",
    40131: "The authorization of the TikTok account failed",
    40201: "The task is not ready",
    40202: "Write conflict",
    40700: "Internal validation failed",
    40900: "The signature does not match the file",
    40901: "The video is being transcoded",
    40902: "The URL cannot be fetched",
    40904: "The file is missing or empty",
    40906: "The file is too large",
    40911: "The material name is duplicated",
    50000: "System error",
    50002: "Service error",
    51010: "Service timeout",
    60001: "The service is under maintenance",
}


class VendorError(Exception):
    """An error in the envelope `{code, message, request_id, data}`."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message or MESSAGES.get(code, "")
