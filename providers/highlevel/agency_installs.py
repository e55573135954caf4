"""Agencies at HighLevel: the locations where the application is installed, and tokens for these locations.

Owns the two calls that need a company's OAuth token (an agency's Private Integration Token is refused: issue 226 of
GoHighLevel/highlevel-api-docs, read 2026-11-20). Caches nothing.
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

# In v3 the old paths answer 400 "not available in API version v3" (issue 304, read 2026-11-20).
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
    """One page of locations; `next_cursor` is empty on the last. `future`: new locations get the application too."""

    locations: tuple[InstalledLocation, ...]
    next_cursor: str = ""
    total: int | None = None
    future: bool = False


async def location_token(client: Client, access: Access, company_id: str, location_id: str) -> Grant:
    """Exchange a company's access for a location's grant: one call, never repeated by itself.

    A grant without a refresh token (2021-07-28 may omit it) is renewed by calling this again.
    """
    requested_at = client.clock()
    form = {"companyId": company_id, "locationId": location_id}
    try:
        response = await client.write(access, "POST", _TOKEN_PATHS[client.config.v3], scope="oauth.write", form=form)
    except Rejected as error:
        if _NOT_INSTALLED in error.metadata.get("provider_message", "").lower():
            raise GrantRevoked(error.message, **{**vars(error), "code": "not_installed"}) from None
        raise
    grant = read_grant(response, requested_at)
    if grant.settings.get("location_id", location_id) != location_id:
        raise contract("HighLevel's grant is for another location.", write=True, log_id=response.log_id)
    settings = {"user_type": "Location", "company_id": company_id, "location_id": location_id, **grant.settings}
    return replace(grant, subject=location_id, settings=settings, kind=GrantKind.LOCATION)


async def installed_locations(
    client: Client, access: Access, company_id: str, *, cursor: str, limit: int, installed: bool | None
) -> InstalledPage:
    """List one page of a company's locations, all of them or only those with or without the application."""
    v3, size = client.config.v3, max(1, min(limit, MAX_PAGE))
    paging = {"pageSize": size, "pageToken": cursor or None} if v3 else {"skip": skip_of(cursor), "limit": size}
    query = wire.strings({"companyId": company_id, "appId": client.config.app_id, "isInstalled": installed, **paging})
    response = await client.read(access, _LIST_PATHS[v3], scope="oauth.readonly", query=query)
    rows = _rows(response, "items" if v3 else "locations")
    page = InstalledPage(
        locations=tuple(_location(row, installed is True) for row in rows if wire.identifier(row, "_id")),
        future=strict_json.flag(response.body, "installToFutureLocations"),
    )
    if v3:
        return replace(page, **_next_of_pages(strict_json.mapping(response.body, "pagination")))
    # The count includes all the company's locations, whatever the filter (specification, read 2026-11-20), so it does
    # not prove that the list is complete.
    total = wire.integer(response.body.get("count"))
    return replace(page, next_cursor=next_of(skip_of(cursor), len(rows), size, total), total=total)


def _rows(response: wire.Envelope, key: str) -> list[dict[str, Any]]:
    if not isinstance(response.body.get(key), list):
        raise contract("HighLevel's answer has no list of locations.", log_id=response.log_id)
    return wire.rows(response.body, key)


def _next_of_pages(pagination: Mapping[str, Any]) -> dict[str, Any]:
    more, token = strict_json.flag(pagination, "hasNextPage"), wire.text(pagination, "nextPageToken")
    if more and not token:
        raise contract("HighLevel's list of locations has a next page without a token for it.")
    return {
        "next_cursor": token if more else "",
        "total": wire.integer(pagination.get("totalRecords")),
    }


def _location(row: Mapping[str, Any], default: bool) -> InstalledLocation:
    """Read a location; `default` is whether the application is installed if the row does not say."""
    installed = row.get("isInstalled")
    return InstalledLocation(
        id=wire.identifier(row, "_id"),
        name=wire.text(row, "name"),
        address=wire.text(row, "address"),
        installed=installed if isinstance(installed, bool) else default,
        version_id=wire.identifier(row, "versionId"),
        install_time=wire.instant(row, "installedAt"),
    )
