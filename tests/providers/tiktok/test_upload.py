"""Chunks: the plan of a file, the headers of a PUT, the meaning of each answer.

Owns the table of "Media Transfer Guide". Real sockets are in tests/providers/http/test_feed.py and test_flow.py.
"""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import (
    Ambiguous,
    ContractBroken,
    Misconfigured,
    ProviderError,
    RateLimited,
    Rejected,
    Unavailable,
    UploadGone,
)
from providers.models.publishing import ChunkPlan, Transferred, VideoFile
from providers.models.secret import Secret
from providers.tiktok import TikTok, chunk_plan
from providers.tiktok.upload import progress
from tests.providers.tiktok.support import UPLOAD_URL, tiktok

SIZE = 66_259_900


async def body(size: int) -> AsyncIterator[bytes]:
    """Yield bytes."""
    for start in range(0, size, 1024 * 1024):
        yield bytes(min(1024 * 1024, size - start))


async def send(provider: TikTok, first: int, end: int, *, size: int = SIZE, url: str = UPLOAD_URL) -> Transferred:
    """Send one chunk."""
    return await provider.publishing.send_chunk(
        Secret(url), VideoFile(size, "video/mp4"), first=first, end=end, body=lambda: body(end - first)
    )


@pytest.mark.parametrize(
    ("size", "chunk_size", "count", "last"),
    [
        (1, 1, 1, 1),
        (1_000_000, 1_000_000, 1, 1_000_000),
        (4_194_304, 4_194_304, 1, 4_194_304),
        (6_000_000, 6_000_000, 1, 6_000_000),
        (11_000_000, 11_000_000, 1, 11_000_000),
        (30_567_100, 30_567_100, 1, 30_567_100),
        (50_000_123, 50_000_123, 1, 50_000_123),
        (64_000_000, 64_000_000, 1, 64_000_000),
        (64_000_001, 10_000_000, 6, 14_000_001),
        (66_259_900, 10_000_000, 6, 16_259_900),
        (158_008_374, 10_000_000, 15, 18_008_374),
        (287_000_000, 10_000_000, 28, 17_000_000),
        (1_073_741_824, 10_000_000, 107, 13_741_824),
        (4_294_967_296, 10_000_000, 429, 14_967_296),
    ],
)
def test_chunk_plans(size: int, chunk_size: int, count: int, last: int) -> None:
    """A file is one chunk up to 64,000,000 bytes, else chunks of 10,000,000, their count rounded down."""
    plan = chunk_plan(size)

    assert ChunkPlan(size, chunk_size, count) == plan
    assert last == size - chunk_size * (count - 1)


@given(st.integers(1, 4 * 1024**3))
def test_a_plan_is_within_tiktoks_rules(size: int) -> None:
    """For any size up to 4 GiB the plan is valid in both readings of MB, and its chunks are the file."""
    plan = chunk_plan(size)
    last = size - plan.chunk_size * (plan.count - 1)

    assert size // plan.chunk_size == plan.count
    assert 1 <= plan.count <= 1000
    assert plan.chunk_size == size if plan.count == 1 else 5_242_880 <= plan.chunk_size <= 64_000_000
    assert plan.chunk_size <= last <= 128_000_000
    offset, pieces = 0, 0
    while offset < size:
        first, end, is_last = plan.chunk_at(offset)
        assert (first, is_last) == (offset, end == size)
        offset, pieces = end, pieces + 1
    assert plan.count == pieces


@pytest.mark.parametrize("size", [0, -1])
def test_no_bytes_are_no_plan(size: int) -> None:
    """An empty file raises ValueError."""
    with pytest.raises(ValueError, match="no bytes"):
        chunk_plan(size)


async def test_a_chunk_carries_exactly_its_headers() -> None:
    """A PUT has the URL verbatim, the inclusive range, length, media type, and no Authorization."""
    provider, vendor = tiktok(httpx.Response(206))

    await send(provider, 10_000_000, 20_000_000)

    request = vendor.last
    assert ("PUT", UPLOAD_URL) == (request.method, str(request.url))
    assert "bytes 10000000-19999999/66259900" == request.headers["content-range"]
    assert "10000000" == request.headers["content-length"]
    assert "video/mp4" == request.headers["content-type"]
    assert "authorization" not in request.headers
    assert "transfer-encoding" not in request.headers
    assert 10_000_000 == len(request.content)


