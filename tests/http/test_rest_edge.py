"""REST and gRPC answer alike: every annotated method, its errors and its streams, by a walk that forgets none.

Owns the proofs of `gateway/http/rest/edge.py` and `requests.py`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped]

from gateway.domain.posts import read
from gateway.http import admission
from gateway.http.places import Kind
from gateway.http.rest import bindings, requests
from gateway.http.rest.bindings import Binding
from gateway.interceptors.scopes import METHOD_SCOPES
from socialgateway.v1 import upload_pb2
from tests.fixtures.client import METHODS, Method
from tests.fixtures.settings import KEY
from tests.fixtures.waiting import until
from tests.http.caller import ApiCaller, calling

PACKAGE = "/socialgateway.v1."
SERVED = {
    each.descriptor.containing_service.full_name: each.descriptor.containing_service
    for each in METHODS.values()
    if each.path.startswith(PACKAGE)
}
BINDINGS = {each.full_name: each for each in bindings.bindings(SERVED.values())}
ELSEWHERE = {"/socialgateway.v1.UploadService/WriteUpload"}
"""Served by a path of its own: test_rest_uploads.py."""

LOCATION = "mirror"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def caller(database_url: str, tmp_path: Path) -> AsyncIterator[ApiCaller]:
    """Yield the caller of a gateway, and of a location of its agency."""
    async with calling(database_url, tmp_path) as found:
        upload = upload_pb2.Upload(mime_type="video/mp4")
        await found.client.call("UploadService/CreateUpload", parent=f"locations/{LOCATION}", upload=upload)
        yield found


def path_of(binding: Binding) -> str:
    """Return the path of a method, over resources that do not exist in a location that does."""
    path = binding.template.replace("locations/*", f"locations/{LOCATION}").replace("*", "none")
    for name in binding.variables:
        path = path.replace(f"{{{name}=", "")
    return path.replace("}", "")


def request_of(binding: Binding) -> Any:
    """Return the same request as gRPC's message."""
    variables = binding.match(path_of(binding))
    assert variables is not None
    request = METHODS[short(binding)].request()
    for path, value in variables.items():
        parent = request
        *parents, name = path.split(".")
        for each in parents:
            parent = getattr(parent, each)
        setattr(parent, name, value)
    return request


def short(binding: Binding) -> str:
    """Return a method's short name."""
    return f"{binding.method.containing_service.name}/{binding.method.name}"


async def over_grpc(caller: ApiCaller, binding: Binding, key: str) -> Any:
    """Return the first message or the status of a call."""
    method: Method = METHODS[short(binding)]
    metadata = (("authorization", f"Bearer {key}"),)
    try:
        async with asyncio.timeout(20):
            if not method.descriptor.server_streaming:
                [message] = await method.send(
                    caller.client.channel, [request_of(binding).SerializeToString()], metadata
                )
                return message
            kind = GetMessageClass(method.descriptor.output_type)
            call: Any = caller.client.channel.unary_stream(method.path, response_deserializer=kind.FromString)
            running = call(request_of(binding).SerializeToString(), metadata=metadata)
            message = await running.read()
            running.cancel()
            return message
    except grpc.aio.AioRpcError as error:
        return rpc_status.from_call(error)


async def over_http(caller: ApiCaller, binding: Binding, key: str) -> Any:
    """Return the first message or the status of a request, with the HTTP status."""
    headers = {"authorization": f"Bearer {key}"}
    # A resource that only has its name, as the request of gRPC has.
    body: dict[str, Any] | None = {} if binding.verb == requests.UPDATE else None
    async with caller.http.stream(binding.verb, path_of(binding), headers=headers, json=body) as response:
        if response.headers["content-type"] == "text/event-stream":
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    return json.loads(line.removeprefix("data: "))
        await response.aread()
        return response.json()


def plain(status: status_pb2.Status | dict[str, Any]) -> Any:
    """Return a status as JSON, without the id of its call."""
    found = status if isinstance(status, dict) else json_format.MessageToDict(status)
    return {**found, "details": [each for each in found.get("details", ()) if "requestId" not in each]}


def test_every_method_is_annotated() -> None:
    """A method that is added to the contract is added here, or is a stream of requests."""
    served = {name for name in METHOD_SCOPES if name.startswith(PACKAGE)}
    assert served == BINDINGS.keys() | ELSEWHERE


def test_no_two_methods_share_a_path() -> None:
    """Each verb and path calls one method only."""
    for binding in BINDINGS.values():
        matching = [
            each.full_name
            for each in BINDINGS.values()
            if each.verb == binding.verb and each.match(path_of(binding)) is not None
        ]
        assert [binding.full_name] == matching


