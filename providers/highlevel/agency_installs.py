"""Agencies at HighLevel: which locations installed the application, and a location's tokens for a company's.

Owns the two calls that only a company's OAuth token opens (an agency's Private Integration Token does not: issue 226
of GoHighLevel/highlevel-api-docs, read 2026-11-20). Caches nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from providers.errors import GrantRevoked, Rejected
from providers.highlevel import wire
from providers.highlevel.client import Client
from providers.highlevel.errors import contract
from providers.highlevel.grants import read_grant
from providers.highlevel.paging import next_of, skip_of
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.grants import Grant, GrantKind

# The old names answer 400 "not available in API version v3" (issue 304, read 2026-11-20).
_TOKEN_PATHS = {False: "/oauth/locationToken", True: "/oauth/location-token"}
_LIST_PATHS = {False: "/oauth/installedLocations", True: "/oauth/installed-locations"}
MAX_PAGE = 100
# "Location not found or app is not installed in it": the words are reported, not documented (read 2026-11-20).
_NOT_INSTALLED = "not installed"


@dataclass(frozen=True, slots=True)
class InstalledLocation:
    """One location of a company, and whether the application is installed there."""

    id: str
    name: str
    address: str = ""
    installed: bool = False
    version_id: str = ""
    install_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstalledPage:
    """One page of locations; `next_cursor` is empty on the last. `future` says that new locations get it too."""

    locations: tuple[InstalledLocation, ...]
    next_cursor: str = ""
    total: int | None = None
    future: bool = False


async def location_token(client: Client, access: Access, company_id: str, location_id: str) -> Grant:
    """Get a location's grant for a company's access: one call, never repeated by itself.

    Without a refresh token (2021-07-28 may leave it out) the grant is renewed by asking here again.
    """
    asked = client.clock()
    form = {"companyId": company_id, "locationId": location_id}
    try:
        said = await client.write(access, "POST", _TOKEN_PATHS[client.config.v3], scope="oauth.write", form=form)
    except Rejected as refused:
        if _NOT_INSTALLED in refused.metadata.get("provider_message", "").lower():
            raise GrantRevoked(refused.message, **{**vars(refused), "code": "not_installed"}) from None
        raise
    grant = read_grant(said, asked)
    if grant.settings.get("location_id", location_id) != location_id:
        raise contract("HighLevel's grant is for another location.", write=True, log_id=said.log_id)
    settings = {"user_type": "Location", "company_id": company_id, "location_id": location_id, **grant.settings}
    return replace(grant, subject=location_id, settings=settings, kind=GrantKind.LOCATION)


async def installed_locations(
    client: Client, access: Access, company_id: str, *, cursor: str, limit: int, installed: bool | None
) -> InstalledPage:
    """List one page of a company's locations, all of them or only those with or without the application."""
    v3, size = client.config.v3, max(1, min(limit, MAX_PAGE))
    paging = {"pageSize": size, "pageToken": cursor or None} if v3 else {"skip": skip_of(cursor), "limit": size}
    query = wire.strings({"companyId": company_id, "appId": client.config.app_id, "isInstalled": installed, **paging})
    said = await client.read(access, _LIST_PATHS[v3], scope="oauth.readonly", query=query)
    rows = _rows(said, "items" if v3 else "locations")
    page = InstalledPage(
        locations=tuple(_location(row, installed is True) for row in rows if wire.identifier(row, "_id")),
        future=strict_json.flag(said.body, "installToFutureLocations"),
    )
    if v3:
        return replace(page, **_next_of_pages(strict_json.mapping(said.body, "pagination")))
    # The count is that of all the company's locations, whatever was asked for (specification, read 2026-11-20): it says
    # nothing about whether the list is whole.
    total = wire.integer(said.body.get("count"))
    return replace(page, next_cursor=next_of(skip_of(cursor), len(rows), size, total), total=total)


def _rows(said: wire.Envelope, key: str) -> list[dict[str, Any]]:
    if not isinstance(said.body.get(key), list):
        raise contract("HighLevel's answer has no list of locations.", log_id=said.log_id)
    return wire.rows(said.body, key)


def _next_of_pages(pagination: Mapping[str, Any]) -> dict[str, Any]:
    more, token = strict_json.flag(pagination, "hasNextPage"), wire.text(pagination, "nextPageToken")
    if more and not token:
        raise contract("HighLevel's list of locations has a next page that nothing leads to.")
    return {
        "next_cursor": token if more else "",
        "total": wire.integer(pagination.get("totalRecords")),
    }


def _location(row: Mapping[str, Any], asked: bool) -> InstalledLocation:
    """Read a location; one that does not say whether it has the application has it when that was asked for."""
    said = row.get("isInstalled")
    return InstalledLocation(
        id=wire.identifier(row, "_id"),
        name=wire.text(row, "name"),
        address=wire.text(row, "address"),
        installed=said if isinstance(said, bool) else asked,
        version_id=wire.identifier(row, "versionId"),
        install_time=wire.instant(row, "installedAt"),
    )
