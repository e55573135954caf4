"""The media library: uploads of a file or from a URL, the list, deletion.

Owns: /medias. Knows nothing of posts.
"""

import hashlib
import mimetypes
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from providers.simulators.common.http import CLIENT_CLOSED, media_type
from providers.simulators.highlevel import ids, media_fetch, validation, wire
from providers.simulators.highlevel.errors import Refusal, foreign_location, invalid, not_found
from providers.simulators.highlevel.media_fetch import FetchedMedia
from providers.simulators.highlevel.media_files import MediaFile
from providers.simulators.highlevel.state import Vendor
from providers.simulators.highlevel.validation import Field, Shape

_CHUNK = 1 << 20

# The fields of a body: of a form, or of a JSON object.
Form = Mapping[str, Any]


def _check_alt(request: Request, location: str | None, kind: str | None) -> None:
    """Check altType and altId, which live users send: they may only name the token's location."""
    if kind not in (None, "location"):
        raise invalid("altType must be one of the following values: location")
    if location not in (None, wire.grant_of(request).location_id):
        raise foreign_location()


def _text(form: Form, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


async def upload(request: Request) -> Response:
    """Receive a file in a multipart body, or with hosted=true the URL of one, also as JSON.

    HighLevel's own SDKs send JSON always (versions 3.0.0 and 3.1.0, run 2026-11-30), so no file comes with them.
    """
    vendor = wire.vendor_of(request)
    try:
        if media_type(request.headers) == "application/json":
            media = await _received(request, await wire.json_object(request))
        else:
            wire.check_media_type(request, "multipart/form-data")
            async with request.form() as form:
                media = await _received(request, form)
    except ClientDisconnect:
        return Response(status_code=CLIENT_CLOSED)
    media.location_id = str(wire.grant_of(request).location_id)
    vendor.media_files.add(media)
    return JSONResponse({"fileId": media.id, "url": media.url})


async def _received(request: Request, form: Form) -> MediaFile:
    """Return the file of a form, or of a JSON object, whose `hosted` may be a boolean."""
    vendor = wire.vendor_of(request)
    _check_alt(request, _text(form, "altId") or None, _text(form, "altType") or None)
    hosted = form.get("hosted") is True or _text(form, "hosted") == "true"
    return await _hosted(vendor, form) if hosted else await _file(vendor, form)


async def _hosted(vendor: Vendor, form: Form) -> MediaFile:
    url = _text(form, "fileUrl")
    if not url.startswith(("https://", "http://")):
        raise invalid("fileUrl should not be empty")
    try:
        came = (
            await media_fetch.fetch(vendor, vendor.media_files, url)
            if vendor.config.pull_media
            else FetchedMedia("", 0, _guess(url))
        )
    except media_fetch.MediaUnavailable as error:
        raise Refusal(400, str(error)) from None
    return _checked(vendor, came, _text(form, "name") or url.rpartition("/")[2])


async def _file(vendor: Vendor, form: Form) -> MediaFile:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise invalid("file should not be empty")
    digest, size = hashlib.sha256(), 0
    while piece := await file.read(_CHUNK):
        digest.update(piece)
        size += len(piece)
    name = _text(form, "name") or file.filename or "file"
    return _checked(vendor, FetchedMedia(digest.hexdigest(), size, file.content_type or _guess(name)), name)


def _guess(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _checked(vendor: Vendor, came: FetchedMedia, name: str) -> MediaFile:
    """Return the file, or raise Refusal when it is too large. The status of that is not documented."""
    video = came.media_type.startswith("video/")
    if came.size > (vendor.config.video_bytes if video else vendor.config.file_bytes):
        raise Refusal(413, "File size exceeds the limit")
    return MediaFile(
        id=ids.mongo(vendor.entropy),
        name=name,
        media_type=came.media_type,
        size=came.size,
        sha256=came.sha256,
        time=vendor.now(),
    )


def _json(media: MediaFile) -> dict[str, Any]:
    return {"_id": media.id, "name": media.name, "url": media.url, "type": "file", "size": media.size}


async def listing(request: Request) -> Response:
    """Return the files of the location."""
    kind, alt_type, alt_id, _, order = wire.required_query(request, "type", "altType", "altId", "sortBy", "sortOrder")
    _check_alt(request, alt_id, alt_type)
    if kind not in ("file", "folder"):
        raise invalid("type must be one of the following values: file, folder")
    every = wire.vendor_of(request).media_files.of(alt_id) if kind == "file" else []
    wanted = [each for each in every if request.query_params.get("query", "") in each.name]
    wanted.sort(key=lambda each: each.time, reverse=order == "desc")
    return JSONResponse({"files": [_json(each) for each in wanted]})


async def delete(request: Request) -> Response:
    """Delete a file; its URL no longer works."""
    alt_type, alt_id = wire.required_query(request, "altType", "altId")
    _check_alt(request, alt_id, alt_type)
    if not wire.vendor_of(request).media_files.remove(wire.path_param(request, "id"), alt_id):
        raise not_found("File")
    return Response(status_code=200)


_FILE: Shape = {"_id": Field(validation.text, True)}
_DELETE_FILES: Shape = {
    "filesToBeDeleted": Field(validation.each(_FILE, complaint="filesToBeDeleted must be an array"), True),
    "altType": Field(validation.one_of("location"), True),
    "altId": Field(validation.text, True),
    "status": Field(validation.one_of("deleted", "trashed"), True),
}


async def delete_files(request: Request) -> Response:
    """Delete several files or move them to the bin; either way their URLs no longer work."""
    body = await wire.json_object(request)
    wire.check_shape(_DELETE_FILES, body)
    _check_alt(request, body["altId"], body["altType"])
    for row in body["filesToBeDeleted"]:
        wire.vendor_of(request).media_files.remove(row["_id"], body["altId"])
    return Response(status_code=200)
