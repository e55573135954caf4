"""ProviderService through a real server: the tables as callers see them.

Owns the proofs of `gateway/rpc/providers.py`. Does not know what a provider's table should say.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from gateway.rpc.providers import ProviderService
from providers import registry
from providers.capabilities import Capability, CapabilityTable, Cell, Limits, Support
from socialgateway.v1 import provider_pb2, provider_service_pb2, provider_service_pb2_grpc
from tests.rpc.answers import assert_error
from tests.rpc.serving import AUTH, providers, serving

TABLES = {
    name: CapabilityTable(
        provider=name,
        display_name=name.title(),
        cells={Capability.OAUTH: Cell(Support.FULL), Capability.POST_EDIT: Cell(Support.IMPOSSIBLE, "No call for it.")},
        limits=Limits(max_caption_units=2200, max_photos=35, max_video_bytes=2**32, max_posts_per_day=15),
        platform_limits={
            "inner": Limits(max_caption_units=150, max_video_duration=timedelta(minutes=3)),
            "other": Limits(
                max_title_units=90, max_photo_caption_units=4000, max_photo_bytes=20_000_000, max_photo_short_side=1080
            ),
        },
    )
    for name in ("zeta", "alpha", "mu")
}


@pytest.fixture
async def stub() -> AsyncIterator[Any]:
    """Yield a stub of a server with three providers."""
    async with serving(providers(ProviderService(TABLES, b"s" * 32))) as served:
        yield provider_service_pb2_grpc.ProviderServiceStub(served.channel)


async def test_a_provider_shows_its_whole_table(stub: Any) -> None:
    """Every capability of the contract has a line, also those that the table does not mention."""
    provider = await stub.GetProvider(provider_service_pb2.GetProviderRequest(name="providers/mu"), metadata=AUTH)
    lines = {line.capability: (line.support, line.note) for line in provider.capabilities}
    assert ("providers/mu", "Mu") == (provider.name, provider.display_name)
    assert {number for number in provider_pb2.Capability.values() if number} == set(lines)
    assert (provider_pb2.SUPPORT_FULL, "") == lines[provider_pb2.CAPABILITY_OAUTH]
    assert (provider_pb2.SUPPORT_IMPOSSIBLE, "No call for it.") == lines[provider_pb2.CAPABILITY_POST_EDIT]
    assert provider_pb2.SUPPORT_NOT_YET == lines[provider_pb2.CAPABILITY_ADS][0]
    assert (
        provider_pb2.PublishingLimits(
            max_caption_length=2200,
            max_photos=35,
            max_video_bytes=4_294_967_296,
            max_posts_per_day=15,
            text_unit=provider_pb2.TEXT_UNIT_UTF16_UNIT,
        )
        == provider.publishing_limits
    )


async def test_a_network_inside_a_planner_shows_its_own_limits(stub: Any) -> None:
    """Each network whose limits differ has all of its own, and one that the vendor does not limit has none."""
    provider = await stub.GetProvider(provider_service_pb2.GetProviderRequest(name="providers/mu"), metadata=AUTH)
    inner, other = provider.platform_limits["inner"], provider.platform_limits["other"]
    assert {"inner", "other"} == set(provider.platform_limits)
    assert (150, 0, timedelta(minutes=3)) == (
        inner.max_caption_length,
        inner.max_video_bytes,
        inner.max_video_duration.ToTimedelta(),
    )
    assert not other.HasField("max_video_duration")
    assert (90, 4000, 20_000_000, 1080) == (
        other.max_title_length,
        other.max_photo_caption_length,
        other.max_photo_bytes,
        other.max_photo_short_side,
    )


async def test_an_unknown_provider_is_not_found(stub: Any) -> None:
    """A provider that this server was not built with is not found, by its name."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetProvider(provider_service_pb2.GetProviderRequest(name="providers/nobody"), metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", resource="providers/nobody")


@pytest.mark.parametrize("name", ["tiktok", "providers/", "providers/-", "providers/a/b", "providers/a\n", "x/a"])
async def test_a_malformed_name_is_refused(stub: Any, name: str) -> None:
    """A name of another shape is refused by its field."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetProvider(provider_service_pb2.GetProviderRequest(name=name), metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field="name")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000, 2**31 - 1])
async def test_pages_reach_every_provider_once(stub: Any, size: int) -> None:
    """Whatever the page size, following the tokens gives each provider once, by name."""
    found, token = [], ""
    while True:
        request = provider_service_pb2.ListProvidersRequest(page_size=size, page_token=token)
        answer = await stub.ListProviders(request, metadata=AUTH)
        found += [provider.name for provider in answer.providers]
        token = answer.next_page_token
        if not token:
            break
    assert ["providers/alpha", "providers/mu", "providers/zeta"] == found


@pytest.mark.parametrize(
    ("reason", "request_"),
    [
        ("FIELD_INVALID", provider_service_pb2.ListProvidersRequest(page_size=-1)),
        ("PAGE_TOKEN_INVALID", provider_service_pb2.ListProvidersRequest(page_token="x")),
    ],
)
async def test_bad_pages_are_refused(
    stub: Any,
    reason: str,
    request_: provider_service_pb2.ListProvidersRequest,
) -> None:
    """A negative size and a token that is not ours have reasons of their own."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListProviders(request_, metadata=AUTH)
    assert_error(caught.value, grpc.StatusCode.INVALID_ARGUMENT, reason)


async def test_every_registered_provider_can_be_shown() -> None:
    """The tables of the real providers convert, each under its registered name."""
    built = {
        name: registry.build(name, {}, clock=lambda: datetime(2026, 11, 20, tzinfo=UTC)) for name in registry.PROVIDERS
    }
    async with serving(providers(ProviderService({n: p.table for n, p in built.items()}, b"s" * 32))) as served:
        stub = provider_service_pb2_grpc.ProviderServiceStub(served.channel)
        answer = await stub.ListProviders(provider_service_pb2.ListProvidersRequest(), metadata=AUTH)
    for provider in built.values():
        await provider.close()
    assert [f"providers/{name}" for name in sorted(registry.PROVIDERS)] == [item.name for item in answer.providers]
