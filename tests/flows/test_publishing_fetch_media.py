"""Media from a caller's address becomes an upload that its post points to, or nothing of it is left.

Owns the proof of `gateway/domain/publishing/fetch_media.py`: quotas, types of files, stops, concurrent workers. What
hostile servers may do is tested in `tests/providers/http/test_fetch.py`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from google.rpc import error_details_pb2
from sqlmodel import col, select

from gateway import reasons, status
from gateway.domain import post_content, vendor_errors
from gateway.domain.concurrency import LEASE, Superseded
from gateway.domain.media import upload_sweep
from gateway.domain.media import uploads as upload_rules
from gateway.domain.post_content import Source
from gateway.domain.publishing import fetch_media
from gateway.errors import MediaInvalid, QuotaExceeded
from providers.errors import MediaTooLarge, MediaUnavailable, MediaUnreachable
from providers.http import public
from providers.http.fetch import Bounds, Fetcher
from providers.simulators.tiktok import SimulatorConfig
from storage import posts, uploads
from storage.fair import FairPlaces, Tenant
from storage.posts import PostRow
from storage.states import PostState
from storage.uploads import UploadPartRow, UploadRow
from tests.fixtures import media
from tests.fixtures.domain import LOCATION, Stage, opened
from tests.fixtures.rows import post_row
from tests.fixtures.waiting import until
from tests.providers.http.support import Heard, Talk, head, reply, serving
from tests.rpc.answers import detail

MIB = 1024 * 1024
DATA = media.video(25_100_000)
"""Three parts of 8 MiB and a bit."""


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose gateway may fetch from this machine."""
    async with opened(database_url, tmp_path, SimulatorConfig(rate_limits=False, processing_seconds=0)) as made:
        fetcher = Fetcher(allow_loopback=True, bounds=Bounds(pause=0))
        made.domain = replace(made.domain, fetcher=fetcher)
        yield made
        await fetcher.close()


async def posted(stage: Stage, uri: str, kind: str = "video", **values: Any) -> PostRow:
    """Create a post whose media must be fetched first."""
    account, now = await stage.connect(), stage.clock()
    row = post_row(
        now,
        account=account,
        content=post_content.build_content(kind, [Source(uri=uri)], cover_offset_ms=7),
        options={"privacy_level": "only_me"},
        due_at=now + timedelta(seconds=30),
        **values,
    )
    async with stage.domain.db.transaction() as tx:
        return await posts.insert(tx, row)


def answering(answer: bytes) -> Callable[[Heard], Talk]:
    """Send every request the same answer."""
    return holding(answer, b"", asyncio.Event())


def holding(first: bytes, then: bytes, gate: asyncio.Event) -> Callable[[Heard], Talk]:
    """Answer the first part at once, the rest when the gate opens."""

    def make(heard: Heard) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await head(heard, reader)
            writer.write(first)
            await writer.drain()
            if then:
                await gate.wait()
                writer.write(then)
                await writer.drain()

        return talk

    return make


def video(data: bytes = DATA, mime_type: str = "video/mp4") -> bytes:
    """Return an answer with a video."""
    return reply("200 OK", data, f"Content-Type: {mime_type}")


async def kept(stage: Stage) -> tuple[list[UploadRow], list[str], int]:
    """Return what is stored: uploads, the keys of their parts, and how many blobs there are."""
    async with stage.domain.db.read() as tx:
        rows = (await tx.execute(select(UploadRow).order_by(col(UploadRow.id)))).scalars().all()
        keys = (await tx.execute(select(col(UploadPartRow.key)))).scalars().all()
    later = stage.clock() + timedelta(days=36500)
    blobs = [key async for batch in stage.domain.blobs.older("uploads", later) for key in batch]
    assert sorted(blobs) == sorted(keys), "a blob without a part, or a part without a blob"
    return list(rows), list(keys), len(blobs)


NOTHING: tuple[list[UploadRow], list[str], int] = ([], [], 0)


async def test_fetched_media_is_an_upload_like_any_other(stage: Stage) -> None:
    """Its bytes, hash and type are stored; the post points to it and keeps the address; nothing else changed."""
    async with serving(answering(video())) as heard:
        post = await posted(stage, f"{heard.url}/v.mp4?secret=1")
        found = await fetch_media.fetch(stage.domain, post, 0)

    [upload], keys, _ = await kept(stage)
    assert ("COMPLETE", "video/mp4", len(DATA), len(DATA)) == (
        upload.state,
        upload.mime_type,
        upload.size_bytes,
        upload.committed_size,
    )
    assert sha256(DATA).hexdigest() == upload.sha256
    assert stage.clock() + upload_rules.COMPLETE_LIFETIME == upload.expire_time
    assert 3 <= len(keys)
    pieces = [piece async for piece in upload_rules.read(stage.domain, LOCATION, upload.id, 0, len(DATA))]
    assert DATA == b"".join(pieces)
    source = Source(upload=upload.id, uri=f"{heard.url}/v.mp4?secret=1")
    assert ([upload.id], (source,), 7) == (
        found.uploads,
        post_content.sources_of(found),
        found.content["cover_offset_ms"],
    )
    assert ("QUEUED", 0, post.version + 1) == (found.state, found.attempt, found.version)


