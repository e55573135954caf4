"""Files in HighLevel's media library: the wire format, the meaning of each answer, limits, memory.

Owns /medias. Real sockets are covered by tests/providers/http/test_feed.py.
"""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest

from providers.errors import (
    Ambiguous,
    ContentRefused,
    ContractBroken,
    NotFound,
    RateLimited,
    Rejected,
    ScopeNotGranted,
    Unavailable,
)
from providers.highlevel import media_library
from providers.highlevel.media_library import Medium
from providers.models.publishing import VideoFile
from providers.simulators.highlevel.tenants import BAKERY
from tests.providers.faking import Answering, FakeVendor
from tests.providers.highlevel import specification
from tests.providers.highlevel.sandbox import in_process
from tests.providers.highlevel.support import API, LOCATION, FakeAccess, highlevel, refused

CLIP = bytes(range(256)) * 4000
STORED = {"fileId": "65f0c0de00000000000000bb", "url": "https://assets.cdn.filesafe.space/x/media/1.mp4"}


async def bytes_of(content: bytes, block: int = 300_000) -> AsyncIterator[bytes]:
    """Yield the content in blocks."""
    for start in range(0, len(content), block):
        yield content[start : start + block]


async def upload(*answers: Answering, mime_type: str = "video/mp4") -> tuple[Medium, FakeVendor]:
    """Upload the clip to a vendor that returns these answers."""
    provider, vendor = highlevel(*answers)
    file = VideoFile(len(CLIP), mime_type)
    return await media_library.upload(provider.client, FakeAccess(), file, lambda: bytes_of(CLIP)), vendor


@pytest.mark.parametrize(
    ("mime_type", "file_name"),
    [("video/mp4", "video.mp4"), ("video/quicktime", "video.mov"), ("video/webm", "video.webm")],
)
async def test_a_file_is_uploaded_under_a_generic_name(mime_type: str, file_name: str) -> None:
    """It is one form of known length with a typed part and a fixed file name; the URL is returned."""
    medium, vendor = await upload(httpx.Response(200, json=STORED), mime_type=mime_type)

    assert Medium(STORED["fileId"], STORED["url"]) == medium
    assert ("POST", f"{API}/medias/upload-file?altType=location&altId={LOCATION}") == (
        vendor.last.method,
        str(vendor.last.url),
    )
    assert str(len(vendor.last.content)) == vendor.last.headers["content-length"]
    assert "transfer-encoding" not in vendor.last.headers
    assert "Bearer canary-token-1" == vendor.last.headers["authorization"]
    head, _, content = vendor.last.content.partition(b"\r\n\r\n")
    assert f'filename="{file_name}"\r\nContent-Type: {mime_type}'.encode() in head
    assert {"file": CLIP.decode("latin-1")} == specification.multipart(vendor.last)
    assert content.startswith(CLIP)


async def test_each_form_has_its_own_boundary() -> None:
    """A file cannot contain the boundary of its form."""
    types = {(await upload(httpx.Response(200, json=STORED)))[1].last.headers["content-type"] for _ in range(3)}

    assert 3 == len(types)


async def test_after_a_refused_token_the_file_is_sent_again() -> None:
    """The second attempt opens a new stream from the start."""
    medium, vendor = await upload(refused(401, "Invalid JWT"), httpx.Response(200, json=STORED))

    assert STORED["url"] == medium.uri
    assert 2 == len(vendor.requests)
    assert {"file": CLIP.decode("latin-1")} == specification.multipart(vendor.last)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"fileId": "a"},
        {"url": STORED["url"]},
        {**STORED, "url": "http://assets.cdn.filesafe.space/x.mp4"},
        {**STORED, "url": "https://user@evil.example/x.mp4"},
        {**STORED, "url": "https://a.example/x y.mp4"},
        {**STORED, "url": "https:///x.mp4"},
        {**STORED, "url": "//a.example/x.mp4"},
        {**STORED, "url": ["https://a.example/x.mp4"]},
        {**STORED, "url": "file:///etc/passwd"},
        {**STORED, "url": "https://[::1/x.mp4"},
    ],
)
async def test_an_answer_without_a_public_url_breaks_the_contract(answer: object) -> None:
    """Only an https URL without user info is accepted; nothing was published."""
    with pytest.raises(ContractBroken):
        await upload(httpx.Response(200, json=answer))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ConnectError("refused"), Unavailable),
        (httpx.ReadTimeout("late"), Ambiguous),
        (httpx.RemoteProtocolError("cut"), Ambiguous),
        (httpx.Response(500), Ambiguous),
        (httpx.Response(200, html="<html>"), Ambiguous),
        (refused(413, "File size exceeds the limit"), ContentRefused),
        (refused(401, "The token is not authorized for this scope."), ScopeNotGranted),
        (refused(403, "The token does not have access to this location."), Rejected),
        (refused(429, "Too Many Requests"), RateLimited),
    ],
    ids=repr,
)
async def test_answers_to_an_upload_are_classified(answer: Answering, kind: type[Exception]) -> None:
    """A lost answer is Ambiguous, an error answer is not, and there is no retry."""
    with pytest.raises(kind) as raised:
        await upload(answer)
    assert kind is type(raised.value)


