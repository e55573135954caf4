"""The server's own life: health, reflection, TLS, limits, draining; a real server, a real channel.

Owns the proofs of `gateway/server.py`. Does not know real services.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]

from gateway.caller import CLAIM_SCOPE, Caller
from gateway.domain.api_keys import SCOPES
from gateway.interceptors.scopes import ADMIN_SCOPES, METHOD_SCOPES, is_public
from gateway.rpc.providers import ProviderService
from gateway.rpc.service import Service
from gateway.server import MIN_PING_SECONDS, Sleep
from gateway.settings import SettingsError
from providers.capabilities import CapabilityTable, Limits
from socialgateway.v1 import post_pb2, post_service_pb2, post_service_pb2_grpc, provider_pb2, provider_service_pb2
from socialgateway.v1 import provider_service_pb2_grpc as provider_grpc
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error, trailer
from tests.rpc.certificates import Certificate, make_certificate
from tests.rpc.serving import AUTH, Served, authenticate, posts, providers, raw_call, serving

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
GET = provider_service_pb2.GetProviderRequest(name="providers/tiktok")
LIST = provider_service_pb2.ListProvidersRequest()


def a_service() -> Service:
    """Serve an empty table."""
    return providers(ProviderService({"tiktok": CapabilityTable("tiktok", "TikTok", {}, Limits())}, b"s" * 32))


async def health_of(served: Served, service: str = "") -> int:
    """Ask health."""
    stub = health_pb2_grpc.HealthStub(served.channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)


class Held:
    """A ProviderService whose GetProvider waits until it is let go, and a PostService that watches for ever."""

    def __init__(self) -> None:
        """Begin with nobody inside."""
        self.inside = asyncio.Event()
        self.release = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        """Serve the other methods by nothing."""

        async def nothing(request: Any, context: Any) -> Any:
            raise NotImplementedError

        return nothing

    async def GetProvider(self, request: Any, context: Any) -> provider_pb2.Provider:
        """Wait, then answer."""
        self.inside.set()
        await self.release.wait()
        return provider_pb2.Provider(name=request.name)

    async def WatchPost(self, request: Any, context: Any) -> AsyncIterator[post_service_pb2.WatchPostResponse]:
        """Send one message, then wait for ever."""
        yield post_service_pb2.WatchPostResponse(checkpoint=True)
        self.inside.set()
        await self.release.wait()


async def test_health_says_what_it_was_told() -> None:
    """Health is NOT_SERVING until the server is ready, for the whole and for each service, and follows."""
    async with serving(a_service()) as served:
        assert NOT_SERVING == await health_of(served)
        await served.server.set_ready(True)
        assert SERVING == await health_of(served)
        assert SERVING == await health_of(served, "socialgateway.v1.ProviderService")
        await served.server.set_ready(False)
        assert NOT_SERVING == await health_of(served, "socialgateway.v1.ProviderService")


async def test_health_of_an_unknown_service_is_not_found() -> None:
    """A service that is not here has no health."""
    async with serving(a_service()) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health_of(served, "socialgateway.v1.Nothing")
    assert grpc.StatusCode.NOT_FOUND == caught.value.code()


async def test_readiness_is_asked_for_again_and_again() -> None:
    """Health follows the probe; a probe that raises means not ready."""
    answers: list[bool | Exception] = [True, OSError("down"), True]
    seen: list[bool] = []
    done = asyncio.Event()

    async def probe() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(seconds: float) -> None:
        seen.append(served.server.ready)
        if not answers:
            done.set()
            await asyncio.Event().wait()

    async with serving(a_service()) as served:
        served.server.watch(probe, sleep=sleep)
        await done.wait()
    assert [True, False, True] == seen


async def test_health_can_be_watched_into_the_drain() -> None:
    """A watcher hears SERVING, then NOT_SERVING when the drain begins, and is then sent away."""
    async with serving(a_service()) as served:
        await served.server.set_ready(True)
        stub = health_pb2_grpc.HealthStub(served.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert SERVING == (await watch.read()).status
        heard = asyncio.Event()
        draining = asyncio.create_task(served.server.drain(delay=5, grace=30, sleep=_until(heard)))
        assert NOT_SERVING == (await watch.read()).status
        heard.set()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watch.read()
        await draining
    assert_error(caught.value, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")


async def test_a_drain_lets_a_running_call_finish() -> None:
    """A call that runs when the drain begins gets its answer; a new one is refused."""
    servicer = Held()
    async with serving(providers(servicer)) as served:
        stub = provider_grpc.ProviderServiceStub(served.channel)
        running = asyncio.ensure_future(stub.GetProvider(GET, metadata=AUTH))
        await servicer.inside.wait()
        delayed = asyncio.Event()
        draining = asyncio.create_task(served.server.drain(delay=5, grace=30, sleep=_until(delayed)))
        assert NOT_SERVING == await health_of(served), "health tells before calls are refused"
        delayed.set()
        await until(lambda: served.server.pipeline.open.refusing)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListProviders(LIST, metadata=AUTH)
        servicer.release.set()
        assert "providers/tiktok" == (await running).name
        await draining
    assert_error(refused.value, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")


def _until(event: asyncio.Event) -> Sleep:
    """Return a drain's delay that lasts until the event."""

    async def sleep(seconds: float) -> None:
        await event.wait()

    return sleep