async def test_photos_keep_their_order(stage: Stage) -> None:
    """Photos are fetched one by one; the order of the sources stays."""
    async with serving(answering(video(b"photo", "image/jpg"))) as heard:
        post = await posted(stage, f"{heard.url}/0", "photos")
        async with stage.domain.db.transaction() as tx:
            content = post_content.build_content("photos", [Source(uri=f"{heard.url}/0"), Source(uri=f"{heard.url}/1")])
            row = await posts.change(tx, LOCATION, post.id, stage.clock(), expect=[PostState.QUEUED], content=content)
        assert row is not None
        row = await fetch_media.fetch(stage.domain, row, 1)
        assert [False, True] == [bool(source.upload) for source in post_content.sources_of(row)]
        row = await fetch_media.fetch(stage.domain, row, 0)

    first, second = post_content.sources_of(row)
    assert [first.upload, second.upload] == row.uploads
    rows, _, _ = await kept(stage)
    assert ["image/jpeg", "image/jpeg"] == [upload.mime_type for upload in rows]


@pytest.mark.parametrize(
    ("content_type", "path", "kind", "mime_type"),
    [
        ("video/webm", "/v.mp4", "video", "video/webm"),
        ("application/octet-stream", "/a/v.MOV?x=.mp4", "video", "video/quicktime"),
        ("binary/octet-stream", "/v.m4v", "video", "video/mp4"),
        ("", "/v.webm", "video", "video/webm"),
        ("application/octet-stream", "/p.jpeg", "photos", "image/jpeg"),
        ("image/webp", "/p", "photos", "image/webp"),
        ('Video/MP4; codecs="avc1, mp4a"', "/v", "video", "video/mp4"),
        ("image/jpg", "/p", "photos", "image/jpeg"),
        ("image/png", "/p", "photos", "image/png"),
        ("video/x-m4v", "/v", "video", "video/mp4"),
        ("text/plain", "/v.mp4", "video", "video/mp4"),
        ("application/x-download", "/v.mp4", "video", "video/mp4"),
        ("application/octet-stream", "/v?id=7", "video", "application/octet-stream"),
        ("", "/v", "video", "application/octet-stream"),
    ],
)
async def test_the_type_comes_from_the_server_or_else_the_suffix(
    stage: Stage, content_type: str, path: str, kind: str, mime_type: str
) -> None:
    """The server's Content-Type counts; if it names no type, the suffix of the address."""
    async with serving(answering(video(b"abc", content_type) if content_type else reply("200 OK", b"abc"))) as heard:
        await fetch_media.fetch(stage.domain, await posted(stage, heard.url + path, kind), 0)

    [upload], _, _ = await kept(stage)
    assert mime_type == upload.mime_type


@pytest.mark.parametrize(
    ("content_type", "kind", "named"),
    [
        ("text/html; charset=utf-8", "video", "text/html"),
        ("image/jpeg", "video", "image/jpeg"),
        ("video/mp4", "photos", "video/mp4"),
        ("image/svg+xml", "photos", "image/svg+xml"),
        ("application/octet-stream", "video", "application/octet-stream"),
        ("video/mp4\x01<script>", "video", "?"),
    ],
)
async def test_another_type_of_file_is_refused_by_name(stage: Stage, content_type: str, kind: str, named: str) -> None:
    """An error page is not a video: nothing of it is stored, and the error names the type that came."""
    async with serving(answering(video(b"abc", content_type))) as heard:
        post = await posted(stage, f"{heard.url}/page.html", kind)
        with pytest.raises(MediaInvalid) as caught:
            await fetch_media.fetch(stage.domain, post, 0)

    assert ("mimeType", named) == (caught.value.metadata["rule"], caught.value.metadata["value"])
    assert NOTHING == await kept(stage)


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("answer", [video(b""), CHUNKED + b"0\r\n\r\n"], ids=["announced", "chunked"])
async def test_an_empty_file_is_refused(stage: Stage, answer: bytes) -> None:
    """A file without bytes is invalid."""
    async with serving(answering(answer)) as heard:
        with pytest.raises(MediaInvalid):
            await fetch_media.fetch(stage.domain, await posted(stage, heard.url), 0)

    assert NOTHING == await kept(stage)