@pytest.mark.parametrize(
    ("mime_type", "size", "code"),
    [
        ("video/mp4", 500_000_001, "file_size"),
        ("image/png", 25_000_001, "file_size"),
        ("video/mp4", 0, "file_size"),
        ("application/zip", 1, "media_type"),
        ("video/mp4\r\nX-Evil: 1", 1, "media_type"),
        ("", 1, "media_type"),
    ],
)
async def test_unsupported_files_are_not_sent(mime_type: str, size: int, code: str) -> None:
    """Videos above 500 MB, other files above 25 MB and unsupported types are refused without a call."""
    provider, vendor = highlevel()

    with pytest.raises(ContentRefused) as raised:
        await media_library.upload(provider.client, FakeAccess(), VideoFile(size, mime_type), lambda: bytes_of(b""))
    assert (code, []) == (raised.value.code, vendor.requests)


async def test_an_error_of_the_stream_is_raised() -> None:
    """An error of the gateway's own storage is not turned into a ProviderError."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise FileNotFoundError("the blob is gone")

    provider, _ = highlevel(httpx.Response(200, json=STORED))

    with pytest.raises(FileNotFoundError):
        await media_library.upload(provider.client, FakeAccess(), VideoFile(10, "video/mp4"), broken)


async def test_an_upload_uses_constant_memory() -> None:
    """A file of 64 MB needs less than 8 MB."""
    size, received = 64_000_000, 0

    async def zeros() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1_000_000)

    class Draining(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal received
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for piece in request.stream:
                received += len(piece)
            return httpx.Response(200, json=STORED)

    provider, _ = highlevel()
    provider.client.clients.uploads._transport = Draining()
    tracemalloc.start()
    try:
        await media_library.upload(provider.client, FakeAccess(), VideoFile(size, "video/mp4"), zeros)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < received < size + 1000
    assert peak < 8_000_000


async def test_an_upload_can_be_cancelled() -> None:
    """Cancelling the task stops the stream."""
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        started.set()
        yield b"x"
        await asyncio.Event().wait()

    provider, vendor = highlevel(httpx.Response(200, json=STORED))
    sending = asyncio.create_task(
        media_library.upload(provider.client, FakeAccess(), VideoFile(10, "video/mp4"), endless)
    )
    await started.wait()
    sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sending
    assert [] == vendor.requests


@pytest.mark.parametrize("version", ["2021-07-28", "v3"])
async def test_the_simulator_stores_and_deletes_a_file(version: str) -> None:
    """Hash, size and type are those of the file; a second deletion is NotFound."""
    async with in_process(version=version) as sandbox:
        access, client = await sandbox.connect(), sandbox.provider.client
        medium = await media_library.upload(client, access, VideoFile(len(CLIP), "video/webm"), lambda: bytes_of(CLIP))
        [stored] = sandbox.vendor.media_files.of(BAKERY)
        await media_library.delete(client, access, medium.file_id)
        with pytest.raises(NotFound):
            await media_library.delete(client, access, medium.file_id)

    assert (medium.file_id, medium.uri) == (stored.id, stored.url)
    assert (hashlib.sha256(CLIP).hexdigest(), len(CLIP), "video/webm") == (
        stored.sha256,
        stored.size,
        stored.media_type,
    )
    assert [] == sandbox.vendor.media_files.of(BAKERY)


@pytest.mark.parametrize("answer", [httpx.Response(200), httpx.Response(200, json={"succeded": True})])
async def test_any_success_deletes_a_file(answer: httpx.Response) -> None:
    """Any 2xx is accepted, as no body is documented."""
    provider, vendor = highlevel(answer)

    await media_library.delete(provider.client, FakeAccess(), "file")

    where = f"{API}/medias/file?altType=location&altId={LOCATION}"
    assert ("DELETE", where) == (vendor.last.method, str(vendor.last.url))


def test_quicktime_has_another_name_in_v3() -> None:
    """It is mapped in both directions; other types have their MIME type in both API versions."""
    assert ["video/mov", "video/mp4"] == [
        media_library.media_type(each, v3=True) for each in ("video/quicktime", "video/mp4")
    ]
    assert "video/quicktime" == media_library.media_type("video/quicktime", v3=False)
    assert ["video/quicktime", "image/png"] == [media_library.mime_type(each) for each in ("video/mov", "image/png")]
