"""The retry policy that ships for callers: it names real methods, and repeats only what is safe to repeat."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import MethodOptions

from socialgateway.v1 import post_pb2, post_service_pb2, post_service_pb2_grpc
from tests.api.contract import ROOT, Method, of_kind

PATH = ROOT / "protos" / "service_config.json"
CONFIG: dict[str, Any] = json.loads(PATH.read_text())
SAFE = (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT)


def policy_of(method: Method) -> dict[str, Any]:
    """The entry that a gRPC client finds for a method: the one with its name, else the one of its service."""
    service = f"{method.package}.{method.service}"
    for wanted in ({"service": service, "method": method.proto.name}, {"service": service}):
        for entry in CONFIG["methodConfig"]:
            if wanted in entry["name"]:
                return dict(entry)
    return {}


def test_every_name_exists() -> None:
    """A renamed method would silently lose its policy."""
    known = {(f"{method.package}.{method.service}", method.proto.name) for method in of_kind(Method)}
    services = {(service, None) for service, _ in known}
    named = [(name["service"], name.get("method")) for entry in CONFIG["methodConfig"] for name in entry["name"]]
    assert [] == [name for name in named if name not in known | services]
    assert sorted(set(named), key=str) == sorted(named, key=str)


def test_clients_watch_the_health_of_the_whole_server() -> None:
    """A client leaves a gateway that is about to stop before its calls are refused there."""
    assert {"serviceName": ""} == CONFIG["healthCheckConfig"]


def test_only_what_is_idempotent_by_itself_is_retried() -> None:
    """A change that needs a request_id to be safe is never repeated by a policy that cannot see whether it has one."""
    assert [] == [
        method.name
        for method in of_kind(Method)
        if "retryPolicy" in policy_of(method) and method.proto.options.idempotency_level not in SAFE
    ]


def test_every_unary_read_is_retried() -> None:
    """A caller that uses the policy survives a restart of the gateway without code of its own."""
    assert [] == [
        method.name
        for method in of_kind(Method)
        if method.proto.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        and not method.proto.server_streaming
        and "retryPolicy" not in policy_of(method)
    ]


class Flaky(post_service_pb2_grpc.PostServiceServicer):
    """Answers UNAVAILABLE once for each method, then works."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def _answer(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> post_pb2.Post:
        self.calls.append(method)
        if self.calls.count(method) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        return post_pb2.Post(name="locations/l/posts/p")

    async def GetPost(self, request: Any, context: Any) -> post_pb2.Post:
        """A read."""
        return await self._answer("GetPost", context)

    async def CreatePost(self, request: Any, context: Any) -> post_pb2.Post:
        """A change."""
        return await self._answer("CreatePost", context)


@pytest.fixture
async def flaky() -> AsyncIterator[tuple[Flaky, post_service_pb2_grpc.PostServiceAsyncStub]]:
    """A real server and a real client with the shipped policy."""
    servicer, server = Flaky(), grpc.aio.server()  # type: ignore[abstract]  # two of six methods are enough here
    post_service_pb2_grpc.add_PostServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = [("grpc.service_config", PATH.read_text())]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        yield servicer, post_service_pb2_grpc.PostServiceStub(channel)
    await server.stop(0)


async def test_a_real_client_repeats_a_read(flaky: Any) -> None:
    """gRPC itself understands the file: the read succeeds at the second try."""
    servicer, stub = flaky
    answer = await stub.GetPost(post_service_pb2.GetPostRequest(name="locations/l/posts/p"))
    assert "locations/l/posts/p" == answer.name
    assert ["GetPost", "GetPost"] == servicer.calls


async def test_a_real_client_does_not_repeat_a_post(flaky: Any) -> None:
    """Whether to send a post again is the caller's decision, because only the caller knows its request_id."""
    servicer, stub = flaky
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.CreatePost(post_service_pb2.CreatePostRequest(parent="locations/l"))
    assert grpc.StatusCode.UNAVAILABLE == refused.value.code()
    assert ["CreatePost"] == servicer.calls
