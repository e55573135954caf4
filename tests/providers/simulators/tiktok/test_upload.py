"""Chunk plans and the upload server's responses (reference §3.5).

Owns: which plans are accepted, and the response to each PUT. Knows nothing of what happens after the last byte.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from providers.simulators.tiktok import Fault
from tests.providers.simulators.tiktok.world import World, code_and_message, code_of, file_source, world

BAD_SIZE = (400, "invalid_params", "The chunk size is invalid")
BAD_COUNT = (400, "invalid_params", "The total chunk count is invalid")
BAD_FILE = (400, "invalid_params", "The video size is invalid")
OK = (200, "ok", "")


@pytest.mark.parametrize(
    ("size", "chunk_size", "count", "answer"),
    [
        pytest.param(4_194_304, 4_194_304, 1, OK, id="4194304-whole"),
        pytest.param(30_567_100, 30_567_100, 1, OK, id="30567100-whole"),
        pytest.param(50_000_123, 10_000_000, 5, OK, id="50000123-in-5"),
        pytest.param(66_259_900, 10_000_000, 6, OK, id="66259900-in-6"),
        pytest.param(158_008_374, 5_242_880, 30, OK, id="158008374-in-30"),
        pytest.param(4_294_967_296, 10_000_000, 429, OK, id="4294967296-in-429"),
        pytest.param(66_259_900, 66_259_900, 1, BAD_SIZE, id="66259900-whole"),
        pytest.param(158_008_374, 158_008_374, 1, BAD_SIZE, id="158008374-whole"),
        pytest.param(50_000_123, 10_000_000, 6, BAD_COUNT, id="50000123-rounded-up"),
        pytest.param(64_000_000, 64_000_000, 1, OK, id="64000000-whole"),
        pytest.param(64_000_001, 64_000_001, 1, BAD_SIZE, id="64000001-whole"),
        pytest.param(127_999_999, 64_000_000, 1, OK, id="last-chunk-of-127999999"),
        pytest.param(4_000_000, 2_000_000, 2, BAD_SIZE, id="below-5-MB-is-sent-whole"),
        pytest.param(4_000_000, 10_000_000, 1, BAD_SIZE, id="chunk-beyond-the-file"),
        pytest.param(50_000_000, 4_999_999, 10, BAD_SIZE, id="chunk-below-5-MB"),
        pytest.param(50_000_000, 10_000_000, 0, BAD_COUNT, id="no-chunk"),
        pytest.param(50_000_000, 0, 1, BAD_SIZE, id="empty-chunk"),
        pytest.param(50_000_000, -1, 1, BAD_SIZE, id="negative-chunk"),
        pytest.param(0, 0, 1, BAD_FILE, id="empty-file"),
        pytest.param(4_294_967_297, 10_000_000, 429, BAD_FILE, id="above-4-GB"),
    ],
)
async def test_chunk_plans(tiktok: World, size: int, chunk_size: int, count: int, answer: tuple[int, str, str]) -> None:
    """The count is the quotient rounded down, chunks are 5 to 64 MB, small files are one chunk."""
    assert answer == code_and_message(await tiktok.direct(file_source(size, chunk_size, count)))


@pytest.mark.parametrize(
    ("size", "chunk_size", "count", "last_range", "answers"),
    [
        pytest.param(4_194_304, 4_194_304, 1, "bytes 0-4194303/4194304", [201], id="4194304"),
        pytest.param(30_567_100, 30_567_100, 1, "bytes 0-30567099/30567100", [201], id="30567100"),
        pytest.param(
            50_000_123, 10_000_000, 5, "bytes 40000000-50000122/50000123", [206, 206, 206, 206, 201], id="50000123"
        ),
        pytest.param(66_259_900, 10_000_000, 6, "bytes 50000000-66259899/66259900", [206] * 5 + [201], id="66259900"),
        pytest.param(
            158_008_374, 5_242_880, 30, "bytes 152043520-158008373/158008374", [206] * 29 + [201], id="158008374"
        ),
    ],
)
async def test_files_arrive_by_the_documented_plans(
    tiktok: World, size: int, chunk_size: int, count: int, last_range: str, answers: list[int]
) -> None:
    """Each chunk gets 206, the last one 201, and the stored bytes are those that were sent."""
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    url = (await tiktok.direct(file_source(size, chunk_size, count))).json()["data"]["upload_url"]
    firsts = [chunk_size * index for index in range(count)]
    ends = [*firsts[1:], size]
    got = []
    for first, end in zip(firsts, ends, strict=True):
        sent = await tiktok.put(url, data[first:end], first, size)
        got.append(sent.status_code)
    tiktok.clock.advance(1)

    assert answers == got
    assert last_range == sent.request.headers["Content-Range"]
    assert [(size, hashlib.sha256(data).hexdigest())] == [(post.size, post.sha256) for post in tiktok.vendor.posts]


SIZE = 20_000_005
A, B = b"a" * 10_000_000, b"b" * 10_000_005


async def _begin(tiktok: World) -> str:
    answer = await tiktok.direct(file_source(SIZE, 10_000_000, 2))
    return str(answer.json()["data"]["upload_url"])


async def test_every_stored_chunk_returns_the_progress(tiktok: World) -> None:
    """Content-Range has the offset of the last stored byte and the total size."""
    url = await _begin(tiktok)

    first = await tiktok.put(url, A, 0, SIZE)
    last = await tiktok.put(url, B, 10_000_000, SIZE)

    assert (206, "bytes 0-9999999/20000005") == (first.status_code, first.headers["content-range"])
    assert (201, "bytes 0-20000004/20000005") == (last.status_code, last.headers["content-range"])


async def test_progress_can_be_a_count() -> None:
    """The other reading of the documentation, a number of bytes, can be configured."""
    async with world(progress_is_count=True) as tiktok:
        stored = await tiktok.put(await _begin(tiktok), A, 0, SIZE)

    assert "bytes 0-10000000/20000005" == stored.headers["content-range"]


async def test_both_upload_paths_work(tiktok: World) -> None:
    """Upload servers were seen with /video/ and with /upload/."""
    url = (await _begin(tiktok)).replace("/video/", "/upload/")

    assert 206 == (await tiktok.put(url, A, 0, SIZE)).status_code


@pytest.mark.parametrize("content_type", ["video/mp4", "video/quicktime", "video/webm"])
async def test_three_content_types_are_accepted(tiktok: World, content_type: str) -> None:
    """MP4, QuickTime and WebM are accepted."""
    url = await _begin(tiktok)

    assert 206 == (await tiktok.put(url, A, 0, SIZE, headers={"Content-Type": content_type})).status_code


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content-Type": "application/octet-stream"}, id="content-type"),
        pytest.param({"Content-Range": ""}, id="no-range"),
        pytest.param({"Content-Range": "bytes 0-9999999"}, id="range-without-total"),
        pytest.param({"Content-Range": "bytes */20000005"}, id="range-that-asks"),
        pytest.param({"Content-Range": "bytes 0-9999999/20000006"}, id="another-total"),
        pytest.param({"Content-Range": "bytes 9999999-0/20000005"}, id="range-backwards"),
        pytest.param({"Content-Range": "bytes 0-9999998/20000005"}, id="range-shorter-than-the-length"),
        pytest.param({"Content-Range": "bytes 0-20000005/20000005"}, id="range-beyond-the-total"),
    ],
)
async def test_bad_headers_are_400(tiktok: World, headers: dict[str, str]) -> None:
    """Invalid types and ranges are refused, and nothing is stored."""
    url = await _begin(tiktok)

    assert 400 == (await tiktok.put(url, A, 0, SIZE, headers=headers)).status_code
    assert 206 == (await tiktok.put(url, A, 0, SIZE)).status_code


async def test_a_missing_length_is_400(tiktok: World) -> None:
    """A chunked transfer has no Content-Length, which is required."""

    async def pieces() -> AsyncIterator[bytes]:
        yield A

    headers = {"Content-Type": "video/mp4", "Content-Range": "bytes 0-9999999/20000005"}

    assert 400 == (await tiktok.http.put(await _begin(tiktok), content=pieces(), headers=headers)).status_code


async def test_a_body_shorter_than_its_length_is_400_and_not_stored(tiktok: World) -> None:
    """Half a chunk is not stored; the whole chunk is accepted afterwards."""

    async def pieces() -> AsyncIterator[bytes]:
        yield A[:5_000_000]

    url = await _begin(tiktok)
    headers = {
        "Content-Type": "video/mp4",
        "Content-Length": "10000000",
        "Content-Range": "bytes 0-9999999/20000005",
    }

    assert 400 == (await tiktok.http.put(url, content=pieces(), headers=headers)).status_code
    assert 206 == (await tiktok.put(url, A, 0, SIZE)).status_code


async def test_a_chunk_of_another_size_than_declared_is_400(tiktok: World) -> None:
    """A chunk at the right offset but of another length is refused."""
    assert 400 == (await tiktok.put(await _begin(tiktok), A[:5_000_000], 0, SIZE)).status_code


async def test_an_expired_url_is_403(tiktok: World) -> None:
    """An upload URL expires after 3,600 seconds."""
    url = await _begin(tiktok)
    tiktok.clock.advance(3599)
    assert 206 == (await tiktok.put(url, A, 0, SIZE)).status_code
    tiktok.clock.advance(1)

    assert 403 == (await tiktok.put(url, B, 10_000_000, SIZE)).status_code


FIRST = {"Content-Type": "video/mp4", "Content-Length": "10000000", "Content-Range": "bytes 0-9999999/20000005"}


async def test_a_url_that_expires_during_a_chunk_does_not_store_it(tiktok: World) -> None:
    """The last chunk, too, must end before the URL expires."""

    async def pieces() -> AsyncIterator[bytes]:
        yield A[:5_000_000]
        tiktok.clock.advance(3600)
        yield A[5_000_000:]

    url = await _begin(tiktok)

    assert 403 == (await tiktok.http.put(url, content=pieces(), headers=FIRST)).status_code
    assert 0 == tiktok.vendor.publication(tiktok.vendor.inits[0].publish_id).received.size


async def test_two_concurrent_requests_store_a_chunk_once(tiktok: World) -> None:
    """A request that was frozen within a chunk gets the progress afterwards, and the bytes are right."""
    thawed = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield A[:5_000_000]
        await thawed.wait()
        yield A[5_000_000:]

    url = await _begin(tiktok)
    frozen = asyncio.create_task(tiktok.http.put(url, content=pieces(), headers=FIRST))
    await asyncio.sleep(0)
    other = await tiktok.put(url, A, 0, SIZE)
    thawed.set()
    late = await frozen
    await tiktok.put(url, B, 10_000_000, SIZE)
    tiktok.clock.advance(1)

    assert 206 == other.status_code
    assert (416, "bytes 0-9999999/20000005") == (late.status_code, late.headers["content-range"])
    assert [hashlib.sha256(A + B).hexdigest()] == [post.sha256 for post in tiktok.vendor.posts]


@pytest.mark.parametrize("query", ["", "?upload_id=1&upload_token=x"], ids=["no-query", "unknown-id"])
async def test_an_unknown_upload_is_404(tiktok: World, query: str) -> None:
    """An unknown upload_id is 404."""
    assert 404 == (await tiktok.put(f"/video/{query}", A, 0, SIZE)).status_code


async def test_a_wrong_upload_token_is_404(tiktok: World) -> None:
    """The whole query of the upload URL is required."""
    assert 404 == (await tiktok.put(f"{await _begin(tiktok)}x", A, 0, SIZE)).status_code


async def test_an_unknown_upload_can_be_405() -> None:
    """405, which was also observed, can be configured."""
    async with world(unknown_upload_status=405) as tiktok:
        assert 405 == (await tiktok.put("/video/?upload_id=1", A, 0, SIZE)).status_code


async def test_the_second_chunk_first_is_416(tiktok: World) -> None:
    """A chunk out of order is refused with the progress, and is not stored."""
    url = await _begin(tiktok)

    answer = await tiktok.put(url, B, 10_000_000, SIZE)

    assert (416, "bytes 0-0/20000005") == (answer.status_code, answer.headers["content-range"])


async def test_a_stored_chunk_sent_again_is_416_with_the_progress(tiktok: World) -> None:
    """After a lost response the client learns where to continue; the chunk is not stored twice."""
    url = await _begin(tiktok)
    await tiktok.put(url, A, 0, SIZE)

    again = await tiktok.put(url, A, 0, SIZE)

    assert (416, "bytes 0-9999999/20000005") == (again.status_code, again.headers["content-range"])
    assert 201 == (await tiktok.put(url, B, 10_000_000, SIZE)).status_code


async def test_the_last_chunk_sent_again_posts_nothing_more(tiktok: World) -> None:
    """After the last chunk every chunk is 416 with the whole size, and there is one post."""
    url = await _begin(tiktok)
    await tiktok.put(url, A, 0, SIZE)
    await tiktok.put(url, B, 10_000_000, SIZE)
    tiktok.clock.advance(1)

    again = await tiktok.put(url, B, 10_000_000, SIZE)
    tiktok.clock.advance(60)

    assert (416, "bytes 0-20000004/20000005") == (again.status_code, again.headers["content-range"])
    assert 1 == len(tiktok.vendor.posts)


async def test_stored_chunks_can_be_accepted_again() -> None:
    """The other reading of "resend the same chunk" repeats the response without a second effect."""
    async with world(accept_resent_chunk=True) as tiktok:
        url = await _begin(tiktok)
        answers = []
        for data, first in ((A, 0), (A, 0), (B, 10_000_000), (B, 10_000_000)):
            answers.append((await tiktok.put(url, data, first, SIZE)).status_code)
        tiktok.clock.advance(60)

        assert [206, 206, 201, 201] == answers
        assert [hashlib.sha256(A + B).hexdigest()] == [post.sha256 for post in tiktok.vendor.posts]


async def test_lost_progress_is_416_and_the_chunk_is_sent_again(tiktok: World) -> None:
    """After lost progress Content-Range says where to continue, and the final bytes are right."""
    url = await _begin(tiktok)
    await tiktok.put(url, A, 0, SIZE)
    tiktok.vendor.faults.add(Fault(match="upload", kind="lose_progress"))

    lost = await tiktok.put(url, B, 10_000_000, SIZE)
    await tiktok.put(url, A, 0, SIZE)
    done = await tiktok.put(url, B, 10_000_000, SIZE)
    tiktok.clock.advance(1)

    assert (416, "bytes 0-0/20000005") == (lost.status_code, lost.headers["content-range"])
    assert 201 == done.status_code
    assert [hashlib.sha256(A + B).hexdigest()] == [post.sha256 for post in tiktok.vendor.posts]


async def test_a_whole_file_is_not_lost_again(tiktok: World) -> None:
    """After the last chunk the fault loses nothing, although the response is 416."""
    url = await _begin(tiktok)
    await tiktok.put(url, A, 0, SIZE)
    await tiktok.put(url, B, 10_000_000, SIZE)
    tiktok.vendor.faults.add(Fault(match="upload", kind="lose_progress"))

    answer = await tiktok.put(url, B, 10_000_000, SIZE)

    assert (416, "bytes 0-20000004/20000005") == (answer.status_code, answer.headers["content-range"])
    assert SIZE == tiktok.vendor.publication(tiktok.vendor.inits[0].publish_id).received.size


async def test_a_url_can_be_made_to_expire(tiktok: World) -> None:
    """The fault expires the upload for good: 403 now and later."""
    url = await _begin(tiktok)
    tiktok.vendor.faults.add(Fault(match="upload", kind="expire_upload", after=1))

    answers = [(await tiktok.put(url, A, 0, SIZE)).status_code]
    answers += [(await tiktok.put(url, B, 10_000_000, SIZE)).status_code for _ in range(2)]

    assert [206, 403, 403] == answers


@pytest.mark.parametrize("effect", [False, True], ids=["before", "after"])
async def test_a_502_comes_before_or_after_the_chunk_was_stored(tiktok: World, effect: bool) -> None:
    """The chunk sent again is stored in the first case and gets the progress in the second."""
    url = await _begin(tiktok)
    tiktok.vendor.faults.add(Fault(match="upload", kind="status", status=502, effect=effect))

    first = await tiktok.put(url, A, 0, SIZE)
    again = await tiktok.put(url, A, 0, SIZE)

    assert 502 == first.status_code
    assert (416 if effect else 206) == again.status_code


async def test_bytes_are_kept_with_keep_bytes() -> None:
    """keep_bytes keeps the bytes of the file, without lost chunks."""
    async with world(keep_bytes=True) as tiktok:
        url = await _begin(tiktok)
        await tiktok.put(url, b"x" * 10_000_000, 0, SIZE)
        tiktok.vendor.faults.add(Fault(match="upload", kind="lose_progress"))
        await tiktok.put(url, B, 10_000_000, SIZE)
        await tiktok.put(url, A, 0, SIZE)
        await tiktok.put(url, B, 10_000_000, SIZE)
        publish_id = tiktok.vendor.inits[0].publish_id

        assert A + B == bytes(tiktok.vendor.publication(publish_id).received.data or b"")


async def test_a_failed_publication_accepts_no_chunks(tiktok: World) -> None:
    """After the user revoked the grant, the upload is unknown."""
    url = await _begin(tiktok)
    tiktok.vendor.revoke(tiktok.open_id)

    assert 404 == (await tiktok.put(url, A, 0, SIZE)).status_code


async def test_inits_are_in_the_ledger(tiktok: World) -> None:
    """The ledger has the chunk plan of each accepted init."""
    await _begin(tiktok)
    assert (400, "invalid_params") == code_of(await tiktok.direct(file_source(0)))

    [init] = tiktok.vendor.inits

    assert ("FILE_UPLOAD", 20_000_005, 10_000_000, 2) == (init.source, init.size, init.chunk_size, init.chunk_count)