@pytest.mark.parametrize("key", [KEY, "sgw_none"], ids=["admitted", "unknown-key"])
async def test_both_answer_alike(caller: ApiCaller, key: str) -> None:
    """Every method, called with the same request: the same status, to the last detail, or the same message."""
    differing = {}
    for name, binding in BINDINGS.items():
        expected, found = await over_grpc(caller, binding, key), await over_http(caller, binding, key)
        if isinstance(expected, status_pb2.Status):
            expected, found = plain(expected), plain(found)
        else:
            expected, found = without_cursor(json_format.MessageToDict(expected)), without_cursor(found)
        if expected != found:
            differing[name] = (expected, found)
    assert {} == differing


def without_cursor(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message without what is sealed anew each time."""
    return {name: value for name, value in message.items() if name not in ("cursor", "nextPageToken")}


async def test_a_missing_scope_and_a_foreign_location(caller: ApiCaller) -> None:
    """They are refused before anything is told, as over gRPC."""
    weak = await caller.key(scopes=["quotas.read"])
    foreign = await caller.key(agency="other")
    for key, reason in ((weak, "SCOPE_MISSING"), (foreign, "LOCATION_FORBIDDEN")):
        headers = {"authorization": f"Bearer {key}"}
        found = await caller.http.get(f"/v1/locations/{LOCATION}/posts/none", headers=headers)
        assert (403, reason) == (found.status_code, found.json()["details"][0]["reason"])


async def test_a_resource_is_made_read_changed_and_removed(caller: ApiCaller) -> None:
    """The body is the resource, the query has the rest, and what was read can be sent back."""
    caller.http.headers["authorization"] = f"Bearer {KEY}"
    parent = f"/v1/locations/{LOCATION}/webhookEndpoints"
    made = await caller.http.post(
        f"{parent}?webhookEndpointId=mine",
        json={"uri": "https://example.com/hook", "types": ["EVENT_TYPE_POST_STATE_CHANGED"]},
    )
    assert 200 == made.status_code, made.text
    name = made.json()["name"]
    assert f"locations/{LOCATION}/webhookEndpoints/mine" == name
    read = (await caller.http.get(f"/v1/{name}")).json()
    changed = await caller.http.patch(f"/v1/{name}?updateMask=description", json={**read, "description": "ours"})
    assert (200, "ours") == (changed.status_code, changed.json().get("description")), changed.text
    stale = await caller.http.delete(f"/v1/{name}?etag=nonsense")
    assert (409, "ETAG_MISMATCH") == (stale.status_code, stale.json()["details"][0]["reason"])
    removed = await caller.http.delete(f"/v1/{name}")
    assert (200, {}) == (removed.status_code, removed.json())
    assert 404 == (await caller.http.get(f"/v1/{name}")).status_code


POSTS = f"/v1/locations/{LOCATION}/posts"


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("GET", f"{POSTS}?pagesize=1", {}, "query"),
    ("GET", f"{POSTS}?pageSize=1&page_size=1", {}, "page_size"),
    ("GET", f"{POSTS}?pageSize=1&pageSize=1", {}, "page_size"),
    ("GET", f"{POSTS}?pageSize=1_0", {}, "page_size"),
    ("GET", f"{POSTS}?pageSize", {}, "query"),
    ("GET", f"{POSTS}?account=%ff", {}, "query"),
    ("GET", f"{POSTS}?states=PUBLISHD", {}, "states[0]"),
    ("GET", f"{POSTS}?createAfter=yesterday", {}, "create_after"),
    ("GET", f"{POSTS}?parent=locations/other", {}, "query"),
    ("GET", POSTS, {"content": b"{}", "headers": JSON}, "body"),
    ("POST", f"{POSTS}?validateOnly=yes", {"json": {"account": "a"}}, "validate_only"),
    ("POST", f"{POSTS}?post=x", {"json": {}}, "query"),
    ("POST", POSTS, {"content": b"[]", "headers": JSON}, "body"),
    ("POST", POSTS, {"content": b"{", "headers": JSON}, "body"),
    ("POST", POSTS, {"content": b'{"caption":"a","caption":"b"}', "headers": JSON}, "body"),
    ("POST", POSTS, {"content": b"{}", "headers": {"content-type": "text/plain"}}, "content-type"),
    ("POST", POSTS, {"json": {"caption": "x", "captoin": "y"}}, "post"),
    ("POST", f"{POSTS}/none:cancel", {"json": {"name": f"locations/{LOCATION}/posts/other"}}, "name"),
    (
        "PATCH",
        f"{POSTS}/none?updateMask=caption",
        {"json": {"name": f"locations/{LOCATION}/posts/other"}},
        "post.name",
    ),
    ("PATCH", f"{POSTS}/none?updateMask=caption", {}, "post"),
    ("POST", POSTS, {"content": b'{"providerExtra": {"a": 1' + b"0" * 400 + b"}}", "headers": JSON}, "body"),
    ("POST", POSTS, {"json": {"scheduleTime": "2026-01-01T00:00:00+99:99"}}, "post.schedule_time"),
    ("GET", f"{POSTS}/no%20ne", {}, "name"),
    ("GET", f"{POSTS}/none%3Fx=1", {}, "name"),
]


async def test_what_cannot_be_understood_changes_nothing(caller: ApiCaller) -> None:
    """Nothing that a caller wrote is dropped: it is refused, with the field that it is about."""
    differing = {}
    for verb, path, sent, field in REFUSED:
        headers = {"authorization": f"Bearer {KEY}", **sent.get("headers", {})}
        found = await caller.http.request(verb, path, **{**sent, "headers": headers})
        [info, *_] = found.json()["details"]
        if (400, "FIELD_INVALID", field) != (found.status_code, info["reason"], info["metadata"].get("field")):
            differing[path] = found.json()
    assert {} == differing


async def test_the_body_is_not_read_before_the_key_is_known(caller: ApiCaller) -> None:
    """A stranger's broken body is answered with what is wrong with the key."""
    found = await caller.http.post(POSTS, content=b"[", headers=JSON)
    assert (401, "Bearer") == (found.status_code, found.headers["www-authenticate"])
    twice = [("authorization", f"Bearer {KEY}"), ("authorization", f"Bearer {KEY}")]
    assert 401 == (await caller.http.get("/v1/providers", headers=twice)).status_code


async def test_an_unknown_path_and_verb(caller: ApiCaller) -> None:
    """Neither is a call; the verbs that there are, are named."""
    missing, wrong = await caller.http.get("/v1/nothing"), await caller.http.delete("/v1/providers")
    assert (404, 5) == (missing.status_code, missing.json()["code"])
    assert (405, "GET") == (wrong.status_code, wrong.headers["allow"])


async def test_a_stream_goes_on_where_it_was(caller: ApiCaller) -> None:
    """Server-sent events carry the cursor as their id; a browser's Last-Event-ID begins after it."""
    headers = {"authorization": f"Bearer {KEY}"}
    path = f"/v1/locations/{LOCATION}/events:stream"
    cursor = await first_id(caller, path, headers)
    await caller.http.post(
        f"/v1/locations/{LOCATION}/webhookEndpoints", json={"uri": "https://example.com/hook"}, headers=headers
    )
    again = await first_id(caller, path, {**headers, "last-event-id": cursor})
    assert cursor
    assert again
    async with caller.http.stream("GET", path, headers={**headers, "last-event-id": "forged"}) as found:
        await found.aread()
    assert (400, "CURSOR_INVALID") == (found.status_code, found.json()["details"][0]["reason"])


async def first_id(caller: ApiCaller, path: str, headers: dict[str, str]) -> str:
    """Return the id of a stream's first event, and leave it."""
    async with caller.http.stream("GET", path, headers=headers) as found:
        assert (200, "text/event-stream") == (found.status_code, found.headers["content-type"])
        async for line in found.aiter_lines():
            if line.startswith("id: "):
                return line.removeprefix("id: ")
    raise AssertionError("the stream ended without an event")


async def test_a_stream_begins_for_a_key_that_was_never_used(caller: ApiCaller) -> None:
    """Looking a key up takes a moment, in which nothing of the request is lost."""
    key = await caller.key(agency="default", scopes=["events.read"])
    async with asyncio.timeout(8):
        assert await first_id(caller, f"/v1/locations/{LOCATION}/events:stream", {"authorization": f"Bearer {key}"})


async def test_a_caller_who_leaves_ends_the_call(caller: ApiCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request whose client has gone does not go on for nobody either."""
    assert caller.gateway.grpc is not None
    open_calls, begun, ended = caller.gateway.grpc.pipeline.open, asyncio.Event(), asyncio.Event()

    async def never(*_: Any, **__: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(read, "page", never)
    asking = asyncio.ensure_future(caller.http.get(POSTS, headers={"authorization": f"Bearer {KEY}"}))
    await asyncio.wait_for(begun.wait(), 10)
    asking.cancel()
    await asyncio.wait_for(ended.wait(), 10)
    await until(lambda: not open_calls._calls)


def test_every_stream_has_a_place_of_its_own() -> None:
    """How the paths of streams end is known before anything is read."""
    for binding in BINDINGS.values():
        for verb, path in ((binding.verb, path_of(binding)), ("POST", binding.full_name)):
            kind = admission.kind_of({"method": verb, "path": path})
            assert binding.method.server_streaming == (kind is Kind.STREAM), path


async def test_a_reader_who_leaves_ends_the_call(caller: ApiCaller) -> None:
    """A stream whose client has gone does not go on for nobody."""
    assert caller.gateway.grpc is not None
    open_calls = caller.gateway.grpc.pipeline.open
    await first_id(caller, f"/v1/locations/{LOCATION}/events:stream", {"authorization": f"Bearer {KEY}"})
    await until(lambda: not open_calls._calls)
