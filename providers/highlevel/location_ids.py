"""Where at HighLevel a grant is at work: its location, its company, and the user in whose name the planner acts.

Owns the names of a connection's settings, what they may be, and whether a grant fits them. Knows no call.
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
# HighLevel's ids are opaque and become parts of addresses: those seen are some 20 letters and digits (2026-11-20).
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Place:
    """One location at HighLevel; `company_id` and `user_id` are empty while nobody knows them."""

    location_id: str
    company_id: str = ""
    user_id: str = ""


async def place_of(access: Access) -> Place:
    """Return the location of a grant, without a call; raises Rejected for an agency's, which has none of its own."""
    return place_in((await access.token()).settings)


def place_in(settings: Mapping[str, str]) -> Place:
    """Read the settings of a connection; raises Rejected where they name no location."""
    location = settings.get(LOCATION, "")
    if not location:
        raise Rejected("The grant is not of one location.", provider=PROVIDER, code="wrong_token_class")
    return Place(location, settings.get(COMPANY, ""), settings.get(USER, ""))


def complete(location: str, kind: GrantKind, given: Mapping[str, str]) -> dict[str, str]:
    """Check the settings of a new connection; a location's are of the location of the same id as ours unless they say
    another. Raises SettingInvalid.
    """
    said = {name: value for name, value in given.items() if value}
    for name, value in said.items():
        if _ID.fullmatch(value) is None:
            raise SettingInvalid(name, "must be an id of HighLevel: 1 to 64 of A-Z a-z 0-9 _ -", provider=PROVIDER)
    if kind is not GrantKind.COMPANY:
        return {LOCATION: location, **said}
    if LOCATION in said:
        raise SettingInvalid(LOCATION, "an agency's grant is not of one location", provider=PROVIDER)
    return said


def fitting(kind: GrantKind, settings: Mapping[str, str], grant: Grant) -> dict[str, str]:
    """Return a connection's settings when it gets this grant: the location is never another one, the company is whose
    the grant says it is, and the acting user stays who was chosen. Raises Rejected.

    A company's grant fits the connection of a location: one of that location can be got for it.
    """
    named = {name: value for name, value in grant.settings.items() if name in SETTINGS}
    if kind is GrantKind.COMPANY and grant.kind is not GrantKind.COMPANY:
        raise _another("The consent was given for one location, and this connection is for an agency.")
    if settings.get(LOCATION) and named.get(LOCATION, settings[LOCATION]) != settings[LOCATION]:
        raise _another("The consent was given for another HighLevel location than the one this connection is for.")
    known = settings.get(COMPANY)
    if known and grant.kind is GrantKind.COMPANY and named.get(COMPANY, known) != known:
        raise _another("The consent was given by another HighLevel agency than the one this connection is for.")
    company = {COMPANY: named[COMPANY]} if COMPANY in named else {}
    return {**named, **settings, **company}


def _another(message: str) -> Rejected:
    return Rejected(message, provider=PROVIDER, code="another_place")
