"""A client that repeats calls by itself waits as long as RetryInfo says, and does not repeat what could do harm.

Owns the proofs of `gateway/interceptors/errors.py` about the pushback, with the shipped service config.
"""

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from gateway import status
from gateway.errors import FieldInvalid, GatewayUnavailable, QuotaExceeded
from gateway.interceptors import errors
from gateway.interceptors.calls import Call
from providers import errors as vendors
from socialgateway.v1 import (
    post_pb2,
    post_service_pb2,
    post_service_pb2_grpc,
    provider_pb2,
    provider_service_pb2,
    provider_service_pb2_grpc,
)
from storage.database import DatabaseUnavailable
from tests.fixtures.clock import START
from tests.rpc.answers import detail, status_of, trailer
from tests.rpc.serving import AUTH, posts, providers, serving
from tests.rpc.test_errors import Failing, Watching

PUSHBACK = "grpc-retry-pushback-ms"
GET = provider_service_pb2.GetProviderRequest(name="providers/tiktok")
CONFIG = [("grpc.service_config", Path("protos/service_config.json").read_text())]
POST = post_pb2.Post(account="locations/l1/accounts/a1", mode=post_pb2.POST_MODE_DIRECT)
REQUEST_ID = "8d2f4e9c-3b1a-4c5d-9e8f-7a6b5c4d3e2f"


class Counting(Failing):
    """A ProviderService that fails as often as it is told, and notes when it was called."""

    def __init__(self, error: BaseException, times: int = 100) -> None:
        super().__init__(error)
        self.times = times
        self.calls: list[float] = []

    async def GetProvider(self, request: Any, context: Any) -> Any:
        """Note the call, and fail or answer."""
        self.calls.append(time.monotonic())
        if len(self.calls) > self.times:
            return provider_pb2.Provider(name="providers/tiktok")
        return await super().GetProvider(request, context)


async def failed(error: BaseException, timeout: float | None = None) -> grpc.aio.AioRpcError:
    """Return what a client that repeats nothing gets for an error."""
    async with serving(providers(Failing(error)), channel_options=[("grpc.enable_retries", 0)]) as served:
        stub = provider_service_pb2_grpc.ProviderServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetProvider(GET, metadata=AUTH, timeout=timeout)
    return caught.value


@pytest.mark.parametrize(
    ("error", "milliseconds"),
    [
        (vendors.Unavailable(), 1_000),
        (vendors.Unavailable(retry_after=timedelta(seconds=30)), 30_000),
        (vendors.Unavailable(retry_after=timedelta(0)), 100),
        (vendors.ContractBroken(), 30_000),
        (vendors.RateLimited(retry_after=timedelta(milliseconds=1500)), 1_500),
        (QuotaExceeded("q", subject="s", limit=1, retry_at=START), 100),
        (GatewayUnavailable(), 1_000),
    ],
)
async def test_the_pushback_is_retry_infos_number(error: BaseException, milliseconds: int) -> None:
    """RetryInfo and the pushback are one number in milliseconds, and never 0."""
    found = await failed(error)
    retry = detail(status_of(found), error_details_pb2.RetryInfo)
    assert milliseconds == (retry and retry.retry_delay.ToMilliseconds())
    assert str(milliseconds) == trailer(found, PUSHBACK)


@pytest.mark.parametrize(
    ("error", "timeout", "pushback"),
    [
        (FieldInvalid("a", "is odd"), None, None),
        (vendors.DailyCapReached(), None, None),
        (vendors.Ambiguous(retry_after=timedelta(seconds=3)), None, "-1"),
        # The client would otherwise wait until its deadline and never see the reason.
        (vendors.Unavailable(retry_after=timedelta(seconds=30)), 20, "-1"),
        (vendors.Unavailable(), 20, "1000"),
    ],
)
async def test_a_pushback_that_forbids(error: BaseException, timeout: float | None, pushback: str | None) -> None:
    """-1 where a repeat does harm or cannot happen before the deadline; none where no delay is known."""
    assert pushback == trailer(await failed(error, timeout), PUSHBACK)


@pytest.mark.parametrize(
    ("repeated", "seconds", "left", "pushback"),
    [
        (False, 30, errors.ASSUMED_SECONDS, "30000"),
        (True, 30, errors.ASSUMED_SECONDS, "-1"),
        (True, 5, errors.ASSUMED_SECONDS, "5000"),
        (False, 60, errors.ASSUMED_SECONDS, "-1"),
        (True, 1, 0.5, "-1"),
    ],
)
def test_a_long_wait_is_asked_for_once(repeated: bool, seconds: int, left: float, pushback: str) -> None:
    """A library that waited long once, or whose deadline is nearer than the wait, gets the status at once."""
    call = Call("/m", "r1", repeated=repeated)
    proto = status.from_error(vendors.Unavailable(retry_after=timedelta(seconds=seconds)), now=START, request_id="r1")
    assert pushback == errors._pushback(proto, call, left)


def test_the_assumed_deadline_is_the_shipped_one() -> None:
    """The deadline that the server assumes where it is told none is that of every method of the service config."""
    timeouts = {each["timeout"] for each in json.loads(CONFIG[0][1])["methodConfig"] if "timeout" in each}
    assert {f"{errors.ASSUMED_SECONDS:.0f}s"} == timeouts


class Losing(Watching):
    """A PostService whose database is lost in every call."""

    async def GetPost(self, request: Any, context: Any) -> Any:
        """Lose the database."""
        raise DatabaseUnavailable("lost")

    async def CreatePost(self, request: Any, context: Any) -> Any:
        """Lose the database, perhaps after the commit."""
        raise DatabaseUnavailable("lost")


@pytest.mark.parametrize(
    ("method", "request_", "pushback"),
    [
        ("GetPost", post_service_pb2.GetPostRequest(name="locations/l1/posts/p1"), "1000"),
        ("CreatePost", post_service_pb2.CreatePostRequest(parent="locations/l1", post=POST), "-1"),
        (
            "CreatePost",
            post_service_pb2.CreatePostRequest(parent="locations/l1", post=POST, request_id=REQUEST_ID),
            "1000",
        ),
    ],
    ids=["a read", "a change", "a change with a request_id"],
)
async def test_a_change_without_a_request_id_is_not_repeated(method: str, request_: Any, pushback: str) -> None:
    """What may have been done, and would be done twice, is not repeated by a library; with a request_id it may be."""
    async with serving(posts(Losing()), channel_options=[("grpc.enable_retries", 0)]) as served:
        stub = post_service_pb2_grpc.PostServiceStub(served.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(stub, method)(request_, metadata=AUTH)
    assert (grpc.StatusCode.UNAVAILABLE, pushback) == (caught.value.code(), trailer(caught.value, PUSHBACK))


async def test_a_real_client_obeys() -> None:
    """With the shipped service config a call is repeated after RetryInfo's second, and not within its 30 seconds."""
    short, long = Counting(vendors.Unavailable(), times=1), Counting(vendors.ContractBroken())
    for servicer in (short, long):
        async with serving(providers(servicer), channel_options=CONFIG) as served:
            await served.server.set_ready(True)
            stub = provider_service_pb2_grpc.ProviderServiceStub(served.channel)
            if servicer is short:
                await stub.GetProvider(GET, metadata=AUTH)
            else:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.GetProvider(GET, metadata=AUTH, timeout=5)
                assert grpc.StatusCode.UNAVAILABLE == caught.value.code()
    assert (2, 1) == (len(short.calls), len(long.calls))
    assert short.calls[1] - short.calls[0] >= 0.95
