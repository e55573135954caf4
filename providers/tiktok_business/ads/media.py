"""The library of an ad account: videos and images are uploaded, looked up by name, and read until they are ready.

Owns `/file/…`. A name is unique in the library: it comes from the key of the upload, so that a repeat finds the first.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers.errors import ContentRefused
from providers.http.multipart import FileForm
from providers.interface.access import Access
from providers.models.ads import AdMedia, AdMediaFile, AdMediaKind
from providers.tiktok_business import wire
from providers.tiktok_business.ads.calls import Calls, next_page, rows_of
from providers.tiktok_business.ads.capabilities import COVERS, IMAGES, UPLOAD_IMAGES, UPLOAD_VIDEOS, VIDEOS
from providers.tiktok_business.ads.refused import refuse, unsupported
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values

Body = Callable[[int, int], AsyncIterator[bytes]]

UPLOAD_PATHS = {AdMediaKind.VIDEO: "/file/video/ad/upload/", AdMediaKind.IMAGE: "/file/image/ad/upload/"}
INFO_PATHS = {AdMediaKind.VIDEO: "/file/video/ad/info/", AdMediaKind.IMAGE: "/file/image/ad/info/"}
SEARCH_PATH, COVERS_PATH = "/file/video/ad/search/", "/file/video/suggestcover/"
START_PATH, TRANSFER_PATH, FINISH_PATH = "/file/start/upload/", "/file/transfer/upload/", "/file/finish/upload/"
WHOLE_MAX = 20 * 1024**2
"""Up to here a file is sent in one call: a chunked upload begins at "20 MB", whichever that is."""

MAX_BYTES = {AdMediaKind.VIDEO: 500 * 1024**2, AdMediaKind.IMAGE: WHOLE_MAX}
ENDINGS = {
    AdMediaKind.VIDEO: {"video/mp4": "mp4", "video/quicktime": "mov", "video/mpeg": "mpeg", "video/x-msvideo": "avi"},
    AdMediaKind.IMAGE: {"image/jpeg": "jpg", "image/png": "png"},
}
AT_ONCE = 60
NAME_TAKEN = "40911"
_SEARCH_PAGE, _MOST_PAGES = 100, 20
_MOST_IMAGES = 10
_MD5 = re.compile(r"[0-9a-f]{32}")


async def upload(calls: Calls, access: Access, account_id: str, file: AdMediaFile, body: Body, *, key: str) -> AdMedia:
    """Upload a file, or return the one that an earlier call with this key uploaded; see the interface.

    TikTok has no call that finds an image by its name: one whose name is taken gets the next name, which leaves an
    image that nobody uses.
    """
    _check(file)
    if file.kind is AdMediaKind.VIDEO:
        return await _upload_video(calls, access, account_id, file, body, _name(file, key))
    for attempt in range(_MOST_IMAGES):
        try:
            return await _send(calls, access, account_id, file, body, _name(file, key, attempt))
        except ContentRefused as error:
            if error.code != NAME_TAKEN or attempt == _MOST_IMAGES - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


async def _upload_video(
    calls: Calls, access: Access, account_id: str, file: AdMediaFile, body: Body, name: str
) -> AdMedia:
    try:
        return await _send(calls, access, account_id, file, body, name)
    except ContentRefused as error:
        if error.code != NAME_TAKEN:
            raise
        taken = error
    if (found := await _by_name(calls, access, account_id, name)) is None:
        raise taken
    return found


def _check(file: AdMediaFile) -> None:
    endings = ENDINGS[file.kind]
    if file.mime_type not in endings:
        raise unsupported("mime_type", f"TikTok takes {', '.join(endings)} for ads, not {file.mime_type[:80]!r}.")
    if not 0 < file.size <= MAX_BYTES[file.kind]:
        raise refuse("size", f"The file has {file.size} bytes.", allowed=f"1 to {MAX_BYTES[file.kind]}")
    if not _MD5.fullmatch(file.md5):
        raise ValueError("the MD5 of a file is 32 hex digits")


def _name(file: AdMediaFile, key: str, attempt: int = 0) -> str:
    return f"{key[:32]}{f'-{attempt}' if attempt else ''}.{ENDINGS[file.kind][file.mime_type]}"


async def _send(calls: Calls, access: Access, account_id: str, file: AdMediaFile, body: Body, name: str) -> AdMedia:
    """Send a file, whole or in chunks, under a name. Raises ContentRefused with 40911 if the name is taken."""
    fields = {"advertiser_id": account_id, "file_name": name}
    if file.size > WHOLE_MAX:
        fields |= {"upload_type": "UPLOAD_BY_FILE_ID", "file_id": await _chunked(calls, access, account_id, file, body)}
        path, scope = UPLOAD_PATHS[file.kind], _upload_scope(file.kind)
        envelope = await calls.write(access, path, account_id, fields, scope=scope)
    else:
        fields |= {"upload_type": "UPLOAD_BY_FILE", f"{file.kind}_signature": file.md5}
        form = FileForm(name, file.mime_type, file.size, lambda: body(0, file.size), f"{file.kind}_file", fields)
        envelope = await calls.upload(access, UPLOAD_PATHS[file.kind], form, scope=_upload_scope(file.kind))
    return _uploaded(file.kind, envelope, name)


def _upload_scope(kind: AdMediaKind) -> str:
    return UPLOAD_VIDEOS if kind is AdMediaKind.VIDEO else UPLOAD_IMAGES


async def _chunked(calls: Calls, access: Access, account_id: str, file: AdMediaFile, body: Body) -> str:
    """Send a file in the chunks that TikTok asks for, each read twice: its signature goes before it."""
    scope = _upload_scope(file.kind)
    name = f"{file.md5}.{ENDINGS[file.kind][file.mime_type]}"
    start = {"size": file.size, "content_type": file.kind.value, "name": name}
    envelope = await calls.write(access, START_PATH, account_id, start, scope=scope)
    upload_id = values.identifier(envelope.data.get("upload_id"))
    first, end = _range(envelope, file.size)
    while first < end:
        sent = {"advertiser_id": account_id, "upload_id": upload_id, "start_offset": str(first)}
        fields = {**sent, "signature": await _md5(body(first, end))}
        form = FileForm(name, file.mime_type, end - first, _part(body, first, end), fields=fields)
        envelope = await calls.upload(access, TRANSFER_PATH, form, scope=scope)
        following, end = _range(envelope, file.size)
        if following <= first:
            raise contract("TikTok asks for the same bytes again.", envelope, write=True)
        first = following
    envelope = await calls.write(access, FINISH_PATH, account_id, {"upload_id": upload_id}, scope=scope)
    if not (file_id := values.identifier(envelope.data.get("file_id"))):
        raise contract("TikTok's answer names no file.", envelope, write=True)
    return file_id


def _part(body: Body, first: int, end: int) -> Callable[[], AsyncIterator[bytes]]:
    return lambda: body(first, end)


async def _md5(source: AsyncIterator[bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    async for block in source:
        digest.update(block)
    return digest.hexdigest()


def _range(envelope: wire.Envelope, size: int) -> tuple[int, int]:
    """Return the bytes that TikTok wants next, none if it has all."""
    first, end = values.count(envelope.data, "start_offset"), values.count(envelope.data, "end_offset")
    if first is None or end is None or not first <= end <= size:
        raise contract("TikTok asks for bytes that the file does not have.", envelope, write=True)
    return first, end


def _uploaded(kind: AdMediaKind, envelope: wire.Envelope, name: str) -> AdMedia:
    """Return the file: the answer to a video is a list, to an image an object. It may say less than the library."""
    rows = envelope.items if kind is AdMediaKind.VIDEO else (envelope.data,)
    found = read_media(kind, rows[0]) if rows else None
    if found is None:
        raise contract("TikTok's answer to an upload names no file.", envelope, write=True)
    return replace(found, name=found.name or name)


def read_media(kind: AdMediaKind, row: Mapping[str, Any]) -> AdMedia | None:
    """Parse a file, None without its id. A video is ready when TikTok knows its width, height and duration."""
    if not (id := values.identifier(row.get(f"{kind}_id")) or values.identifier(row.get("id"))):
        return None
    width, height, duration = values.count(row, "width"), values.count(row, "height"), wire.decimal(row, "duration")
    return AdMedia(
        kind=kind,
        id=id,
        name=values.text(row, "file_name"),
        ready=kind is AdMediaKind.IMAGE or bool(width and height and duration),
        uri=values.text(row, "preview_url") or values.text(row, "image_url") or values.text(row, "url"),
        width=width,
        height=height,
        duration_seconds=duration,
    )


async def _by_name(calls: Calls, access: Access, account_id: str, name: str) -> AdMedia | None:
    """Look a video up by its name; TikTok can only list them all."""
    for page in range(1, _MOST_PAGES + 1):
        query = {"page": page, "page_size": _SEARCH_PAGE}
        envelope = await calls.read(access, SEARCH_PATH, account_id, query, scope=VIDEOS)
        found = (read_media(AdMediaKind.VIDEO, row) for row in rows_of(envelope.data))
        if (match := next((each for each in found if each and each.name == name), None)) is not None:
            return match
        if not next_page(envelope.data, page)[0]:
            break
    return None


async def read(
    calls: Calls, access: Access, account_id: str, kind: AdMediaKind, ids: Sequence[str]
) -> tuple[AdMedia, ...]:
    """Read files of the library; see the interface."""
    if len(ids) > AT_ONCE:
        raise ValueError(f"at most {AT_ONCE} files can be read at once")
    scope = VIDEOS if kind is AdMediaKind.VIDEO else IMAGES
    envelope = await calls.read(access, INFO_PATHS[kind], account_id, {f"{kind}_ids": list(ids)}, scope=scope)
    found = (read_media(kind, row) for row in rows_of(envelope.data))
    return tuple(each for each in found if each is not None and each.id in ids)


async def covers(calls: Calls, access: Access, account_id: str, video_id: str) -> tuple[AdMedia, ...]:
    """Return the images that TikTok suggests as covers; see the interface."""
    envelope = await calls.read(access, COVERS_PATH, account_id, {"video_id": video_id}, scope=COVERS)
    found = (read_media(AdMediaKind.IMAGE, row) for row in rows_of(envelope.data))
    return tuple(each for each in found if each is not None)
