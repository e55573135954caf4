"""Calls of the Marketing API for one ad account, each with the scope that it needs.

Owns the scope check before a call and the codes' meaning; HTTP is in the client.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from providers.errors import ContentRefused, ScopeNotGranted
from providers.http import strict_json
from providers.http.multipart import FileForm
from providers.interface.access import Access
from providers.tiktok_business import wire
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_business.errors import ADVERTISER_CODES

MAX_PAGE = 1000


class Calls:
    """The Marketing API, as an advertiser's grant may use it."""

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self.client = client

    async def read(
        self, access: Access, path: str, account_id: str, query: Mapping[str, Any], *, scope: str
    ) -> wire.Envelope:
        """Make a read. Raises ScopeNotGranted before any call."""
        await _require(access, scope)
        return await self.client.get(access, path, {"advertiser_id": account_id, **query}, ADVERTISER_CODES)

    @asynccontextmanager
    async def download(
        self, access: Access, path: str, account_id: str, query: Mapping[str, Any], *, scope: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Make a read whose answer is a file, and yield its bytes. Raises ScopeNotGranted before any call."""
        await _require(access, scope)
        asked = {"advertiser_id": account_id, **query}
        async with self.client.download(access, path, asked, ADVERTISER_CODES) as pieces:
            yield pieces

    async def write(
        self,
        access: Access,
        path: str,
        account_id: str,
        body: Mapping[str, Any],
        *,
        scope: str,
        partial: bool = False,
    ) -> wire.Envelope:
        """Make a write, once. Raises ScopeNotGranted before any call."""
        await _require(access, scope)
        sent = {"advertiser_id": account_id, **body}
        return await self.client.post(access, path, sent, ADVERTISER_CODES, partial=partial)

    async def upload(self, access: Access, path: str, form: FileForm, *, scope: str) -> wire.Envelope:
        """POST a form with a file, once. Raises ScopeNotGranted before any call."""
        await _require(access, scope)
        return await self.client.upload(access, path, form, ADVERTISER_CODES)


async def _require(access: Access, scope: str) -> None:
    if scope not in (await access.token()).scopes:
        text = (
            f"The advertiser did not grant the scope {scope}: it must be ticked on the application, and granted again."
        )
        raise ScopeNotGranted(text, provider=PROVIDER, code="scope_not_granted", metadata={"scope": scope})


def page_of(cursor: str) -> int:
    """Return the number of the page that a cursor names, 1 for none. Raises ContentRefused."""
    number = strict_json.integer(cursor or "1")
    if number is None or not 1 <= number < 2**31:
        raise ContentRefused("The cursor is not one of TikTok's.", provider=PROVIDER, code="cursor_invalid")
    return number


def next_page(data: Mapping[str, Any], page: int) -> tuple[str, int | None]:
    """Return the cursor of the next page, empty on the last, and the number of all rows."""
    info = strict_json.mapping(data, "page_info")
    last, total = strict_json.integer(info.get("total_page")), strict_json.integer(info.get("total_number"))
    return (str(page + 1) if last is not None and page < last else ""), total


def rows_of(data: Mapping[str, Any], key: str = "list") -> list[dict[str, Any]]:
    """Return the objects of a list."""
    found = data.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
