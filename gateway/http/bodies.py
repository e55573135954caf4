"""Reads the body of a request: a small one, and from a peer that keeps sending.

Owns the pace of a body, for which the page answers in its own words; `connection_limits.py` ends what no page reads.
Owns also which requests bring a large one, the bytes of an upload. Does not know what a body holds.
"""

import asyncio
import re

from starlette.requests import Request
from starlette.types import Scope

from gateway.http.pace import Pace

PACE = Pace(first_seconds=10, bytes_per_second=1024, total_seconds=60)

_UPLOAD = re.compile(r"/v1/(locations/[^/:]+/uploads/[^/:]+)/content")


class BodyTooLarge(Exception):
    """The body has more bytes than the page takes."""


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


def upload_of(scope: Scope) -> str:
    """Return the name of the upload whose bytes a request brings, however many; "" if it brings none."""
    found = _UPLOAD.fullmatch(scope["path"]) if scope["method"] == "PUT" else None
    return found[1] if found else ""


async def read(request: Request, max_bytes: int, pace: Pace | None = None) -> bytes:
    """Return the body as it was sent.

    Raises BodyTooLarge as soon as it is certain, BodyTooSlow for a peer slower than `pace` (PACE unless given),
    ClientDisconnect.
    """
    # h11 refuses a Content-Length that is not a number.
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise BodyTooLarge
    try:
        return await _arriving(request, max_bytes, pace or PACE)
    except TimeoutError as error:
        raise BodyTooSlow from error


async def _arriving(request: Request, max_bytes: int, pace: Pace) -> bytes:
    body, started = bytearray(), asyncio.get_running_loop().time()
    async with asyncio.timeout_at(pace.deadline(started, 0)) as limit:
        async for piece in request.stream():
            body += piece
            if len(body) > max_bytes:
                raise BodyTooLarge
            limit.reschedule(pace.deadline(started, len(body)))
    return bytes(body)
