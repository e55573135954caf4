"""What a failing call says, and what it never says: a real server, servicers that fail in every way.

Owns the proofs of the frame's error handling. Does not know real services.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from gateway.errors import FieldInvalid, ResourceNotFound, Violation
from providers.errors import GrantRevoked
from socialgateway.v1 import (
    post_pb2,
    post_service_pb2,
    post_service_pb2_grpc,
    provider_service_pb2,
    provider_service_pb2_grpc,
    upload_service_pb2,
    upload_service_pb2_grpc,
)
from storage.database import DatabaseUnavailable
from tests.rpc.answers import assert_error, status_of, trailer
from tests.rpc.serving import AUTH, posts, providers, raw_call, serving, uploads

GET = provider_service_pb2.GetProviderRequest(name="providers/tiktok")
CANARY = "canary-secret-in-an-exception"


class Failing:
    """A ProviderService whose every method raises what it was given, or answers with it."""

    def __init__(self, outcome: Any) -> None:
        """Keep the outcome."""
        self.outcome = outcome

    async def GetProvider(self, request: Any, context: Any) -> Any:
        """End as told."""
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    async def ListProviders(self, request: Any, context: Any) -> Any:
        """End as told."""
        return await self.GetProvider(request, context)


class Watching:
    """A PostService whose WatchPost sends one message, then fails."""

    def __getattr__(self, name: str) -> Any:
        """Serve the other methods by nothing."""

        async def nothing(request: Any, context: Any) -> Any:
            raise NotImplementedError

        return nothing

    async def WatchPost(self, request: Any, context: Any) -> AsyncIterator[post_service_pb2.WatchPostResponse]:
        """Send one message and fail."""
        yield post_service_pb2.WatchPostResponse(checkpoint=True)
        raise RuntimeError(CANARY)


class Writing(Watching):
    """An UploadService whose WriteUpload counts bytes."""

    async def WriteUpload(self, requests: Any, context: Any) -> Any:
        """Read everything."""
        async for _ in requests:
            pass
        raise ResourceNotFound("locations/l1/uploads/u1")


async def failure(outcome: Any, request: Any = GET, **values: Any) -> grpc.aio.AioRpcError:
    """Call a servicer with this outcome and give the error that the client sees."""
    async with serving(providers(Failing(outcome)), **values) as served:
        stub = provider_service_pb2_grpc.ProviderServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetProvider(request, metadata=AUTH)
        return caught.value


async def test_the_text_of_an_unknown_exception_stays_here() -> None:
    """An unexpected exception is INTERNAL, and its text, type and traceback do not reach the client."""
    error = await failure(ValueError(CANARY))
    assert_error(error, grpc.StatusCode.INTERNAL, "INTERNAL")
    everything = f"{error!r} {error.details()} {error.trailing_metadata()} {error.debug_error_string()}"
    assert "canary" not in everything
    assert "ValueError" not in everything


async def test_an_exception_after_a_message_was_streamed_stays_here() -> None:
    """A stream that fails after its first message ends with the same closed status."""
    async with serving(posts(Watching())) as served:
        stub = post_service_pb2_grpc.PostServiceStub(served.channel)
        call = stub.WatchPost(post_service_pb2.WatchPostRequest(name="locations/l1/posts/p1"), metadata=AUTH)
        assert post_service_pb2.WatchPostResponse(checkpoint=True) == await call.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert_error(caught.value, grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "canary" not in f"{caught.value!r} {caught.value.trailing_metadata()}"


async def test_an_answer_of_the_wrong_type_is_internal() -> None:
    """A servicer that returns None is INTERNAL."""
    assert_error(await failure(None), grpc.StatusCode.INTERNAL, "INTERNAL")


async def test_a_rule_of_ours_keeps_its_reason() -> None:
    """A domain error arrives with code, reason, metadata and request id."""
    error = await failure(ResourceNotFound("locations/l1/posts/p1"))
    assert_error(error, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", resource="locations/l1/posts/p1")


async def test_a_vendors_refusal_keeps_its_words() -> None:
    """The vendor's code, sentence and log id are in the metadata."""
    error = await failure(GrantRevoked("gone", provider="tiktok", code="invalid_grant", log_id="2026"))
    assert_error(
        error,
        grpc.StatusCode.FAILED_PRECONDITION,
        "REAUTHORIZATION_REQUIRED",
        provider="tiktok",
        providerCode="invalid_grant",
        providerMessage="gone",
        providerLogId="2026",
    )


async def test_a_lost_database_is_unavailable() -> None:
    """A database that cannot be reached is said to be so, without its address."""
    error = await failure(DatabaseUnavailable("PostgreSQL at db.canary:5432"))
    assert_error(error, grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")
    assert "canary" not in f"{status_of(error)}"


async def test_several_failures_at_once_are_internal() -> None:
    """An exception group is INTERNAL; a group of one is its exception."""
    many = ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(CANARY)])
    assert_error(await failure(many), grpc.StatusCode.INTERNAL, "INTERNAL")
    one = ExceptionGroup("", [FieldInvalid("name", "is odd")])
    assert_error(await failure(one), grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="name")


