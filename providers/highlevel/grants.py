"""HighLevel's answers with tokens, in both generations' spellings, as our grants.

Owns the reading only. Does not know which call gave them.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.highlevel import wire
from providers.highlevel.errors import contract
from providers.http import strict_json
from providers.models.grants import Grant, GrantKind
from providers.models.secret import Secret

# Kept when HighLevel forgets `expires_in`: short enough to be refreshed soon, long enough not to spin. Refusing the
# answer would lose a refresh token that has just replaced the old one.
FALLBACK_LIFETIME = timedelta(hours=1)
# No answer says it: "a year if unused" (docs of GoHighLevel/highlevel-api-docs, read 2026-11-20).
REFRESH_LIFETIME = timedelta(days=365)
# A Private Integration Token has no end; a grant needs one.
STATIC_LIFETIME = timedelta(days=3650)
_MAX_SECONDS = 3650 * 86_400
_SETTINGS = {"user_type": "userType", "company_id": "companyId", "location_id": "locationId", "user_id": "userId"}


def camel(fields: Mapping[str, str]) -> dict[str, str]:
    """Return fields in v3's spelling: `/oauth/token` of v3 knows no underscore (its specification, read 2026-11-20)."""
    return {re.sub(r"_(\w)", lambda match: match[1].upper(), name): value for name, value in fields.items()}


def read_grant(said: wire.Envelope, asked: datetime, http_status: int = 0) -> Grant:
    """Read a pair of tokens; without a usable access token nobody knows what HighLevel did.

    The subject is the location, or the company of a company's grant. `settings` says which (`user_type`), and whom the
    planner may take as the acting user (`user_id`: who installed the application).
    """
    data = said.body
    access_token = _either(data, "access_token", "accessToken")
    if not strict_json.is_token(access_token):
        raise contract(
            "HighLevel's grant holds no access token.", write=True, log_id=said.log_id, http_status=http_status
        )
    refresh_token = _either(data, "refresh_token", "refreshToken")
    renewable = strict_json.is_token(refresh_token)
    found = {name: wire.identifier(data, spelling) for name, spelling in _SETTINGS.items()}
    settings = {name: value for name, value in found.items() if value}
    kinds = {"Location": GrantKind.LOCATION, "Company": GrantKind.COMPANY}
    guess = GrantKind.LOCATION if "location_id" in settings else GrantKind.COMPANY
    kind = kinds.get(settings.get("user_type", ""), guess)
    return Grant(
        access_token=Secret(str(access_token)),
        access_expire_time=asked + _lifetime(_either(data, "expires_in", "expiresIn")),
        refresh_token=Secret(str(refresh_token)) if renewable else None,
        refresh_expire_time=asked + REFRESH_LIFETIME if renewable else None,
        scopes=tuple(dict.fromkeys(wire.text(data, "scope").split())),
        subject=settings.get("company_id" if kind is GrantKind.COMPANY else "location_id", ""),
        settings=settings,
        kind=kind,
    )


def _either(data: Mapping[str, Any], *names: str) -> object:
    """Return the value of the first of the names that is there."""
    return next((data[name] for name in names if name in data), None)


def _lifetime(value: object) -> timedelta:
    """Read seconds, sent as a number or as a numeric string; for what cannot be used give the fallback."""
    seconds = wire.integer(value)
    if seconds is None or seconds <= 0:
        return FALLBACK_LIFETIME
    return timedelta(seconds=min(seconds, _MAX_SECONDS))
