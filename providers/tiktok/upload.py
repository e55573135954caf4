"""Uploading a video file to TikTok: the chunk plan, one PUT per chunk, and the progress that TikTok reports.

Owns the chunk plan and the upload answers. Does not know posts, and never sends an Authorization header.
"""

import re
from collections.abc import AsyncIterator, Callable

from providers.errors import Ambiguous, ContractBroken, ProviderError, RateLimited, Rejected, UploadGone
from providers.http.exchange import Answer
from providers.http.feed import send
from providers.http.urls import check_url
from providers.models.publishing import ChunkPlan, Transferred, VideoFile
from providers.models.secret import Secret
from providers.tiktok.client import Client
from providers.tiktok.errors import PROVIDER, make

# "Media Transfer Guide" (developers.tiktok.com, 2026-11-20) says 5 to 64 MB a chunk, but not whether MB or MiB: these
# numbers are valid in both readings. A single chunk of 66,259,900 bytes was refused: "The chunk size is invalid".
WHOLE_MAX = 64_000_000
CHUNK = 10_000_000
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
# 404 is documented for an unknown upload task; TikTok's edge has also answered 405.
_GONE = (403, 404, 405, 410)


def chunk_plan(size: int) -> ChunkPlan:
    """Plan the chunks of a file: one up to 64,000,000 bytes, else chunks of 10,000,000, the last with the remainder.

    Raises ValueError for an empty file.
    """
    if size < 1:
        raise ValueError("a file of no bytes cannot be sent")
    if size <= WHOLE_MAX:
        return ChunkPlan(size=size, chunk_size=size, count=1)
    return ChunkPlan(size=size, chunk_size=CHUNK, count=size // CHUNK)


async def send_chunk(
    client: Client, upload_url: Secret, file: VideoFile, first: int, end: int, body: Callable[[], AsyncIterator[bytes]]
) -> Transferred:
    """PUT bytes [first, end) once; see the interface for what the answers mean."""
    if not 0 <= first < end <= file.size:
        raise ValueError(f"no such range: [{first}, {end}) of {file.size} bytes")
    config = client.config
    check_url(upload_url.reveal(), config.upload_hosts, config.allow_loopback)
    headers = {
        "Content-Type": file.mime_type,
        "Content-Length": str(end - first),
        "Content-Range": f"bytes {first}-{end - 1}/{file.size}",
    }
    uploads, size = client.clients.uploads, end - first
    answer = await send(uploads, "PUT", upload_url, headers, body(), size, provider=PROVIDER)
    return understood(answer, file.size, first, end, upload_url)


def understood(answer: Answer, size: int, first: int, end: int, upload_url: Secret) -> Transferred:
    """Interpret the answer to the chunk [first, end) of a file of `size` bytes; raises ProviderError."""
    received = progress(answer.headers.get("content-range", ""), size, (first, end))
    match answer.status:
        case 201:
            return Transferred(received=size, complete=True)
        case 206:
            # Without a readable header, at least this chunk is known to be stored.
            return Transferred(received=end if received is None else received, complete=False)
        case 416:
            # If everything has arrived, the answer to the last chunk was lost.
            return Transferred(received=received, complete=received == size)
    raise make(_kind(answer.status), answer, code=f"http_{answer.status}", secrets=(upload_url,))


def progress(header: str, size: int, known: tuple[int, ...] = ()) -> int | None:
    """Return the number of stored bytes from TikTok's header `bytes 0-N/TOTAL`, None if it is inconsistent.

    Whether N is the last index or the count is undocumented: the reading that falls on a chunk boundary, or on one of
    the `known` offsets, is used.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or int(match[1]) != 0 or int(match[3]) != size or int(match[2]) > size:
        return None
    plan = chunk_plan(size)
    boundaries = {*known, size, *(index * plan.chunk_size for index in range(plan.count))}
    last = int(match[2])
    return next((reading for reading in (last + 1, last) if reading in boundaries), None)


def _kind(status: int) -> type[ProviderError]:
    """Return the error class of an HTTP status that confirms nothing."""
    if status in _GONE:
        return UploadGone
    if status == 429:
        return RateLimited
    if status >= 500 or status == 408 or 200 <= status < 300:
        return Ambiguous
    return Rejected if status >= 400 else ContractBroken