async def test_more_than_the_provider_accepts_is_refused(stage: Stage) -> None:
    """A photo above the provider's size limit is invalid, with or without a Content-Length, and nothing of it is
    stored.
    """
    limit = stage.domain.providers["tiktok"].table.limits.max_photo_bytes
    large = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {limit + 1}\r\n\r\n".encode()
    piece = b"%x\r\n" % (4 * MIB) + b"x" * (4 * MIB) + b"\r\n"
    endless = CHUNKED.replace(b"video/mp4", b"image/jpeg") + piece * 6
    async with serving(answering(large)) as sized, serving(answering(endless)) as chunked:
        post = await posted(stage, sized.url, "photos")
        with pytest.raises(MediaTooLarge) as caught:
            await fetch_media.fetch(stage.domain, post, 0)
        async with stage.domain.db.transaction() as tx:
            content = post_content.build_content("photos", [Source(uri=chunked.url)])
            row = await posts.change(tx, LOCATION, post.id, stage.clock(), expect=[PostState.QUEUED], content=content)
        assert row is not None
        with pytest.raises(MediaTooLarge):
            await fetch_media.fetch(stage.domain, row, 0)

    assert ("MEDIA_INVALID", "sizeBytes") == (reasons.reason_of(caught.value), caught.value.metadata["rule"])
    assert NOTHING == await kept(stage)


@pytest.mark.parametrize(
    "answer", [video(b"123456"), CHUNKED + b"6\r\n123456\r\n0\r\n\r\n"], ids=["announced", "chunked"]
)
async def test_fetched_media_counts_against_the_storage_limit(stage: Stage, answer: bytes) -> None:
    """Uploads and fetched media share the location's storage limit; what does not fit is not stored."""
    promised = upload_rules.MAX_LOCATION_BYTES - 5
    async with serving(answering(answer)) as heard:
        post = await posted(stage, heard.url)
        async with stage.domain.db.transaction() as tx:
            now = stage.clock()
            row = UploadRow(location=LOCATION, id="big", mime_type="video/mp4", size_bytes=promised, create_time=now)
            row.expire_time = now + timedelta(days=1)
            await uploads.insert(tx, row)
        with pytest.raises(QuotaExceeded):
            await fetch_media.fetch(stage.domain, post, 0)

    rows, keys, _ = await kept(stage)
    assert (["big"], []) == ([upload.id for upload in rows], keys)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (reply("404 Not Found"), MediaUnreachable, "MEDIA_UNREACHABLE"),
        (reply("503 Service Unavailable"), MediaUnavailable, "MEDIA_UNREACHABLE"),
        (video()[:-1], MediaUnavailable, "MEDIA_UNREACHABLE"),
    ],
    ids=["refused", "away", "cut"],
)
async def test_nothing_is_left_of_a_failed_fetch(
    stage: Stage, answer: bytes, kind: type[Exception], reason: str
) -> None:
    """Refused, unreachable, or cut off before the last byte: no upload, no blob, and the post is as it was."""
    async with serving(answering(answer)) as heard:
        post = await posted(stage, f"{heard.url}/secret?secret=1")
        with pytest.raises(kind) as caught:
            await fetch_media.fetch(stage.domain, post, 0)

    assert reason == reasons.reason_of(caught.value)  # type: ignore[arg-type]
    assert "secret" not in str(vendor_errors.as_stored(caught.value))  # type: ignore[arg-type]
    assert NOTHING == await kept(stage)
    assert (post.version, post.content) == ((await stage.read(post)).version, (await stage.read(post)).content)


@asynccontextmanager
async def half_fetched(
    stage: Stage, **values: Any
) -> AsyncIterator[tuple[PostRow, asyncio.Event, asyncio.Task[PostRow]]]:
    """Fetch until the first part is stored, hold the rest back, and yield the post, the gate and the fetch."""
    gate, answer = asyncio.Event(), video()
    async with serving(holding(answer[:-MIB], answer[-MIB:], gate)) as heard:
        post = await posted(stage, heard.url)
        fetch = asyncio.create_task(fetch_media.fetch(stage.domain, post, 0, **values))
        await until(lambda: parts_stored(stage))
        yield post, gate, fetch
        fetch.cancel()
        await asyncio.wait([fetch])


async def parts_stored(stage: Stage) -> bool:
    """Return whether both full parts are stored while the rest is held back."""
    async with stage.domain.db.read() as tx:
        rows = (await tx.execute(select(UploadRow))).scalars().all()
    return [True] == [row.committed_size >= 16 * MIB for row in rows]


