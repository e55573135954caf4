"""Reading grants from HighLevel's token answers, in the spellings of both API versions.

Owns the parsing and the lifetimes. Does not know which call an answer belongs to.
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

# Used if HighLevel omits `expires_in`: short enough to be refreshed soon, long enough not to loop. Refusing the answer
# would lose a refresh token that has just replaced the old one.
FALLBACK_LIFETIME = timedelta(hours=1)
# Not in any answer: "a year if unused" (docs of GoHighLevel/highlevel-api-docs, read 2026-11-20).
REFRESH_LIFETIME = timedelta(days=365)
# A Private Integration Token does not expire; a grant needs an expiry.
STATIC_LIFETIME = timedelta(days=3650)
_MAX_SECONDS = 3650 * 86_400
_SETTINGS = {"user_type": "userType", "company_id": "companyId", "location_id": "locationId", "user_id": "userId"}


def camel(fields: Mapping[str, str]) -> dict[str, str]:
    """Return fields in camel case, as `/oauth/token` of v3 requires (its specification, read 2026-11-20)."""
    return {re.sub(r"_(\w)", lambda match: match[1].upper(), name): value for name, value in fields.items()}


def read_grant(response: wire.Envelope, requested_at: datetime, http_status: int = 0) -> Grant:
    """Read a pair of tokens. Raises Ambiguous without a usable access token: what HighLevel did is unknown then.

    The subject is the location, or the company of a company's grant. `settings` contain which of them it is
    (`user_type`) and the user who installed the application (`user_id`), who can be the acting user of the planner.
    """
    data = response.body
    access_token = _first_of(data, "access_token", "accessToken")
    if not strict_json.is_token(access_token):
        raise contract(
            "HighLevel's grant contains no access token.", write=True, log_id=response.log_id, http_status=http_status
        )
    refresh_token = _first_of(data, "refresh_token", "refreshToken")
    renewable = strict_json.is_token(refresh_token)
    found = {name: wire.identifier(data, spelling) for name, spelling in _SETTINGS.items()}
    settings = {name: value for name, value in found.items() if value}
    kinds = {"Location": GrantKind.LOCATION, "Company": GrantKind.COMPANY}
    guess = GrantKind.LOCATION if "location_id" in settings else GrantKind.COMPANY
    kind = kinds.get(settings.get("user_type", ""), guess)
    return Grant(
        access_token=Secret(str(access_token)),
        access_expire_time=requested_at + _lifetime(_first_of(data, "expires_in", "expiresIn")),
        refresh_token=Secret(str(refresh_token)) if renewable else None,
        refresh_expire_time=requested_at + REFRESH_LIFETIME if renewable else None,
        scopes=tuple(dict.fromkeys(wire.text(data, "scope").split())),
        subject=settings.get("company_id" if kind is GrantKind.COMPANY else "location_id", ""),
        settings=settings,
        kind=kind,
    )


def _first_of(data: Mapping[str, Any], *names: str) -> object:
    """Return the value of the first name that is present, None if none is."""
    return next((data[name] for name in names if name in data), None)


def _lifetime(value: object) -> timedelta:
    """Read seconds, sent as a number or as a numeric string; return the fallback for an unusable value."""
    seconds = wire.integer(value)
    if seconds is None or seconds <= 0:
        return FALLBACK_LIFETIME
    return timedelta(seconds=min(seconds, _MAX_SECONDS))