@pytest.mark.parametrize(
    ("status", "header", "expected"),
    [
        (206, "bytes 0-19999999/66259900", Transferred(20_000_000, False)),
        (206, "bytes 0-20000000/66259900", Transferred(20_000_000, False)),
        (206, "bytes 0-9999999/66259900", Transferred(10_000_000, False)),
        (206, "", Transferred(20_000_000, False)),
        (206, "rubbish", Transferred(20_000_000, False)),
        (201, "", Transferred(66_259_900, True)),
        (201, "bytes 0-66259899/66259900", Transferred(66_259_900, True)),
        (416, "bytes 0-29999999/66259900", Transferred(30_000_000, False)),
        (416, "bytes 0-30000000/66259900", Transferred(30_000_000, False)),
        (416, "bytes 0-0/66259900", Transferred(0, False)),
        (416, "bytes 0-66259899/66259900", Transferred(66_259_900, True)),
        (416, "bytes 0-66259900/66259900", Transferred(66_259_900, True)),
        (416, "", Transferred(None, False)),
        (416, "bytes */66259900", Transferred(None, False)),
        (416, "bytes 0-12345/66259900", Transferred(None, False)),
    ],
)
async def test_stored_and_expected_bytes(status: int, header: str, expected: Transferred) -> None:
    """206 stores, 201 completes, 416 reports the progress; both readings of the header are accepted."""
    provider, _ = tiktok(httpx.Response(status, headers={"content-range": header} if header else {}))

    assert expected == await send(provider, 10_000_000, 20_000_000)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, Rejected),
        (403, UploadGone),
        (404, UploadGone),
        (405, UploadGone),
        (410, UploadGone),
        (408, Ambiguous),
        (413, Rejected),
        (429, RateLimited),
        (500, Ambiguous),
        (502, Ambiguous),
        (503, Ambiguous),
        (504, Ambiguous),
        (200, Ambiguous),
        (204, Ambiguous),
        (302, ContractBroken),
    ],
)
async def test_every_other_answer_is_an_error(status: int, error: type[ProviderError]) -> None:
    """Any other status decides between a new init, sending again and giving up; one PUT is made."""
    provider, vendor = tiktok(httpx.Response(status, headers={"x-tt-logid": "edge"}))

    with pytest.raises(error) as raised:
        await send(provider, 0, 10_000_000)
    assert (error, status, "edge") == (type(raised.value), raised.value.http_status, raised.value.log_id)
    assert 1 == len(vendor.requests)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.ConnectError("x"), Unavailable),
        (httpx.WriteError("x"), Ambiguous),
        (httpx.ReadError("x"), Ambiguous),
        (httpx.ReadTimeout("x"), Ambiguous),
    ],
)
async def test_a_lost_answer_may_have_stored_the_chunk(failure: Exception, error: type[ProviderError]) -> None:
    """A failure before the first byte is Unavailable, a later one Ambiguous."""
    provider, vendor = tiktok(failure)

    with pytest.raises(error):
        await send(provider, 0, 10_000_000)
    assert 1 == len(vendor.requests)


async def test_bytes_go_to_allowed_hosts_only() -> None:
    """The upload URL is checked again before each chunk."""
    provider, vendor = tiktok(httpx.Response(206))

    with pytest.raises(Misconfigured):
        await send(provider, 0, 10_000_000, url="https://evil.example/video/")
    assert [] == vendor.requests


@pytest.mark.parametrize(("first", "end"), [(-1, 5), (5, 5), (6, 5), (0, SIZE + 1)])
async def test_a_range_outside_the_file_is_a_fault_of_ours(first: int, end: int) -> None:
    """A range outside the file raises ValueError."""
    provider, vendor = tiktok(httpx.Response(206))

    with pytest.raises(ValueError, match="no such range"):
        await send(provider, first, end)
    assert [] == vendor.requests


@given(st.text(max_size=60))
def test_any_header_is_read_without_harm(header: str) -> None:
    """For any header the progress is a number of bytes within the file, or None."""
    read = progress(header, SIZE)

    assert read is None or 0 <= read <= SIZE


@given(st.integers(1, 10**11), st.integers(0, 10**11), st.integers(0, 10**11))
def test_any_progress_is_a_boundary_of_the_plan(size: int, last: int, total: int) -> None:
    """A progress that is not on a chunk boundary, or of another file, is None."""
    read = progress(f"bytes 0-{last}/{total}", size)

    if read is not None:
        assert total == size
        assert read in (last, last + 1)
        assert read == size or read % chunk_size_of(size) == 0


def test_when_both_readings_fit_the_last_index_is_meant() -> None:
    """As in HTTP's Content-Range, byte 0 of a file of one byte is all of it."""
    assert 1 == progress("bytes 0-0/1", 1)


def chunk_size_of(size: int) -> int:
    """Return the chunk size according to the reference."""
    return size if size <= 64_000_000 else 10_000_000


def test_the_upload_address_is_not_in_an_error() -> None:
    """The repr of an init's answer does not contain the upload URL."""
    assert not re.search("canary", repr(Secret(UPLOAD_URL)))
