"""Redaction of secrets in a vendor's text, which may echo what we sent.

Owns the replacement of the request's secrets and of what looks like a token. Knows no vendor.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from providers.models.secret import Secret

HIDDEN = "…"
MAX_TEXT = 500
_MAX_READ = 64 * 1024
_PARAMETER = re.compile(
    r"(?i)\b(access_token|refresh_token|client_secret|upload_token|code_verifier|authorization|token)"
    r"([\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
)
_BEARER = re.compile(r"(?i)\b(bearer)\s+[^\s\"'&,;]+")
# The prefixes of TikTok's user, refresh and client tokens; harmless for other vendors.
_TOKEN = re.compile(r"\b(act|rft|clt)\.[^\s\"'&,;]+")


def redact(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Return `text` without the secrets, without anything that looks like one, and at most 500 characters long."""
    text = text[:_MAX_READ]
    for secret in secrets:
        value = secret.reveal()
        if value:
            for spelling in (value, quote(value, safe=""), quote_plus(value)):
                text = text.replace(spelling, HIDDEN)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _TOKEN.sub(HIDDEN, _PARAMETER.sub(rf"\1\2{HIDDEN}", text))
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + HIDDEN
