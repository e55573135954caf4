"""Health over gRPC when its watchers behave badly, or are too many.

Owns the proofs of `gateway/rpc/health.py`; that it follows the server's life is proved in `test_server.py`.
"""

import asyncio
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from gateway.errors import QuotaExceeded
from gateway.interceptors import calls
from gateway.rpc.health import HealthService
from tests.fixtures.waiting import until
from tests.rpc.frames import silent_call
from tests.rpc.serving import serving
from tests.rpc.test_server import NOT_SERVING, SERVING, a_service, health_of

UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
WATCH = "/grpc.health.v1.Health/Watch"
WHOLE = health_pb2.HealthCheckRequest()


def watch(service: HealthService, name: str = "") -> Any:
    """Watch without a server."""
    return service.Watch(health_pb2.HealthCheckRequest(service=name), None)


async def test_a_watcher_who_does_not_read_holds_nobody_up() -> None:
    """Another watcher, whoever checks, and the drain hear of every change, although one watcher takes nothing."""
    async with serving(a_service()) as served, silent_call(served.server.port, WATCH):
        other = health_pb2_grpc.HealthStub(served.channel).Watch(WHOLE)
        async with asyncio.timeout(10):
            assert NOT_SERVING == (await other.read()).status
            await served.server.set_ready(True)
            assert SERVING == (await other.read()).status
            assert SERVING == await health_of(served)
            await served.server.set_ready(False)
            assert NOT_SERVING == (await other.read()).status
            other.cancel()
            await served.server.drain(delay=0, grace=0)


async def test_a_watcher_who_goes_without_reading_is_no_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks while something is being sent ends its call as CANCELLED, not as INTERNAL."""
    ended: list[str] = []
    monkeypatch.setattr(calls, "write_line", lambda call, quiet: ended.append(call.code))
    async with serving(a_service()) as served:
        async with silent_call(served.server.port, WATCH):
            await until(lambda: 1 == served.server.health.watchers)
        await until(lambda: bool(ended))
    assert ["CANCELLED"] == ended


async def test_every_service_is_listed() -> None:
    """List gives the status of the whole and of each service."""
    async with serving(a_service()) as served:
        await served.server.set_ready(True)
        found = (await health_pb2_grpc.HealthStub(served.channel).List(health_pb2.HealthListRequest())).statuses
    assert {"": SERVING, "socialgateway.v1.ProviderService": SERVING} == {name: found[name].status for name in found}


async def test_a_service_that_is_not_here_may_be_watched() -> None:
    """Its status is unknown until somebody tells it, as the protocol wants."""
    service = HealthService()
    watching = watch(service, "a.Service")
    assert UNKNOWN == (await anext(watching)).status
    service.set_status(["a.Service"], serving=True)
    assert SERVING == (await anext(watching)).status


async def test_a_slow_watcher_hears_the_newest() -> None:
    """What changed back while nobody listened is not told; what differs is."""
    service = HealthService()
    service.set_status([""], serving=False)
    watching = watch(service)
    assert NOT_SERVING == (await anext(watching)).status
    for serving_ in (True, False, True):
        service.set_status([""], serving=serving_)
    assert SERVING == (await anext(watching)).status


async def test_watchers_are_bounded() -> None:
    """Who would be one too many is refused; a place is free when its watcher goes."""
    service = HealthService(max_watchers=1)
    first = watch(service)
    await anext(first)
    with pytest.raises(QuotaExceeded):
        await anext(watch(service))
    await first.aclose()
    assert UNKNOWN == (await anext(watch(service))).status
