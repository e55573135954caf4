"""`PUT /v1/locations/*/uploads/*/content`: the bytes of an upload as one body, or as ranges of it.

Owns the path and `Content-Range`. The bytes become the messages of WriteUpload, which decides everything else.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from gateway.errors import FieldInvalid
from gateway.http import bodies
from gateway.http.rest.context import Disconnected
from socialgateway.v1 import upload_pb2, upload_service_pb2

METHOD = "/socialgateway.v1.UploadService/WriteUpload"
OUTPUT = upload_pb2.Upload.DESCRIPTOR
TEMPLATE = "/v1/{name=locations/*/uploads/*}/content"
PIECE_BYTES = 1024 * 1024
PIECE_SECONDS = 1.0
"""A slow sender's bytes are handed on as they come, so that it is seen to send."""

_RANGE = re.compile(r"bytes (0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})/(\*|0|[1-9][0-9]{0,18})")
_HELP = "must look like bytes 0-1048575/4194304, with * for a size that is not known yet"


@dataclass(frozen=True, slots=True)
class Range:
    """Where a body begins in the file, how many bytes it has (None: as many as come), and whether the file ends with
    it.
    """

    start: int
    size: int | None
    last: bool


async def messages(request: Request) -> AsyncIterator[upload_service_pb2.WriteUploadRequest]:
    """Yield the messages that gRPC would have brought; raises FieldInvalid for a range that does not fit the body.

    A client that goes is a call that is cancelled: what has arrived is kept.
    """
    if request.scope.get("query_string"):
        raise FieldInvalid("query", "is not taken by an upload")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise FieldInvalid("content-encoding", "must be identity: the bytes are kept as they come")
    part, offset, held = range_of(request.headers.getlist("content-range")), 0, b""
    announced = request.headers.get("content-length")
    if None not in (part.size, announced) and str(part.size) != announced:
        # Before anything of it is stored.
        raise FieldInvalid("content-range", f"names {part.size} bytes, the body has {announced}")
    yield upload_service_pb2.WriteUploadRequest(name=bodies.upload_of(request.scope))
    try:
        async for data in _pieces(request):
            # Held back by one, because the last message says that it is the last.
            if held:
                yield _message(part.start + offset - len(held), held)
            held, offset = data, offset + len(data)
            if part.size is not None and offset > part.size:
                raise FieldInvalid("content-range", "names fewer bytes than the body has")
    except Disconnected:
        if held:
            yield _message(part.start + offset - len(held), held)
        raise
    if part.size is not None and offset != part.size:
        raise FieldInvalid("content-range", "names more bytes than the body has")
    if held or part.last:
        yield _message(part.start + offset - len(held), held, finish=part.last)


def _message(offset: int, data: bytes, *, finish: bool = False) -> upload_service_pb2.WriteUploadRequest:
    return upload_service_pb2.WriteUploadRequest(write_offset=offset, data=data, finish=finish)


def range_of(headers: list[str]) -> Range:
    """Return what `Content-Range` says; without it the body is the whole file. Raises FieldInvalid."""
    if not headers:
        return Range(0, None, True)
    found = _RANGE.fullmatch(headers[0])
    if found is None or len(headers) > 1:
        raise FieldInvalid("content-range", _HELP)
    first, last = int(found[1]), int(found[2])
    total = None if found[3] == "*" else int(found[3])
    if last < first or (total is not None and last >= total):
        raise FieldInvalid("content-range", _HELP)
    return Range(first, last - first + 1, total == last + 1)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces of PIECE_BYTES, or what came in PIECE_SECONDS; raise Disconnected if it breaks off."""
    time = asyncio.get_running_loop().time
    collected, since, gone = bytearray(), time(), False
    try:
        async for data in request.stream():
            collected += data
            if len(collected) >= PIECE_BYTES or (collected and time() - since >= PIECE_SECONDS):
                yield bytes(collected)
                collected.clear()
                since = time()
    except ClientDisconnect:
        gone = True
    if collected:
        yield bytes(collected)
    if gone:
        raise Disconnected