async def test_a_post_is_not_due_while_its_media_is_fetched(stage: Stage) -> None:
    """However long the fetch takes, the post never becomes due meanwhile, and callers see no change."""
    stage.domain.leases.length = LEASE
    async with half_fetched(stage) as (post, gate, fetch):
        for _ in range(3):
            stage.clock.advance(timedelta(seconds=15))

            async def pushed() -> bool:
                return (await stage.read(post)).due_at == stage.clock() + LEASE

            await until(pushed)
        assert post.version == (await stage.read(post)).version
        gate.set()
        assert (await fetch).uploads


async def test_a_stop_ends_the_fetch_and_leaves_nothing(stage: Stage) -> None:
    """A process that stops leaves the post as it was; the next worker starts over."""
    stopping = False
    async with half_fetched(stage, stopping=lambda: stopping) as (post, _, fetch):
        stopping = True
        assert post == await fetch

    assert NOTHING == await kept(stage)
    assert post_content.sources_of(await stage.read(post))[0].needs_fetch


async def test_a_cancelled_fetch_leaves_nothing(stage: Stage) -> None:
    """A worker whose grace period is over removes what it stored."""
    async with half_fetched(stage) as (_, _, fetch):
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch

    assert NOTHING == await kept(stage)


@pytest.mark.parametrize(
    "values", [{"state": "CANCELLED", "due_at": None}, {"attempt": 1}, {"content": {"kind": "video"}}]
)
async def test_a_superseded_fetch_leaves_nothing(stage: Stage, values: dict[str, Any]) -> None:
    """A post that was cancelled, retried or changed meanwhile is left alone, and its late media is removed."""
    async with half_fetched(stage) as (post, gate, fetch):
        async with stage.domain.db.transaction() as tx:
            moved = await posts.change(tx, LOCATION, post.id, stage.clock(), expect=[PostState.QUEUED], **values)
        gate.set()
        with pytest.raises(Superseded):
            await fetch

    assert moved is not None
    now = await stage.read(post)
    assert (moved.version, moved.content, []) == (now.version, now.content, now.uploads)
    assert NOTHING == await kept(stage)


async def test_a_post_that_moved_on_ends_the_fetch(stage: Stage) -> None:
    """A fetch for a cancelled post does not download gigabytes: the next renewal of the lease ends it."""
    async with half_fetched(stage) as (post, _, fetch):
        async with stage.domain.db.transaction() as tx:
            await posts.change(
                tx, LOCATION, post.id, stage.clock(), expect=[PostState.QUEUED], state=PostState.CANCELLED, due_at=None
            )
        stage.clock.advance(timedelta(seconds=15))
        with pytest.raises(Superseded):
            await fetch

    assert NOTHING == await kept(stage)


async def test_of_two_workers_one_wins(stage: Stage) -> None:
    """When a worker froze and another took over, the post points to one complete upload, and the other's is removed."""
    async with half_fetched(stage) as (post, gate, fetch):
        rival = asyncio.create_task(fetch_media.fetch(stage.domain, post, 0))
        gate.set()
        ended = await asyncio.gather(fetch, rival, return_exceptions=True)

    [won] = [each for each in ended if isinstance(each, PostRow)]
    assert 1 == sum(isinstance(each, Superseded) for each in ended)
    [upload], _, _ = await kept(stage)
    now = await stage.read(post)
    assert ([upload.id], won.uploads, "COMPLETE") == (now.uploads, now.uploads, upload.state)


async def test_what_a_dead_worker_fetched_expires_by_itself(stage: Stage) -> None:
    """An upload that no worker continues is kept for two hours, not for a day."""
    async with half_fetched(stage) as (_, gate, fetch):
        [upload], _, _ = await kept(stage)
        assert stage.clock() + timedelta(hours=2) == upload.expire_time
        stage.clock.advance(timedelta(hours=2))
        await upload_sweep.expire(stage.domain, stage.clock())
        gate.set()
        with pytest.raises(MediaUnavailable):
            await fetch

    assert NOTHING == await kept(stage)


async def test_a_failing_store_does_not_fail_the_post(stage: Stage, tmp_path: Path) -> None:
    """When the bytes cannot be stored, the media is fetched again later, and the post does not fail."""
    (tmp_path / "blobs").rmdir()
    (tmp_path / "blobs").write_text("in the way")
    async with serving(answering(video())) as heard:
        post = await posted(stage, heard.url)
        with pytest.raises(MediaUnavailable):
            await fetch_media.fetch(stage.domain, post, 0)

    with contextlib.suppress(FileNotFoundError):
        (tmp_path / "blobs").unlink()
    (tmp_path / "blobs").mkdir()
    assert NOTHING == await kept(stage)


