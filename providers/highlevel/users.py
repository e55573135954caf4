"""The people of a location: who can act in its planner.

Owns the choice of the acting user, which every post and every consent of a network names. Keeps nothing.
"""

from collections.abc import Mapping
from typing import Any

from providers.errors import NotFound
from providers.highlevel import location_ids, wire
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import Place
from providers.http import strict_json
from providers.interface.access import Access

SCOPE = "users.readonly"
LOCATION_SCOPE = "locations.readonly"
# The list of 2021-07-28 has no pages. In v3 only the search is left, whose `limit` is documented without a maximum.
LIST_PATH, SEARCH_PATH = "/users/", "/users/search"
_LIMIT = 100


async def settle(client: Client, access: Access) -> dict[str, str]:
    """Find who acts when nobody said it: the location's first admin who is not deleted, else its first user.

    One read; two in v3, whose search must name the company, when nobody knows that either. Raises NotFound.
    """
    settings = (await access.token()).settings
    if not settings.get(location_ids.LOCATION) or settings.get(location_ids.USER):
        return {}
    place = location_ids.place_in(settings)
    company = place.company_id or (await _company(client, access, place) if client.config.v3 else "")
    user = _choice(await _users(client, access, place, company))
    if not user:
        raise NotFound("The location has no user in whose name anything could be done.", provider=PROVIDER, code="user")
    return {location_ids.USER: user, **({location_ids.COMPANY: company} if company else {})}


async def _company(client: Client, access: Access, place: Place) -> str:
    said = await client.read(access, path("locations", place.location_id), scope=LOCATION_SCOPE)
    company = wire.identifier(strict_json.mapping(said.body, "location"), "companyId")
    if not company:
        raise contract("HighLevel's location names no company.", log_id=said.log_id)
    return company


async def _users(client: Client, access: Access, place: Place, company: str) -> list[dict[str, Any]]:
    query = {"locationId": place.location_id}
    where = LIST_PATH
    if client.config.v3:
        where, query = SEARCH_PATH, {"companyId": company, **query, "skip": "0", "limit": str(_LIMIT)}
    said = await client.read(access, where, scope=SCOPE, query=query)
    return wire.rows(said.body, "users")


def _choice(users: list[dict[str, Any]]) -> str:
    alive = [each for each in users if not strict_json.flag(each, "deleted") and wire.identifier(each, "id")]
    admins = [each for each in alive if _role(each) == "admin"]
    return next((wire.identifier(each, "id") for each in (*admins, *alive)), "")


def _role(user: Mapping[str, Any]) -> str:
    return wire.text(strict_json.mapping(user, "roles"), "role").lower()
