"""What a gateway says of itself while a post is published: metrics for Prometheus, metrics and traces over OTLP.

Owns a collector that keeps what it is sent. Which names there are is `gateway/telemetry/metrics.py`.
"""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.app import Gateway
from gateway.telemetry.gauges import Gauges
from tests.fixtures.app import running, simulated, target_of
from tests.fixtures.client import Client
from tests.flows.test_publishing_commits import connect, published

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """An OTLP collector over HTTP."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Any] = []
        self.metrics: set[str] = set()
        self.raw = b""

    def take(self, path: str, body: bytes) -> None:
        """Keep what was sent."""
        self.raw += body
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        else:
            for sent in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {metric.name for scope in sent.scope_metrics for metric in scope.metrics}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        server.take(self.path, self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Yield a collector to which the environment points."""
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


async def scraped(gateway: Gateway) -> str:
    """Return what Prometheus would get."""
    assert gateway.metrics is not None
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{gateway.metrics.port}/metrics")
    assert (200, True) == (answer.status_code, "version=" in answer.headers["content-type"])
    return answer.text


def series(text: str, name: str, **labels: str) -> float:
    """Return the sum of the series of this name whose labels have these values."""
    lines = [
        line for line in text.splitlines() if line.startswith((f"socialgateway_{name}{{", f"socialgateway_{name} "))
    ]
    wanted = [line for line in lines if all(f'{label}="{value}"' in line for label, value in labels.items())]
    return sum(float(line.split()[-1]) for line in wanted)


async def test_a_publish_is_measured_and_traced(database_url: str, tmp_path: Path, collector: Collector) -> None:
    """Calls, vendor calls, states, transactions and steps are counted; the steps are linked to the call of the post."""
    async with (
        simulated(processing_seconds=0.2, moderation_seconds=0) as (_, settings),
        running(database_url, tmp_path, environment=os.environ, metrics_address="127.0.0.1:0", **settings) as gateway,
        Client(target_of(gateway)) as client,
    ):
        account = await connect(client)
        client.posts.CreatePost = _with_parent(client.posts.CreatePost)
        await published(client, database_url, account, "measured")
        await Gauges(gateway.domain.db, gateway.domain.telemetry).refresh()
        text = await scraped(gateway)

    assert 1 == series(text, "call_seconds_count", method="/socialgateway.v1.PostService/CreatePost", code="OK")
    assert 1 == series(text, "vendor_call_seconds_count", provider="tiktok", call="video_init", outcome="ok")
    assert 1 == series(text, "post_states_total", provider="tiktok", state="PUBLISHED")
    assert 1 == series(text, "connections", provider="tiktok", status="VALID")
    assert 1 <= series(text, "quota_used_ratio_count", provider="tiktok", quota="video_init")
    assert 10 <= series(text, "database_seconds_count", kind="transaction")
    assert 1 <= series(text, "job_seconds_count", job="step", outcome="ok")
    assert "locations/" not in text
    # What was measured last is sent at the stop.
    assert {"socialgateway_call_seconds", "socialgateway_post_states"} <= collector.metrics
    trace = bytes.fromhex(PARENT[3:35])
    [call] = [span for span in collector.spans if span.name.endswith("/CreatePost")]
    steps = [span for span in collector.spans if span.name == "job step"]
    assert trace == call.trace_id
    assert steps
    assert {(trace, call.span_id)} == {(link.trace_id, link.span_id) for step in steps for link in step.links}
    inits = [span for span in collector.spans if span.name == "tiktok video_init"]
    assert {step.trace_id for step in steps} >= {span.trace_id for span in inits}
    assert b"canary" not in collector.raw


def _with_parent(call: Any) -> Any:
    return lambda request: call(request, metadata=(("traceparent", PARENT),))


async def test_a_collector_that_is_away_disturbs_nobody(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls are answered as ever, and the stop does not wait for long."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    async with (
        running(database_url, tmp_path, environment=os.environ) as gateway,
        Client(target_of(gateway)) as client,
    ):
        listed = await client.call("ProviderService/ListProviders")
        assert listed.providers


async def test_metrics_have_an_address_of_their_own(database_url: str, tmp_path: Path) -> None:
    """They are not on the edge that strangers reach, there is nothing else beside them, and by default none at all."""
    async with (
        running(database_url, tmp_path, metrics_address="127.0.0.1:0") as gateway,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        assert gateway.http is not None
        assert gateway.metrics is not None
        assert 404 == (await client.get(f"http://127.0.0.1:{gateway.http.port}/metrics")).status_code
        assert 404 == (await client.get(f"http://127.0.0.1:{gateway.metrics.port}/healthz")).status_code
    async with running(database_url, tmp_path) as plain:
        assert plain.metrics is None
