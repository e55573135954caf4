"""The calls of custom audiences: /dmp/custom_audience/….

Owns: their parameters and answers. The rules are in audiences.py.
"""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.common.http import media_type
from providers.simulators.tiktok_business.ads.wire import advertiser_of
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.wire import (
    envelope,
    integer,
    json_body,
    json_list,
    required,
    vendor_of,
)

READ, MANAGE = "30", "31"
MOST_AT_ONCE = 100


async def upload(request: Request) -> Response:
    """Keep a file of members and return its path."""
    if media_type(request.headers) != "multipart/form-data":
        raise VendorError(40002, "Content-Type: must be multipart/form-data")
    async with request.form() as form:
        values = {name: value for name, value in form.items() if isinstance(value, str)}
        advertiser = _advertiser(request, "audience.upload", MANAGE, values)
        signature, calculate_type = required(values, "file_signature", "calculate_type")
        file = form.get("file")
        content = await file.read() if isinstance(file, UploadFile) else None
        name = (file.filename or "") if isinstance(file, UploadFile) else ""
    vendor = vendor_of(request)
    path = vendor.audiences.upload(advertiser, name, content, signature, calculate_type)
    return envelope(vendor, {"file_path": path})


async def create(request: Request) -> Response:
    """Make an audience of files."""
    values, vendor = await json_body(request), vendor_of(request)
    advertiser = _advertiser(request, "audience.create", MANAGE, values)
    required(values, "custom_audience_name", "calculate_type")
    return envelope(vendor, {"custom_audience_id": vendor.audiences.create(advertiser, values, vendor.now())})


async def update(request: Request) -> Response:
    """Change an audience."""
    values, vendor = await json_body(request), vendor_of(request)
    advertiser = _advertiser(request, "audience.update", MANAGE, values)
    required(values, "custom_audience_id")
    vendor.audiences.update(advertiser, values, vendor.now())
    return envelope(vendor, {})


async def show(request: Request) -> Response:
    """Return audiences with their history; unknown ids are left out."""
    values, vendor = dict(request.query_params), vendor_of(request)
    advertiser = _advertiser(request, "audience.get", READ, values)
    ids = _ids(json_list(values, "custom_audience_ids", []))
    size = integer(values, "history_size", 10, least=1, most=100)
    book, now = vendor.audiences, vendor.now()
    rows: list[dict[str, Any]] = [
        {"audience_details": book.details(each, now), "audience_history": book.history(each, size)}
        for each in book.of(advertiser)
        if each.audience_id in ids
    ]
    return envelope(vendor, {"list": rows})


async def listing(request: Request) -> Response:
    """Return a page of audiences."""
    values, vendor = dict(request.query_params), vendor_of(request)
    advertiser = _advertiser(request, "audience.list", READ, values)
    page = integer(values, "page", 1, least=1)
    size = integer(values, "page_size", 10, least=1, most=MOST_AT_ONCE)
    found, now = vendor.audiences.of(advertiser), vendor.now()
    rows = [vendor.audiences.details(each, now) for each in found[(page - 1) * size : page * size]]
    info = {"page": page, "page_size": size, "total_number": len(found), "total_page": -(-len(found) // size)}
    return envelope(vendor, {"list": rows, "page_info": info})


async def delete(request: Request) -> Response:
    """Delete audiences."""
    values, vendor = await json_body(request), vendor_of(request)
    advertiser = _advertiser(request, "audience.delete", MANAGE, values)
    vendor.audiences.delete(advertiser, _ids(values.get("custom_audience_ids")))
    return envelope(vendor, {})


def _advertiser(request: Request, operation: str, scope: str, values: Mapping[str, Any]) -> str:
    return advertiser_of(request, operation, scope, dict(values)).advertiser_id


def _ids(value: object) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_AT_ONCE:
        raise VendorError(40002, f"custom_audience_ids: Length must be between 1 and {MOST_AT_ONCE}.")
    return [str(each) for each in value]
