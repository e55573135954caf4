"""The users of a location: who can act in its planner.

Owns the choice of the acting user, which every post and every network consent must name. Stores nothing.
"""

from collections.abc import Mapping
from typing import Any

from providers.errors import NotFound
from providers.highlevel import location_ids, wire
from providers.highlevel.client import Client, path
from providers.highlevel.config import PROVIDER
from providers.highlevel.errors import contract
from providers.highlevel.location_ids import LocationIds
from providers.http import strict_json
from providers.interface.access import Access

SCOPE = "users.readonly"
LOCATION_SCOPE = "locations.readonly"
# The list of 2021-07-28 is not paged. v3 has only the search, whose `limit` is documented without a maximum.
LIST_PATH, SEARCH_PATH = "/users/", "/users/search"
_LIMIT = 100


async def find_acting_user(client: Client, access: Access) -> dict[str, str]:
    """Choose the acting user if the settings name none: the location's first admin who is not deleted, else its first
    user. Return the settings found.

    One read; a second one in v3, whose search needs the company, if the company is unknown too. Raises NotFound.
    """
    settings = (await access.token()).settings
    if not settings.get(location_ids.LOCATION) or settings.get(location_ids.USER):
        return {}
    ids = location_ids.location_ids_in(settings)
    company = ids.company_id or (await _company(client, access, ids) if client.config.v3 else "")
    user = _preferred(await _users(client, access, ids, company))
    if not user:
        raise NotFound("The location has no user who could act in its planner.", provider=PROVIDER, code="user")
    return {location_ids.USER: user, **({location_ids.COMPANY: company} if company else {})}


async def _company(client: Client, access: Access, ids: LocationIds) -> str:
    response = await client.read(access, path("locations", ids.location_id), scope=LOCATION_SCOPE)
    company = wire.identifier(strict_json.mapping(response.body, "location"), "companyId")
    if not company:
        raise contract("HighLevel's location names no company.", log_id=response.log_id)
    return company


async def _users(client: Client, access: Access, ids: LocationIds, company: str) -> list[dict[str, Any]]:
    query = {"locationId": ids.location_id}
    where = LIST_PATH
    if client.config.v3:
        where, query = SEARCH_PATH, {"companyId": company, **query, "skip": "0", "limit": str(_LIMIT)}
    response = await client.read(access, where, scope=SCOPE, query=query)
    return wire.rows(response.body, "users")


def _preferred(users: list[dict[str, Any]]) -> str:
    active = [each for each in users if not strict_json.flag(each, "deleted") and wire.identifier(each, "id")]
    admins = [each for each in active if _role(each) == "admin"]
    return next((wire.identifier(each, "id") for each in (*admins, *active)), "")


def _role(user: Mapping[str, Any]) -> str:
    return wire.text(strict_json.mapping(user, "roles"), "role").lower()