async def test_long_and_odd_texts_fit_into_the_trailers() -> None:
    """A sentence of any length and any characters arrives, shortened, and does not break the call."""
    error = await failure(FieldInvalid("é\n\0" * 10_000, "ü☃\U0001f600" * 10_000))
    assert_error(error, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert len(status_of(error).SerializeToString()) < 7_000


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xc3\x28", b"\x0b" * 200])
async def test_bytes_that_are_no_message_are_the_callers_fault(body: bytes) -> None:
    """Broken protobuf and broken UTF-8 are INVALID_ARGUMENT with a reason, not the parser's text."""
    async with serving(providers(Failing(None))) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_call(served, "/socialgateway.v1.ProviderService/GetProvider", body)
    assert_error(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="request")


async def test_bytes_that_are_no_message_need_a_key_too() -> None:
    """Without a key the answer is about the key, whatever the bytes are."""
    async with serving(providers(Failing(None))) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_call(served, "/socialgateway.v1.ProviderService/GetProvider", b"\xff", metadata=())
    assert_error(caught.value, grpc.StatusCode.UNAUTHENTICATED, "API_KEY_INVALID")


async def test_a_broken_message_inside_a_stream_is_the_callers_fault() -> None:
    """The second message of a client's stream may be the broken one."""

    async def bodies() -> AsyncIterator[bytes]:
        yield upload_service_pb2.WriteUploadRequest(name="locations/l1/uploads/u1").SerializeToString()
        yield b"\xff"

    async with serving(uploads(Writing())) as served:
        call: Any = served.channel.stream_unary("/socialgateway.v1.UploadService/WriteUpload")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(bodies(), metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="request")


async def test_a_clients_stream_ends_with_the_servicers_reason() -> None:
    """The error of a client-streaming method reaches the client."""
    async with serving(uploads(Writing())) as served:
        stub = upload_service_pb2_grpc.UploadServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.WriteUpload(iter([upload_service_pb2.WriteUploadRequest()]), metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")


async def test_a_message_too_large_says_so() -> None:
    """A message above the limit is refused with a reason, not by the transport."""
    request = provider_service_pb2.GetProviderRequest(name="x" * (2 * 1024 * 1024 + 1))
    error = await failure(None, request, max_message_bytes=2 * 1024 * 1024)
    assert_error(error, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="request")


async def test_a_long_text_reaches_the_method() -> None:
    """A caption of five megabytes is below the limit: it is the method that refuses it, by its field."""
    async with serving(posts(Creating())) as served:
        stub = post_service_pb2_grpc.PostServiceStub(served.channel)
        mode = post_pb2.POST_MODE_DIRECT
        post = post_pb2.Post(account="locations/l1/accounts/a1", mode=mode, caption="x" * 5_000_000)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CreatePost(post_service_pb2.CreatePostRequest(parent="locations/l1", post=post), metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="post.caption")


class Creating(Watching):
    """A PostService that refuses long captions."""

    async def CreatePost(self, request: Any, context: Any) -> Any:
        """Refuse."""
        raise FieldInvalid("post.caption", f"has {len(request.post.caption)} characters")


async def test_required_fields_come_before_the_method() -> None:
    """A request without a required field never reaches the servicer."""
    error = await failure(ValueError("reached"), provider_service_pb2.GetProviderRequest())
    assert_error(error, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="name")


async def test_a_call_without_a_deadline_gets_ours() -> None:
    """A unary call whose client set no deadline ends at the server's own."""
    async with serving(providers(Sleeping()), deadline_seconds=0.01) as served:
        stub = provider_service_pb2_grpc.ProviderServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetProvider(GET, metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


class Sleeping(Failing):
    """A ProviderService that takes its time, and counts those who gave up."""

    def __init__(self) -> None:
        """Begin."""
        super().__init__(None)
        self.cancelled = asyncio.Event()

    async def GetProvider(self, request: Any, context: Any) -> Any:
        """Wait for ever."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


async def test_a_client_that_gives_up_cancels_the_method() -> None:
    """A client's deadline cancels the servicer."""
    servicer = Sleeping()
    async with serving(providers(servicer)) as served:
        stub = provider_service_pb2_grpc.ProviderServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetProvider(GET, metadata=AUTH, timeout=0.05)
        assert grpc.StatusCode.DEADLINE_EXCEEDED == caught.value.code()
        await servicer.cancelled.wait()


async def test_a_time_out_inside_a_method_is_not_the_callers_deadline() -> None:
    """A TimeoutError of something the method waited for is a fault of ours."""
    assert_error(await failure(TimeoutError(CANARY)), grpc.StatusCode.INTERNAL, "INTERNAL")


async def test_the_callers_request_id_comes_back() -> None:
    """A request id that is fit to be written down is kept; one that is not is replaced."""
    async with serving(providers(Failing(ValueError()))) as served:
        stub = provider_service_pb2_grpc.ProviderServiceStub(served.channel)
        for given, kept in (
            ("abc-123", True),
            ("", False),
            ("x y", False),
            ("x" * 200, False),
            ("sg_" + "x" * 43, False),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.GetProvider(GET, metadata=(*AUTH, ("x-request-id", given)))
            assert kept == (given == trailer(caught.value, "x-request-id"))
            assert trailer(caught.value, "x-request-id")


@pytest.mark.parametrize("letter", ["x", "語"])
async def test_a_long_status_reaches_a_client_that_takes_8_kib_of_trailers(letter: str) -> None:
    """A client that refuses more than 8,192 bytes of trailers, as grpc-java does, gets the status with its details."""
    more = [Violation(f"names[{number}]", letter * 100) for number in range(5_000)]
    error = FieldInvalid("names", letter * 1_000, *more)
    options = [("grpc.max_metadata_size", 8_192), ("grpc.absolute_max_metadata_size", 8_192)]
    async with serving(providers(Failing(error)), channel_options=options) as served:
        stub = provider_service_pb2_grpc.ProviderServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetProvider(GET, metadata=(*AUTH, ("x-request-id", "r" * 128)))
    assert_error(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
