"""An upload's bytes over HTTP: whole, in ranges, broken off and continued; what a range may say.

Owns the proofs of `gateway/http/rest/uploads.py`.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from gateway.errors import FieldInvalid
from gateway.http.rest import uploads
from gateway.http.rest.uploads import Range, range_of
from tests.fixtures.app import base_of
from tests.fixtures.settings import KEY
from tests.fixtures.waiting import until
from tests.http.caller import ApiCaller, calling

DATA = bytes(range(256)) * 4096 * 3
"""Three mebibytes: several messages of gRPC's stream."""

OPENING = {"mimeType": "video/mp4", "sizeBytes": str(len(DATA)), "sha256": hashlib.sha256(DATA).hexdigest()}


@pytest.fixture
async def caller(database_url: str, tmp_path: Path) -> AsyncIterator[ApiCaller]:
    """Yield the caller of a gateway, whose requests all carry the key."""
    async with calling(database_url, tmp_path) as found:
        found.http.headers["authorization"] = f"Bearer {KEY}"
        yield found


async def opened(caller: ApiCaller, **values: Any) -> str:
    """Create an upload; return its path."""
    made = await caller.http.post("/v1/locations/l1/uploads", json={**OPENING, **values})
    assert 200 == made.status_code, made.text
    return f"/v1/{made.json()['name']}"


async def put(caller: ApiCaller, path: str, data: Any, part: str = "") -> httpx.Response:
    """Send a body, as the range if one is given."""
    headers = {"content-range": part} if part else {}
    return await caller.http.put(f"{path}/content", content=data, headers=headers)


async def test_the_whole_file_in_one_body(caller: ApiCaller) -> None:
    """Without a range the body is the file, however large, and completes the upload."""
    found = await put(caller, await opened(caller), DATA)
    assert (200, "COMPLETE", OPENING["sha256"]) == (
        found.status_code,
        found.json()["state"],
        found.json()["sha256"],
    )


async def test_a_file_of_unknown_size_in_ranges(caller: ApiCaller) -> None:
    """With `*` the file goes on; the range that ends at the size completes it."""
    path, middle = await opened(caller, sizeBytes="0"), len(DATA) // 2
    first = await put(caller, path, DATA[:middle], f"bytes 0-{middle - 1}/*")
    assert ("OPEN", str(middle)) == (first.json()["state"], first.json()["committedSize"])
    last = await put(caller, path, DATA[middle:], f"bytes {middle}-{len(DATA) - 1}/{len(DATA)}")
    assert "COMPLETE" == last.json()["state"]
    # Its answer was lost: the same end again is no error.
    again = await put(caller, path, DATA[-9:], f"bytes {len(DATA) - 9}-{len(DATA) - 1}/{len(DATA)}")
    assert (200, "COMPLETE") == (again.status_code, again.json()["state"])


async def test_a_connection_that_breaks_is_continued(caller: ApiCaller) -> None:
    """What arrived before it broke is kept, and the upload says where to go on."""
    path, middle = await opened(caller), 1024 * 1024 + 5
    await break_off(caller, f"{path}/content", DATA[:middle], len(DATA))

    async def stored() -> bool:
        return "committedSize" in (await caller.http.get(path)).json()

    await until(stored)
    found = (await caller.http.get(path)).json()
    kept = int(found["committedSize"])
    assert 1024 * 1024 <= kept <= middle
    last = await put(caller, path, DATA[kept:], f"bytes {kept}-{len(DATA) - 1}/{len(DATA)}")
    assert "COMPLETE" == last.json()["state"], last.text


