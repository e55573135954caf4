"""Where at HighLevel a grant is at work: its location, its company, and the user in whose name the planner acts.

Owns the names of a connection's settings. Knows no call.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from providers.errors import Rejected
from providers.highlevel.config import PROVIDER
from providers.interface.access import Access

LOCATION, COMPANY, USER = "location_id", "company_id", "user_id"
SETTINGS = frozenset({LOCATION, COMPANY, USER})


@dataclass(frozen=True, slots=True)
class Place:
    """One location at HighLevel; `company_id` and `user_id` are empty while nobody knows them."""

    location_id: str
    company_id: str = ""
    user_id: str = ""


async def place_of(access: Access) -> Place:
    """Give the location of a grant, without a call; raises Rejected for an agency's, which has none of its own."""
    return place_in((await access.token()).settings)


def place_in(settings: Mapping[str, str]) -> Place:
    """Read the settings of a connection; raises Rejected where they name no location."""
    location = settings.get(LOCATION, "")
    if not location:
        raise Rejected("The grant is not of one location.", provider=PROVIDER, code="wrong_token_class")
    return Place(location, settings.get(COMPANY, ""), settings.get(USER, ""))
