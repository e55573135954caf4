"""Uploads to the library of an ad account, whole or in chunks, and what is in it.

Owns: /file/…. Knows nothing of what uses a file.
"""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.common.http import media_type
from providers.simulators.tiktok_business.ads.wire import advertiser_of, paged
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.marketing.library import MIN_CHUNKED, SimFile
from providers.simulators.tiktok_business.wire import (
    Values,
    envelope,
    integer,
    json_body,
    json_list,
    required,
    vendor_of,
)

_BLOCK = 1 << 20
MOST_BYTES = {"video": 500 * 1024**2, "image": 100 * 1024**2}
MOST_IDS = 60


async def _upload(request: Request, *, kind: str) -> Response:
    """Receive a file in a form, or take one that arrived in chunks. The answer to a video is a list."""
    scope = "611" if kind == "video" else "601"
    if media_type(request.headers) == "application/json":
        values = await json_body(request)
        advertiser = advertiser_of(request, f"{kind}.upload", scope, values)
        size, md5 = _arrived(request, values, advertiser.advertiser_id)
        return _added(request, kind, advertiser.advertiser_id, values, size, md5)
    async with request.form() as form:
        advertiser = advertiser_of(request, f"{kind}.upload", scope, form)
        if form.get("upload_type", "UPLOAD_BY_FILE") != "UPLOAD_BY_FILE":
            size, md5 = _arrived(request, form, advertiser.advertiser_id)
        else:
            size, md5 = await _hash(form.get(f"{kind}_file"))
            if md5 != form.get(f"{kind}_signature"):
                raise VendorError(40900)
        return _added(request, kind, advertiser.advertiser_id, form, size, md5)


def _added(request: Request, kind: str, advertiser_id: str, values: Mapping[str, Any], size: int, md5: str) -> Response:
    vendor = vendor_of(request)
    if size > MOST_BYTES[kind]:
        raise VendorError(40906)
    name = str(values.get("file_name") or md5)
    file = vendor.marketing.library.add(kind, advertiser_id, name, size=size, md5=md5, now=vendor.now())
    shown = file.shown(vendor.now())
    return envelope(vendor, [shown] if kind == "video" else shown)


def _arrived(request: Request, values: Mapping[str, Any], advertiser_id: str) -> tuple[int, str]:
    if values.get("upload_type") != "UPLOAD_BY_FILE_ID":
        raise VendorError(40002, "upload_type: Must be UPLOAD_BY_FILE or UPLOAD_BY_FILE_ID here.")
    found = vendor_of(request).marketing.library.complete.get(str(values.get("file_id")))
    if found is None or found.advertiser_id != advertiser_id:
        raise VendorError(40002, "file_id: does not exist")
    return found.size, found.digest.hexdigest()


async def _hash(file: object) -> tuple[int, str]:
    """Return the size and the MD5 of a form's file. Raise VendorError 40904 for none."""
    if not isinstance(file, UploadFile):
        raise VendorError(40904)
    digest, size = hashlib.md5(usedforsecurity=False), 0
    while block := await file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    if not size:
        raise VendorError(40904)
    return size, digest.hexdigest()


async def start(request: Request) -> Response:
    """Begin a chunked upload; say which bytes come first."""
    values = await json_body(request)
    advertiser = advertiser_of(request, "file.start", "6", values)
    library = vendor_of(request).marketing.library
    size = integer(values, "size", 0, most=MOST_BYTES["video"])
    if size < MIN_CHUNKED:
        raise VendorError(40002, f"size: must be {MIN_CHUNKED} or more")
    required(values, "name", "content_type")
    upload_id = library.start(advertiser.advertiser_id, size)
    return envelope(vendor_of(request), {"upload_id": upload_id, **library.arriving[upload_id].wanted()})


async def transfer(request: Request) -> Response:
    """Receive a chunk; say which bytes come next."""
    async with request.form() as form:
        advertiser = advertiser_of(request, "file.transfer", "6", form)
        [upload_id, signature, offset] = required(form, "upload_id", "signature", "start_offset")
        arriving = vendor_of(request).marketing.library.of_upload(upload_id, advertiser.advertiser_id)
        file, wanted = form.get("file"), arriving.wanted()
        if int(offset) != wanted["start_offset"]:
            raise VendorError(40002, "start_offset: is not the next one")
        size, md5 = await _hash(file)
        if md5 != signature:
            raise VendorError(40900)
        if size != wanted["end_offset"] - wanted["start_offset"]:
            raise VendorError(40002, "file: has not the bytes that were asked for")
        await _keep(file, arriving.digest)
        arriving.received += size
    return envelope(vendor_of(request), arriving.wanted())


async def _keep(file: object, digest: Any) -> None:
    if isinstance(file, UploadFile):
        await file.seek(0)
        while block := await file.read(_BLOCK):
            digest.update(block)


async def finish(request: Request) -> Response:
    """End a chunked upload."""
    values = await json_body(request)
    advertiser = advertiser_of(request, "file.finish", "6", values)
    [upload_id] = required(values, "upload_id")
    file_id = vendor_of(request).marketing.library.finish(upload_id, advertiser.advertiser_id)
    return envelope(vendor_of(request), {"file_id": file_id})


async def _info(request: Request, *, kind: str) -> Response:
    """Return files by their ids; unknown ones are left out."""
    values, vendor = dict(request.query_params), vendor_of(request)
    advertiser = advertiser_of(request, f"{kind}.info", "610" if kind == "video" else "600", values)
    ids = json_list(values, f"{kind}_ids", [])
    if not 1 <= len(ids) <= MOST_IDS:
        raise VendorError(40002, f"{kind}_ids: must have 1 to {MOST_IDS} items")
    found = [each for each in vendor.marketing.library.of(advertiser.advertiser_id, kind) if each.id in ids]
    return envelope(vendor, {"list": [_shown(request, each) for each in found]})


async def search(request: Request) -> Response:
    """List the videos of an ad account, the newest first."""
    values, vendor = dict(request.query_params), vendor_of(request)
    advertiser = advertiser_of(request, "video.search", "610", values)
    page, info = paged(values, vendor.marketing.library.of(advertiser.advertiser_id, "video"), default=20, most=100)
    return envelope(vendor, {"list": [_shown(request, each) for each in page], "page_info": info})


def _shown(request: Request, file: SimFile) -> Values:
    return file.shown(vendor_of(request).now())


async def suggest_cover(request: Request) -> Response:
    """Suggest covers of a video, which are images of the ad account from then on. Not before it is transcoded."""
    values, vendor = dict(request.query_params), vendor_of(request)
    advertiser = advertiser_of(request, "cover.suggest", "612", values)
    [video_id] = required(values, "video_id")
    library, now = vendor.marketing.library, vendor.now()
    video = library.usable(video_id, "video", advertiser.advertiser_id, now)
    name = f"cover-{video.id}.jpeg"
    known = [each for each in library.of(advertiser.advertiser_id, "image") if each.name == name]
    cover = known[0] if known else library.add("image", advertiser.advertiser_id, name, size=1, md5=video.md5, now=now)
    row = {"id": cover.id, "url": f"https://p16-sign.tiktokcdn.com/sim/{name}", "width": 1080, "height": 1920}
    return envelope(vendor, {"list": [row]})


video_upload, image_upload = partial(_upload, kind="video"), partial(_upload, kind="image")
video_info, image_info = partial(_info, kind="video"), partial(_info, kind="image")