async def test_a_post_with_an_address_is_published(stage: Stage) -> None:
    """End to end: the vendor gets exactly the bytes that the address returned."""
    async with serving(answering(video())) as heard:
        post = await stage.finish(await posted(stage, heard.url))

    assert ("PUBLISHED", None) == (post.state, post.error)
    assert [sha256(DATA).hexdigest()] == [work.sha256 for work in stage.vendor.posts]


async def test_a_post_whose_address_is_gone_fails(stage: Stage) -> None:
    """A refusal of the server fails the post, with a reason that says so."""
    async with serving(answering(reply("410 Gone"))) as heard:
        post = await stage.finish(await posted(stage, f"{heard.url}/secret"))

    assert "FAILED" == post.state
    assert post.error is not None
    assert ("MEDIA_UNREACHABLE", "410") == (post.error["reason"], post.error["metadata"]["httpStatus"])
    assert "secret" not in str(post.error)


async def two_photos(stage: Stage, first: str, second: str) -> PostRow:
    """Create a post of two photos that must be fetched first."""
    post = await posted(stage, first, "photos")
    async with stage.domain.db.transaction() as tx:
        content = post_content.build_content("photos", [Source(uri=first), Source(uri=second)])
        row = await posts.change(tx, LOCATION, post.id, stage.clock(), expect=[PostState.QUEUED], content=content)
    assert row is not None
    return row


TOO_LARGE = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 999999999\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply("410 Gone"), "MEDIA_UNREACHABLE"),
        (TOO_LARGE, "MEDIA_INVALID"),
        (video(b"<html>", "text/html"), "MEDIA_INVALID"),
    ],
    ids=["gone", "too large", "a page"],
)
async def test_a_photo_whose_address_is_refused_is_named(stage: Stage, answer: bytes, reason: str) -> None:
    """The second of two photos cannot be fetched: the error begins with its path, and names it as `field`."""
    async with serving(answering(video(media.jpeg(), "image/jpeg"))) as good, serving(answering(answer)) as bad:
        post = await stage.finish(await two_photos(stage, good.url, bad.url))

    assert "FAILED" == post.state
    assert post.error is not None
    assert (reason, "post.photos.sources[1]") == (post.error["reason"], post.error["metadata"]["field"])
    assert post.error["message"].startswith("post.photos.sources[1]: ")


async def test_every_photo_that_is_refused_before_the_submit_is_named(stage: Stage) -> None:
    """Two photos have too many pixels: callers see one BadRequest that names both, as CreatePost would."""
    async with serving(answering(video(media.jpeg(1200, 1300), "image/jpeg"))) as heard:
        post = await stage.finish(await two_photos(stage, f"{heard.url}/0", f"{heard.url}/1"))

    assert "FAILED" == post.state
    assert post.error is not None
    shown = detail(status.from_stored(post.error), error_details_pb2.BadRequest)
    assert shown is not None
    assert ["post.photos.sources[0]", "post.photos.sources[1]"] == [each.field for each in shown.field_violations]


async def test_one_agency_leaves_places_for_others(stage: Stage) -> None:
    """When an agency fetches as much as it may, its next post waits, and another agency's is fetched; a place is given
    back however its fetch ends.
    """
    answer = reply("200 OK", DATA[:MIB], "Content-Type: video/mp4")
    places = replace(stage.domain, fetches=FairPlaces(4))
    greedy = [Tenant("greedy", f"g{number}") for number in range(3)]
    assert all(places.fetches.take(tenant) for tenant in greedy)
    async with serving(answering(answer)) as heard:
        post = await posted(stage, f"{heard.url}/v.mp4")
        with pytest.raises(MediaUnavailable) as caught:
            await fetch_media.fetch(places, PostRow(**{**post.model_dump(warnings=False), "agency": "greedy"}), 0)
        fetched = await fetch_media.fetch(places, post, 0)

    assert caught.value.retry_after is not None
    assert fetched.uploads
    assert 3 == places.fetches.busy


def test_an_address_is_checked_before_any_request() -> None:
    """CreatePost refuses at once what would never be fetched."""
    assert "" == public.trouble("https://media.example/v.mp4", allow_loopback=False)
    assert "" != public.trouble("http://127.0.0.1:8080/v.mp4", allow_loopback=False)
    assert "" == public.trouble("http://127.0.0.1:8080/v.mp4", allow_loopback=True)
    assert "" != public.trouble("ftp://media.example/v.mp4", allow_loopback=True)
