"""The upload server: one PUT per chunk, in order; incomplete chunks are not stored.

Owns: PUT /video/ and /upload/. Knows nothing of users or tokens: the URL is the only credential.
"""

import re
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from providers.simulators.common.http import CLIENT_CLOSED, media_type
from providers.simulators.common.middleware import FAULT_KEY
from providers.simulators.faults import Fault
from providers.simulators.tiktok.publications import Publication
from providers.simulators.tiktok.state import Vendor
from providers.simulators.tiktok.wire import vendor_of

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})\Z")
_TYPES = ("video/mp4", "video/quicktime", "video/webm")


@dataclass(frozen=True, slots=True)
class _Range:
    """The range of a chunk: first and last byte, from 0, both inclusive."""

    first: int
    last: int


async def put(request: Request) -> Response:
    """Store a chunk: 206 more expected, 201 complete, 400 malformed, 403 expired, 404 unknown, 416 out of order."""
    try:
        publication = _publication(request)
        refused = _refusal(request, publication)
        if publication is not None and refused is None:
            return await _store(request, publication)
        await _drain(request)
        return refused or _unknown(vendor_of(request))
    except ClientDisconnect:
        return Response(status_code=CLIENT_CLOSED)


def _publication(request: Request) -> Publication | None:
    known = vendor_of(request).publisher.uploads.get(request.query_params.get("upload_id", ""))
    same = known is not None and known.upload_token == request.query_params.get("upload_token")
    return known if same else None


def _unknown(vendor: Vendor) -> Response:
    return Response(status_code=vendor.config.unknown_upload_status)


def _refusal(request: Request, publication: Publication | None) -> Response | None:
    vendor = vendor_of(request)
    if publication is None or publication.status == "FAILED":
        return _unknown(vendor)
    _play_fault(request, publication, vendor)
    if _expired(vendor, publication):
        return Response(status_code=403)
    place = _range(request, publication)
    if place is None:
        return Response(status_code=400)
    if vendor.config.accept_resent_chunk and _is_last_stored(publication, place):
        return _progress(vendor, publication)
    if place.first != publication.received.size or _lost(request):
        return _progress(vendor, publication, 416)
    return None if place.last + 1 == publication.next_chunk_end() else Response(status_code=400)


def _fault(request: Request) -> Fault | None:
    fault: Fault | None = request.scope.get(FAULT_KEY)
    return fault


def _lost(request: Request) -> bool:
    fault = _fault(request)
    return fault is not None and fault.kind == "lose_progress"


def _play_fault(request: Request, publication: Publication, vendor: Vendor) -> None:
    fault = _fault(request)
    if fault is not None and fault.kind == "expire_upload":
        publication.upload_expires_at = vendor.now()
    if _lost(request) and publication.ready_at is None:
        publication.received.forget_last()


def _expired(vendor: Vendor, publication: Publication) -> bool:
    return publication.upload_expires_at is not None and vendor.now() >= publication.upload_expires_at


def _range(request: Request, publication: Publication) -> _Range | None:
    """Return the range of a request, or None when its headers are invalid."""
    match = _RANGE.match(request.headers.get("content-range", ""))
    length = request.headers.get("content-length", "")
    if match is None or not length.isdecimal() or media_type(request.headers) not in _TYPES:
        return None
    first, last, total = map(int, match.groups())
    right = first <= last < total == publication.size and int(length) == last - first + 1
    return _Range(first, last) if right else None


def _is_last_stored(publication: Publication, place: _Range) -> bool:
    return publication.received.last_chunk == (place.first, place.last + 1)


def _progress(vendor: Vendor, publication: Publication, status: int | None = None) -> Response:
    """Return 206, 201 when complete, or the given status, with the progress in Content-Range."""
    stored, size = publication.received.size, publication.size
    progress = stored if vendor.config.progress_is_count else max(stored - 1, 0)
    headers = {"Content-Range": f"bytes 0-{progress}/{size}"}
    return Response(status_code=status or (201 if stored == size else 206), headers=headers)


async def _drain(request: Request) -> None:
    async for _ in request.stream():
        pass


async def _store(request: Request, publication: Publication) -> Response:
    vendor = vendor_of(request)
    chunk, begin = publication.received.chunk(), publication.received.size
    async for piece in request.stream():
        chunk.feed(piece)
    if chunk.size != int(request.headers["content-length"]):
        return Response(status_code=400)
    if _expired(vendor, publication):
        return Response(status_code=403)
    if publication.received.size != begin:  # another request stored it in the meantime
        return _progress(vendor, publication, 416)
    publication.received.store(chunk)
    if publication.received.size == publication.size:
        vendor.publisher.ready(publication, vendor.now())
    return _progress(vendor, publication)