async def break_off(caller: ApiCaller, path: str, data: bytes, announced: int) -> None:
    """Send the beginning of a body, and close the connection."""
    host, _, port = base_of(caller.gateway).removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {KEY}\r\ncontent-length: {announced}\r\n\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_a_range_that_does_not_fit(caller: ApiCaller) -> None:
    """A hole, a repeat, and more or fewer bytes than the range names: each its reason, nothing lost."""
    path = await opened(caller)
    for data, part, reason in (
        (DATA[5:], f"bytes 5-{len(DATA) - 1}/{len(DATA)}", "UPLOAD_OFFSET_MISMATCH"),
        (b"abc", "bytes 0-1/*", "FIELD_INVALID"),
        (b"abc", "bytes 0-9/*", "FIELD_INVALID"),
        (b"abc", "0-2", "FIELD_INVALID"),
    ):
        found = await put(caller, path, data, part)
        assert (400, reason) == (found.status_code, found.json()["details"][0]["reason"])
    assert "committedSize" not in (await caller.http.get(path)).json()
    assert "COMPLETE" == (await put(caller, path, DATA)).json()["state"]


async def test_what_would_change_the_bytes_is_refused(caller: ApiCaller) -> None:
    """Packed bytes are not stored as the file, and an upload has no query."""
    path = await opened(caller)
    packed = await caller.http.put(f"{path}/content", content=b"abc", headers={"content-encoding": "gzip"})
    asked = await caller.http.put(f"{path}/content?finish=false", content=b"abc")
    assert [(400, "FIELD_INVALID")] * 2 == [
        (found.status_code, found.json()["details"][0]["reason"]) for found in (packed, asked)
    ]
    assert "committedSize" not in (await caller.http.get(path)).json()


async def test_a_body_of_unknown_length_that_does_not_fit(caller: ApiCaller) -> None:
    """A chunked body shows only at its end that the range is wrong: the upload is not completed by it."""
    path = await opened(caller, sizeBytes="0")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"abc"

    for part in ("bytes 0-1/2", "bytes 0-9/10"):
        found = await put(caller, path, chunks(), part)
        assert (400, "FIELD_INVALID") == (found.status_code, found.json()["details"][0]["reason"])
    assert "OPEN" == (await caller.http.get(path)).json()["state"]


async def test_a_stranger_sends_nothing(caller: ApiCaller) -> None:
    """Without a key, and for an upload that is not there, the body is not stored."""
    path = await opened(caller)
    unknown = await caller.http.put(f"{path}/content", content=b"abc", headers={"authorization": "Bearer sgw_none"})
    missing = await put(caller, "/v1/locations/l1/uploads/none", b"abc")
    assert (401, 404) == (unknown.status_code, missing.status_code)
    assert "committedSize" not in (await caller.http.get(path)).json()


async def test_a_slow_sender_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives slowly is handed on as it comes, not only once a whole piece is there."""
    monkeypatch.setattr(uploads, "PIECE_SECONDS", 0.0)
    arriving = [{"type": "http.request", "body": each, "more_body": each != b"c"} for each in (b"a", b"b", b"c")]

    async def receive() -> Any:
        return arriving.pop(0)

    scope = {"type": "http", "method": "PUT", "path": "/v1/locations/l1/uploads/u1/content", "headers": []}
    sent = [message async for message in uploads.messages(Request(scope, receive))]
    assert [b"", b"a", b"b", b"c"] == [message.data for message in sent]
    assert [0, 0, 1, 2] == [message.write_offset for message in sent]
    assert [False, False, False, True] == [message.finish for message in sent]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Range(0, None, True)),
        (["bytes 0-0/1"], Range(0, 1, True)),
        (["bytes 0-0/2"], Range(0, 1, False)),
        (["bytes 7-9/*"], Range(7, 3, False)),
    ],
)
def test_a_range(headers: list[str], expected: Range) -> None:
    """What each range means."""
    assert expected == range_of(headers)


@pytest.mark.parametrize(
    "headers",
    [
        [""],
        ["bytes */5"],
        ["bytes 2-1/5"],
        ["bytes 0-5/5"],
        ["bytes 00-1/5"],
        ["bytes 0-1/5, 2-3/5"],
        ["items 0-1/5"],
        ["bytes -1-1/5"],
        ["bytes 0-1/5", "bytes 0-1/5"],
        ["bytes 0-99999999999999999999/*"],
    ],
)
def test_a_range_that_is_none(headers: list[str]) -> None:
    """It is refused, and says how one looks."""
    with pytest.raises(FieldInvalid) as found:
        range_of(headers)
    assert "bytes 0-1048575/4194304" in found.value.violations[0].description