async def _until_refused(served: Served) -> None:
    """Wait until the server takes no more calls, and see that a new one is told so."""
    await until(lambda: served.server.pipeline.open.refusing)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw_call(served, "/socialgateway.v1.PostService/GetPost", b"")
    assert grpc.StatusCode.UNAVAILABLE is caught.value.code()


async def test_a_drain_sends_watchers_away() -> None:
    """An open stream does not hold the drain up: it ends with UNAVAILABLE, so that its client connects elsewhere."""
    servicer = Held()
    async with serving(posts(servicer)) as served:
        stub = post_service_pb2_grpc.PostServiceStub(served.channel)
        call = stub.WatchPost(post_service_pb2.WatchPostRequest(name="locations/l1/posts/p1"), metadata=AUTH)
        assert post_service_pb2.WatchPostResponse(checkpoint=True) == await call.read()
        await servicer.inside.wait()
        await served.server.drain(delay=0, grace=300)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert_error(caught.value, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")


class Large(Held):
    """A PostService that sends a message which fills the connection until its client reads."""

    async def WatchPost(self, request: Any, context: Any) -> AsyncIterator[post_service_pb2.WatchPostResponse]:
        """Send one message of three megabytes."""
        self.inside.set()
        yield post_service_pb2.WatchPostResponse(post=post_pb2.Post(name="x" * 3_000_000))


async def test_a_drain_lets_a_message_on_its_way_arrive() -> None:
    """A watcher that is sent away in the middle of a message gets all of it, and then the reason."""
    servicer = Large()
    async with serving(posts(servicer)) as served:
        stub = post_service_pb2_grpc.PostServiceStub(served.channel)
        call = stub.WatchPost(post_service_pb2.WatchPostRequest(name="locations/l1/posts/p1"), metadata=AUTH)
        await servicer.inside.wait()
        draining = asyncio.create_task(served.server.drain(delay=0, grace=30))
        await _until_refused(served)
        whole = await call.read()
        assert isinstance(whole, post_service_pb2.WatchPostResponse)
        assert 3_000_000 == len(whole.post.name)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        await draining
    assert_error(caught.value, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")


async def test_no_stream_opens_behind_the_drain() -> None:
    """A watcher whose key was still being checked when the drain began is sent away too."""
    checking, checked = asyncio.Event(), asyncio.Event()

    async def slowly(key: str) -> Caller:
        checking.set()
        await checked.wait()
        return await authenticate(key)

    async with serving(posts(Held()), known=slowly) as served:
        stub = post_service_pb2_grpc.PostServiceStub(served.channel)
        call = stub.WatchPost(post_service_pb2.WatchPostRequest(name="locations/l1/posts/p1"), metadata=AUTH)
        await checking.wait()
        draining = asyncio.create_task(served.server.drain(delay=0, grace=300))
        await _until_refused(served)
        checked.set()
        await draining
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert_error(caught.value, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")


async def test_reflection_names_every_service() -> None:
    """Reflection needs no key and lists our services, health and itself."""
    async with serving(a_service()) as served:
        stub = reflection_pb2_grpc.ServerReflectionStub(served.channel)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        answer = await call.read()
        call.cancel()
    assert [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "socialgateway.v1.ProviderService",
    ] == [service.name for service in answer.list_services_response.service]


def test_clients_are_told_how_often_they_may_ping() -> None:
    """The page for clients has the floor of pings that the server enforces."""
    assert f"ping every {MIN_PING_SECONDS} seconds or less often" in Path("docs/clients.md").read_text()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_both_versions_of_reflection_describe_the_contract(version: str) -> None:
    """v1, which clients ask for first, answers like v1alpha; the reasons of errors and reflection itself are found."""
    symbols = {
        "socialgateway.v1.ErrorReason": "socialgateway/v1/error_reason.proto",
        "socialgateway.v1.PostService": "socialgateway/v1/post_service.proto",
        f"grpc.reflection.{version}.ServerReflection": "",
    }
    asked = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol) for symbol in symbols]
    async with serving(a_service()) as served:
        method: Any = served.channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
        raw = [each async for each in method(iter([each.SerializeToString() for each in asked]))]
    answers = [reflection_pb2.ServerReflectionResponse.FromString(each) for each in raw]
    files = [each.file_descriptor_response.file_descriptor_proto for each in answers]
    assert [True] * 3 == [bool(each) for each in files]
    named = {descriptor_pb2.FileDescriptorProto.FromString(file).name for each in files for file in each}
    assert set(symbols.values()) - {""} < named


async def test_an_unknown_method_is_unimplemented() -> None:
    """An unknown method is UNIMPLEMENTED."""
    async with serving(a_service()) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_call(served, "/socialgateway.v1.PostService/GetPost", b"")
    assert grpc.StatusCode.UNIMPLEMENTED == caught.value.code()


async def test_a_method_without_a_scope_is_never_served() -> None:
    """A service with a method that is not in the table of scopes stops the start."""
    service = Service(health_pb2.DESCRIPTOR.services_by_name["Health"], lambda _servicer, _server: None, None)
    with pytest.raises(RuntimeError, match="METHOD_SCOPES"):
        async with serving(service):
            pass


def test_no_method_of_ours_is_open_to_everybody() -> None:
    """Only health and reflection need no key."""
    table = METHOD_SCOPES | ADMIN_SCOPES
    assert [] == [method for method in table if is_public(method)]
    assert {scope for scope in table.values() if scope} == SCOPES - {CLAIM_SCOPE}


async def test_one_key_cannot_take_every_place() -> None:
    """A key with as many running calls as it may have is refused at once, with a delay and the quota's name."""
    servicer = Held()
    async with serving(providers(servicer), max_calls_per_key=1) as served:
        stub = provider_grpc.ProviderServiceStub(served.channel)
        running = asyncio.ensure_future(stub.GetProvider(GET, metadata=AUTH))
        await servicer.inside.wait()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetProvider(GET, metadata=AUTH)
        servicer.release.set()
        await running
        await stub.GetProvider(GET, metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", quota="callsInFlight", limit="1")


async def test_a_success_carries_its_request_id() -> None:
    """The request id comes back with an answer too."""
    async with serving(a_service()) as served:
        call = provider_grpc.ProviderServiceStub(served.channel).ListProviders(
            LIST, metadata=(*AUTH, ("x-request-id", "abc"))
        )
        await call
        assert "abc" == dict(await call.trailing_metadata())["x-request-id"]


async def test_odd_metadata_does_no_harm() -> None:
    """Binary metadata, repeated ids and unknown headers do not affect a call."""
    odd = (("x-other-bin", b"\xff\xfe"), ("x-request-id", "a"), ("x-request-id", "b"), ("x-empty", ""))
    async with serving(a_service()) as served:
        stub = provider_grpc.ProviderServiceStub(served.channel)
        assert 1 == len((await stub.ListProviders(LIST, metadata=(*AUTH, *odd))).providers)


async def test_metadata_too_large_is_refused_by_the_transport() -> None:
    """Metadata beyond gRPC's own limit ends the call, not the server."""
    async with serving(a_service()) as served:
        stub = provider_grpc.ProviderServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListProviders(LIST, metadata=(*AUTH, ("x-large", "x" * 100_000)))
        assert grpc.StatusCode.RESOURCE_EXHAUSTED == caught.value.code()
        assert 1 == len((await stub.ListProviders(LIST, metadata=AUTH)).providers)


async def test_a_taken_port_is_not_shared() -> None:
    """A second server on the same port does not start: it would get half of the calls."""
    async with serving(a_service()) as served:
        with pytest.raises(RuntimeError):
            async with serving(a_service(), grpc_address=f"127.0.0.1:{served.server.port}"):
                pass


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """Return a self-signed certificate in files."""
    return make_certificate(tmp_path, "first")


async def test_tls_from_files(certificate: Certificate) -> None:
    """With a certificate the server speaks TLS, and only TLS."""
    tls: dict[str, Any] = {"tls_cert": certificate.cert, "tls_key": certificate.key}
    async with serving(a_service(), credentials=certificate.trusted(), **tls) as served:
        stub = provider_grpc.ProviderServiceStub(served.channel)
        assert 1 == len((await stub.ListProviders(LIST, metadata=AUTH)).providers)
        async with grpc.aio.insecure_channel(f"localhost:{served.server.port}") as plain:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await provider_grpc.ProviderServiceStub(plain).ListProviders(LIST, metadata=AUTH)
        assert grpc.StatusCode.UNAVAILABLE == caught.value.code()


async def test_a_renewed_certificate_is_used_without_a_restart(certificate: Certificate) -> None:
    """New connections meet the certificate that replaced the first; broken files leave the one before them in use."""
    tls: dict[str, Any] = {"tls_cert": certificate.cert, "tls_key": certificate.key}
    async with serving(a_service(), credentials=certificate.trusted(), **tls) as served:
        second = make_certificate(certificate.cert.parent, "second")
        await _list_over(served, second)
        second.cert.write_text("half a file")
        await _list_over(served, second)


async def _list_over(served: Served, certificate: Certificate) -> None:
    """Call over a new connection that trusts nothing but this certificate."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    target = f"localhost:{served.server.port}"
    async with grpc.aio.secure_channel(target, certificate.trusted(), options=options) as channel:
        assert 1 == len((await provider_grpc.ProviderServiceStub(channel).ListProviders(LIST, metadata=AUTH)).providers)


@pytest.mark.parametrize("content", ["", "no certificate"])
async def test_a_bad_certificate_stops_the_start(certificate: Certificate, content: str) -> None:
    """A file that is no certificate is named at start by its setting."""
    certificate.cert.write_text(content)
    with pytest.raises(SettingsError, match="GATEWAY_TLS_CERT"):
        async with serving(a_service(), tls_cert=certificate.cert, tls_key=certificate.key):
            pass


async def test_a_key_of_another_certificate_stops_the_start(tmp_path: Path, certificate: Certificate) -> None:
    """A certificate and a key that do not belong together are refused at start."""
    (tmp_path / "other").mkdir()
    other = make_certificate(tmp_path / "other", "other")
    with pytest.raises(SettingsError, match="does not belong"):
        async with serving(a_service(), tls_cert=certificate.cert, tls_key=other.key):
            pass


async def test_the_trailer_of_a_refusal_names_the_request() -> None:
    """A refusal before any servicer carries the request id too."""
    async with serving(a_service()) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await provider_grpc.ProviderServiceStub(served.channel).ListProviders(LIST)
    assert trailer(caught.value, "x-request-id")
