"""Categories and tags, which the API can only read.

Owns: …/categories and …/tags. Knows nothing of posts.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.highlevel import validation, wire
from providers.simulators.highlevel.errors import not_found
from providers.simulators.highlevel.validation import Field

Row = dict[str, Any]


def _here(request: Request, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["locationId"] == wire.location_of(request) and not row["deleted"]]


def _listing(request: Request, name: str, rows: list[Row], searched: str) -> Response:
    text = request.query_params.get("searchText", "").lower()
    found = [row for row in _here(request, rows) if text in row[searched].lower()]
    results = {name: found[wire.page(request, limit=10)], "count": len(found)}
    return wire.envelope(request, f"Fetched {name}", results)


async def categories(request: Request) -> Response:
    """Return a page of categories."""
    return _listing(request, "categories", wire.vendor_of(request).categories, "name")


async def category(request: Request) -> Response:
    """Return one category."""
    category_id = wire.mongo_id(request)
    found = [row for row in _here(request, wire.vendor_of(request).categories) if row["_id"] == category_id]
    if not found:
        raise not_found("Category")
    return wire.envelope(request, "Fetched category", {"category": found[0]})


async def tags(request: Request) -> Response:
    """Return a page of tags."""
    return _listing(request, "tags", wire.vendor_of(request).tags, "tag")


async def tag_details(request: Request) -> Response:
    """Return the tags with the given ids, without unknown ones."""
    body = await wire.json_object(request)
    wire.check_shape({"tagIds": Field(validation.some(validation.texts), True)}, body)
    rows = [row for row in _here(request, wire.vendor_of(request).tags) if row["_id"] in body["tagIds"]]
    return wire.envelope(request, "Fetched tags", {"tags": rows, "count": len(rows)}, 201)
