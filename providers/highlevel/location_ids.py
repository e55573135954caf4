"""The ids a connection works with: its location, its company, and the user in whose name the planner acts.

Owns the names of a connection's settings, their validation, and the check that a grant matches them. Makes no calls.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from providers.errors import Rejected, SettingInvalid
from providers.highlevel.config import PROVIDER
from providers.interface.access import Access
from providers.models.grants import Grant, GrantKind

LOCATION, COMPANY, USER = "location_id", "company_id", "user_id"
SETTINGS = frozenset({LOCATION, COMPANY, USER})
# HighLevel's ids are opaque and become path segments: those observed have about 20 letters and digits (2026-11-20).
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# A location of ours whose id has this form is meant to be HighLevel's location of the same id.
_GENERATED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]{18,24}")


@dataclass(frozen=True, slots=True)
class LocationIds:
    """The ids of one location; `company_id` and `user_id` are empty while they are unknown."""

    location_id: str
    company_id: str = ""
    user_id: str = ""


async def location_ids_of(access: Access) -> LocationIds:
    """Return the ids of a grant's location, without a call; raises Rejected for an agency's grant, which has none."""
    return location_ids_in((await access.token()).settings)


def location_ids_in(settings: Mapping[str, str]) -> LocationIds:
    """Read the ids from a connection's settings; raises Rejected if they name no location."""
    location = settings.get(LOCATION, "")
    if not location:
        raise Rejected("The grant is not of one location.", provider=PROVIDER, code="wrong_token_class")
    return LocationIds(location, settings.get(COMPANY, ""), settings.get(USER, ""))


def complete_settings(location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
    """Validate the settings of a new connection and add the default: HighLevel's location has the same id as ours, if
    ours is one that HighLevel could have generated. Otherwise the location stays open: only HighLevel knows its id, and
    the first grant states it.

    Raises SettingInvalid.
    """
    settings = {name: value for name, value in given.items() if value}
    for name, value in settings.items():
        if _ID.fullmatch(value) is None:
            raise SettingInvalid(name, "must be an id of HighLevel: 1 to 64 of A-Z a-z 0-9 _ -", provider=PROVIDER)
    if kind is not GrantKind.COMPANY:
        return {LOCATION: location, **settings} if _GENERATED.fullmatch(location) else settings
    if LOCATION in settings:
        raise SettingInvalid(LOCATION, "an agency's grant is not of one location", provider=PROVIDER)
    return settings


def settings_with_grant(kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
    """Return a connection's settings once it has this grant: a location that was stated or is known never changes, one
    that is not known yet is the grant's, the company is the one the grant names, and a user that was chosen remains the
    acting user. Raises Rejected.

    A company's grant is accepted for the connection of a location: it can be exchanged for that location's grant.
    """
    granted = {name: value for name, value in grant.settings.items() if name in SETTINGS}
    if kind is GrantKind.COMPANY and grant.kind is not GrantKind.COMPANY:
        raise _mismatch("The consent was given for one location, and this connection is for an agency.")
    if settings.get(LOCATION) and granted.get(LOCATION, settings[LOCATION]) != settings[LOCATION]:
        raise _mismatch("The consent was given for another HighLevel location than the one this connection is for.")
    known = settings.get(COMPANY)
    if known and grant.kind is GrantKind.COMPANY and granted.get(COMPANY, known) != known:
        raise _mismatch("The consent was given by another HighLevel agency than the one this connection is for.")
    company = {COMPANY: granted[COMPANY]} if COMPANY in granted else {}
    return {**granted, **settings, **company}


def _mismatch(message: str) -> Rejected:
    return Rejected(message, provider=PROVIDER, code="another_place")
