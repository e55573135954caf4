"""Pages call the contract with the clients of Connect: each protocol and format, details of errors, a stream, origins.

Owns the proofs of `gateway/http/web_rpc.py` and of GATEWAY_CORS_ORIGINS.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from socialgateway.v1 import upload_pb2
from tests.api.contract import ROOT
from tests.fixtures.app import base_of
from tests.fixtures.node import executable
from tests.fixtures.settings import KEY
from tests.fixtures.waiting import until
from tests.http.caller import ApiCaller, calling

CLIENT = Path(__file__).parent / "web_client"
INSTALLED = ROOT / ".venv" / "web-client"
ORIGIN = "https://app.example.com"
GET_POST = "/socialgateway.v1.PostService/GetPost"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def caller(database_url: str, tmp_path: Path) -> AsyncIterator[ApiCaller]:
    """Yield the caller of a gateway that pages of one origin may call."""
    async with calling(database_url, tmp_path, cors_origins=(ORIGIN,)) as found:
        upload = upload_pb2.Upload(mime_type="video/mp4")
        await found.client.call("UploadService/CreateUpload", parent="locations/web", upload=upload)
        yield found


async def test_the_clients_of_pages(caller: ApiCaller, tmp_path: Path) -> None:
    """Connect with both formats and gRPC-Web: a list, an error with its details, a stranger, a stream."""
    node = executable(CLIENT, INSTALLED)
    # Beside its packages, where Node looks for them.
    program = shutil.copy(CLIENT / "main.mjs", INSTALLED / f"main-{tmp_path.parent.name}.mjs")
    image = ROOT / "protos" / "gen" / "socialgateway.binpb"
    running = await asyncio.create_subprocess_exec(
        node, program, base_of(caller.gateway), KEY, "web", str(image), stdout=-1, stderr=-1
    )
    out, err = await running.communicate()
    assert 0 == running.returncode, err.decode()
    expected = {
        "listed": 0,
        "missing": [
            "NotFound",
            [f"google.rpc.{each}" for each in ("ErrorInfo", "RequestInfo", "LocalizedMessage", "ResourceInfo")],
        ],
        "stranger": "Unauthenticated",
        "checkpoint": True,
        "forged": "InvalidArgument",
    }
    assert {
        "connect-binary": expected,
        "connect-json": expected,
        "grpc-web-binary": expected,
    } == json.loads(out)
    assert caller.gateway.grpc is not None
    open_calls = caller.gateway.grpc.pipeline.open
    await until(lambda: not open_calls._calls)


async def rpc(caller: ApiCaller, body: bytes, key: str = KEY, **headers: str) -> Any:
    """Call GetPost with Connect's JSON; return the HTTP status and the body."""
    sent = {**JSON, "authorization": f"Bearer {key}", **headers}
    found = await caller.http.post(GET_POST, content=body, headers=sent)
    return found.status_code, found.json()


async def test_json_is_read_as_strictly_as_everywhere(caller: ApiCaller) -> None:
    """An unknown field is refused, and not before the caller is known."""
    status, body = await rpc(caller, b'{"nmae": "locations/web/posts/none"}')
    assert (400, "invalid_argument") == (status, body["code"])
    assert "has no field" in body["message"]
    status, body = await rpc(caller, b'{"nmae": "x"}', key="sgw_none")
    assert (401, "unauthenticated") == (status, body["code"])


async def test_what_is_not_served(caller: ApiCaller) -> None:
    """A stream of requests, a method that is not there, a request in a URL, and one that is too large."""
    for path in ("UploadService/WriteUpload", "PostService/Nothing"):
        found = await caller.http.post(f"/socialgateway.v1.{path}", content=b"{}", headers=JSON)
        assert 404 == found.status_code
    assert 405 == (await caller.http.get(f"{GET_POST}?connect=v1&encoding=json&message=%7B%7D")).status_code
    assert 413 == (await caller.http.post(GET_POST, content=b" " * (1024 * 1024 + 1), headers=JSON)).status_code
    status, body = await rpc(caller, b"x", **{"content-encoding": "gzip"})
    assert (501, "unimplemented") == (status, body["code"])


async def test_what_the_library_cannot_read_is_refused(caller: ApiCaller) -> None:
    """gRPC itself, and a header that is no text: nothing of an exception reaches the client."""
    native = await caller.http.post(GET_POST, content=b"", headers={"content-type": "application/grpc"})
    broken = await caller.http.post(
        GET_POST, content=b"{}", headers=[(b"content-type", b"application/json"), (b"x", b"\xff")]
    )
    assert [(415, 12), (400, 3)] == [(found.status_code, found.json()["code"]) for found in (native, broken)]


async def test_a_deadline_of_the_client(caller: ApiCaller) -> None:
    """One that is over ends the call; one that is none is refused."""
    status, body = await rpc(caller, b'{"name": "locations/web/posts/none"}', **{"connect-timeout-ms": "0"})
    assert (504, "deadline_exceeded") == (status, body["code"])


async def preflight(caller: ApiCaller, origin: str, path: str) -> Any:
    """Ask as a browser does before it sends what a page wants to send."""
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    return await caller.http.options(path, headers=headers)


async def test_pages_of_the_origin_may_call(caller: ApiCaller) -> None:
    """The allowed origin is told so, and what it may read; any other is not."""
    for path in (GET_POST, "/v1/providers"):
        allowed, other = await preflight(caller, ORIGIN, path), await preflight(caller, "https://evil.example", path)
        assert (200, ORIGIN) == (allowed.status_code, allowed.headers["access-control-allow-origin"])
        assert "access-control-allow-origin" not in other.headers
        assert "access-control-allow-credentials" not in allowed.headers
    found = await caller.http.get("/v1/providers", headers={"origin": ORIGIN, "authorization": f"Bearer {KEY}"})
    assert ORIGIN == found.headers["access-control-allow-origin"]
    assert "x-request-id" in found.headers["access-control-expose-headers"]
    large = b" " * (1024 * 1024 + 1)
    refused = await caller.http.post(GET_POST, content=large, headers={"origin": ORIGIN})
    assert (413, ORIGIN) == (refused.status_code, refused.headers["access-control-allow-origin"])


async def test_by_default_no_page_may_call(database_url: str, tmp_path: Path) -> None:
    """Without the setting nothing is said to any origin."""
    async with calling(database_url, tmp_path) as caller:
        found = await caller.http.get("/v1/providers", headers={"origin": ORIGIN})
        assert not [name for name in found.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin", ["*", "https://*.example.com", "app.example.com", "https://a/b", "HTTPS://A", "null"]
)
def test_an_origin_that_is_none(origin: str) -> None:
    """The start names the setting; a star is not taken for all."""
    with pytest.raises(ValueError, match="must be origins such as"):
        Settings(cors_origins=(origin,), _env_file=None)
