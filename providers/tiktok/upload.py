"""Sending a video file to TikTok: how it is cut, one PUT per chunk, and what TikTok says it has.

Owns the chunk plan and the upload answers. Does not know posts, and never sends an Authorization header here.
"""

import re
from collections.abc import AsyncIterator, Callable

from providers.errors import Ambiguous, ContractBroken, ProviderError, RateLimited, Rejected, UploadGone
from providers.http.exchange import Answer
from providers.http.feed import put
from providers.http.urls import check_url
from providers.models.publishing import ChunkPlan, Transferred, VideoFile
from providers.models.secret import Secret
from providers.tiktok.client import Client
from providers.tiktok.errors import PROVIDER, make

# "Media Transfer Guide" (developers.tiktok.com, 2026-11-20) says 5 to 64 MB a chunk and not whether MB or MiB: these
# numbers are inside both readings. A single chunk of 66,259,900 bytes was refused as "The chunk size is invalid".
WHOLE_MAX = 64_000_000
CHUNK = 10_000_000
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
# 404 is documented for an unknown upload task; its edge has also answered 405.
_GONE = (403, 404, 405, 410)


def chunk_plan(size: int) -> ChunkPlan:
    """Cut a file: up to 64,000,000 bytes whole, above by 10,000,000, the last chunk taking the remainder too.

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
    answer = await put(client.clients.uploads, upload_url, headers, body(), end - first, provider=PROVIDER)
    return understood(answer, file.size, first, end, upload_url)


def understood(answer: Answer, size: int, first: int, end: int, upload_url: Secret) -> Transferred:
    """Read the answer to the chunk [first, end) of `size` bytes, or raise what it means."""
    received = progress(answer.headers.get("content-range", ""), size, (first, end))
    match answer.status:
        case 201:
            return Transferred(received=size, complete=True)
        case 206:
            # The chunk is stored; without a readable header that much is certain.
            return Transferred(received=end if received is None else received, complete=False)
        case 416:
            # All there: the answer to the last chunk was lost on its way.
            return Transferred(received=received, complete=received == size)
    raise make(_kind(answer.status), answer, code=f"http_{answer.status}", secrets=(upload_url,))


def progress(header: str, size: int, known: tuple[int, ...] = ()) -> int | None:
    """Read TikTok's progress (`bytes 0-N/TOTAL`) as a number of stored bytes; what makes no sense is None.

    Whether N is the last index or already the count is undocumented: the reading that falls on the boundary of a chunk,
    or on one of the `known` offsets, is taken.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or int(match[1]) != 0 or int(match[3]) != size or int(match[2]) > size:
        return None
    plan = chunk_plan(size)
    boundaries = {*known, size, *(index * plan.chunk_size for index in range(plan.count))}
    last = int(match[2])
    return next((reading for reading in (last + 1, last) if reading in boundaries), None)


def _kind(status: int) -> type[ProviderError]:
    """Class a status that is neither stored nor complete."""
    if status in _GONE:
        return UploadGone
    if status == 429:
        return RateLimited
    if status >= 500 or status == 408 or 200 <= status < 300:
        return Ambiguous
    return Rejected if status >= 400 else ContractBroken
