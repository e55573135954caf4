"""A pair of tokens as both of TikTok's token endpoints give it.

Owns reading one. The two name the life of the refresh token differently: it is an argument.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.http import strict_json
from providers.http.exchange import broken
from providers.models.grants import Grant, GrantKind
from providers.models.secret import Secret
from providers.tiktok_common import values

# Used if TikTok omits `expires_in`: short enough to be refreshed soon, long enough to avoid a refresh loop. Refusing
# the answer would lose a refresh token that has just replaced the old one.
FALLBACK_LIFETIME = timedelta(hours=1)
_MAX_LIFETIME = timedelta(days=3650)


def read_grant(
    data: Mapping[str, Any],
    start: datetime,
    *,
    provider: str,
    refresh_lifetime: str,
    log_id: str,
    http_status: int,
    kind: GrantKind | None = None,
) -> Grant:
    """Parse a pair of tokens whose lifetimes count from `start`; `refresh_lifetime` is the field with the life of the
    refresh token.

    Raises Ambiguous without a usable access token: TikTok may have replaced the old one.
    """
    access_token, refresh_token = data.get("access_token"), data.get("refresh_token")
    if not strict_json.is_token(access_token):
        text = "TikTok's grant holds no access token."
        raise broken(text, write=True, provider=provider, log_id=log_id, http_status=http_status)
    renewable = strict_json.is_token(refresh_token)
    lifetime = _lifetime(data, refresh_lifetime)
    return Grant(
        access_token=Secret(str(access_token)),
        access_expire_time=start + (_lifetime(data, "expires_in") or FALLBACK_LIFETIME),
        refresh_token=Secret(str(refresh_token)) if renewable else None,
        refresh_expire_time=start + lifetime if renewable and lifetime else None,
        scopes=read_scopes(data),
        subject=values.identifier(data.get("open_id")),
        kind=kind,
    )


def read_scopes(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the granted scopes, which TikTok separates by commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in values.text(data, "scope").split(",") if part.strip()))


def _lifetime(data: Mapping[str, Any], key: str) -> timedelta | None:
    """Return a lifetime sent in seconds, as a number or a numeric string; None if it is not usable."""
    value = data.get(key)
    seconds = strict_json.integer(int(value) if isinstance(value, float) else value)
    if seconds is None or seconds <= 0:
        return None
    return min(timedelta(seconds=min(seconds, 10**10)), _MAX_LIFETIME)
