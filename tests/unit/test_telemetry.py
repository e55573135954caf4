"""Telemetry in itself: what is imported when, the bounds of labels, which traces are recorded, and what they leave out.

Owns no server; what a gateway measures is tests/flows/test_telemetry.py.
"""

import subprocess
import sys

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.http.metrics import address_of
from gateway.settings import SettingsError
from gateway.telemetry import metrics, otel
from gateway.telemetry.metrics import METRICS, Kind
from gateway.telemetry.opening import is_sent
from gateway.telemetry.otel import OtelMeter, OtelTracer, context_of
from gateway.telemetry.prometheus import PrometheusMeter
from gateway.telemetry.recorder import MAX_CODES, OFF, OTHER, Telemetry
from providers.errors import Rejected

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
ALL = {"OTEL_TRACES_SAMPLER": "always_on"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def traced(environment: dict[str, str] | None = None) -> tuple[OtelTracer, InMemorySpanExporter]:
    """Return a tracer, and where its spans go."""
    exporter = InMemorySpanExporter()
    return OtelTracer(SimpleSpanProcessor(exporter), environment or {}), exporter


def test_nothing_is_imported_unless_it_is_asked_for() -> None:
    """A gateway without telemetry does not pay for it: neither library is there after everything was imported."""
    script = (
        "import sys; from gateway import app; app.load(app.Roles());"
        "print([n for n in sys.modules if n.startswith(('opentelemetry', 'prometheus_client', 'requests'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_without_receivers_nothing_is_measured() -> None:
    """What is off has no receiver, no span and no traceparent."""
    OFF.record(metrics.CALLS, "m", "OK")
    with OFF.span("x") as span, OFF.job("y"), OFF.vendor_call("tiktok", "z"):
        assert span is None
    assert (False, "") == (OFF.on, OFF.traceparent())


@pytest.mark.parametrize(
    ("environment", "sent"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_METRICS_EXPORTER": "none"}, True),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], sent: bool) -> None:
    """Traces are sent if, and only if, OpenTelemetry's own variables say where."""
    assert sent == is_sent("TRACES", environment)


def test_a_protocol_that_is_not_spoken_is_said() -> None:
    """OTLP over gRPC is refused at start, instead of being ignored."""
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_PROTOCOL"):
        is_sent("TRACES", {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


@pytest.mark.parametrize(
    ("setting", "number", "address"),
    [
        ("127.0.0.1:9464", 0, "127.0.0.1:9464"),
        (":9464", 0, "127.0.0.1:9464"),
        ("0.0.0.0:9464", 2, "0.0.0.0:9466"),
        ("[::1]:9464", 1, "[::1]:9465"),
        ("127.0.0.1:0", 3, "127.0.0.1:0"),
    ],
)
def test_metrics_are_loopback_unless_a_host_is_named(setting: str, number: int, address: str) -> None:
    """An address without a host is this machine alone; processes on one port take the ports after it."""
    assert address == address_of(setting, number)


@pytest.mark.parametrize("setting", ["9464", "localhost", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"])
def test_an_address_that_is_none_is_refused(setting: str) -> None:
    """With the setting's name."""
    with pytest.raises(SettingsError, match="GATEWAY_METRICS_ADDRESS"):
        address_of(setting, 0)


def test_what_a_vendor_calls_its_codes_makes_few_series() -> None:
    """A vendor that answers another code each time cannot fill the memory of whoever scrapes."""
    meter = PrometheusMeter()
    telemetry = Telemetry((meter,))
    for code in [*(f"code{each}" for each in range(500)), "with words", "x" * 500, "\n", ""]:
        with pytest.raises(Rejected), telemetry.vendor_call("tiktok", "init"):
            raise Rejected("no", provider="tiktok", code=code)
    lines = [line for line in meter.text().decode().splitlines() if "vendor_refusals_total{" in line]
    assert MAX_CODES + 1 == len(lines)
    assert [f"{504 - MAX_CODES}.0"] == [line.split()[-1] for line in lines if f'code="{OTHER}"' in line]


@pytest.mark.parametrize("agencies", [False, True])
def test_agencies_are_told_apart_only_if_asked(agencies: bool) -> None:
    """Without the setting no tenant is in a label."""
    meter, reader = PrometheusMeter(agencies=agencies), InMemoryMetricReader()
    telemetry = Telemetry((meter, OtelMeter(reader, agencies=agencies)), agencies=agencies)
    telemetry.record(metrics.POSTS, "tiktok", "PUBLISHED", agency="acme")
    assert agencies == ('agency="acme"' in meter.text().decode())
    assert agencies == ("acme" in str(reader.get_metrics_data()))


def test_both_receivers_get_every_metric() -> None:
    """Each kind arrives under its name, with its buckets."""
    meter, reader = PrometheusMeter(), InMemoryMetricReader()
    telemetry = Telemetry((meter, OtelMeter(reader)))
    for metric in METRICS:
        telemetry.record(metric, *("x" for _ in metric.labels), amount=0.3)
    text, sent = meter.text().decode(), reader.get_metrics_data()
    assert sent is not None
    names = {
        each.name for resource in sent.resource_metrics for scope in resource.scope_metrics for each in scope.metrics
    }
    assert {f"{metrics.PREFIX}{metric.name}" for metric in METRICS} == names
    for metric in METRICS:
        suffix = "_bucket" if metric.kind is Kind.HISTOGRAM else ""
        assert f"\n{metric.full_name}{suffix}" in text
    assert [] == [metric.name for metric in METRICS if set(metric.labels) & {"location", "agency", "post"}]


def test_a_step_is_linked_to_the_call_that_made_its_post(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is linked to a recorded span is recorded, whatever part of all calls is."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracer, exporter = traced({"OTEL_TRACES_SAMPLER": "always_off"})
    with tracer.span("job step", link=PARENT):
        pass
    with tracer.span("job step", root=True) as alone:
        assert not alone.is_recording()
    [span] = exporter.get_finished_spans()
    assert [0x0AF7651916CD43DD8448EB211C80319C] == [link.context.trace_id for link in span.links]


def test_few_calls_are_traced_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in a hundred, and with it what is below it; what is below a call that is not traced begins no trace."""
    for chance, spans in ((0.02, 0), (0.005, 2)):
        monkeypatch.setattr(otel, "random", lambda chance=chance: chance)
        tracer, exporter = traced()
        with tracer.span("call", root=True), tracer.span("tiktok init"):
            pass
        assert spans == len(exporter.get_finished_spans())


def test_a_call_goes_on_with_its_callers_trace() -> None:
    """A sampled traceparent is continued, and what is committed then can be linked to it."""
    tracer, exporter = traced()
    with tracer.span("call", parent=PARENT, server=True):
        assert tracer.current().startswith(PARENT[:36])
    with tracer.span("call", parent=PARENT[:-1] + "0"):
        assert "" == tracer.current()
    assert 1 == len(exporter.get_finished_spans())


@pytest.mark.parametrize(
    "header", ["", "x", PARENT[:-3], PARENT.replace("0af7", "zzzz"), "00-" + "0" * 32 + PARENT[35:]]
)
def test_a_traceparent_that_is_none_is_ignored(header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a caller sends there, the call is served, and traced no more often than others."""
    assert context_of(header) is None
    tracer, exporter = traced()
    monkeypatch.setattr(otel, "random", lambda: 1.0)
    with tracer.span("call", root=True, parent=header):
        assert "" == tracer.current()
    assert () == exporter.get_finished_spans()


def test_an_exception_leaves_nothing_in_a_span() -> None:
    """Its text may hold a token or a caption."""
    tracer, exporter = traced(ALL)
    telemetry = Telemetry((), tracer)

    def fail() -> None:
        with telemetry.span("call", root=True), telemetry.vendor_call("tiktok", "init"):
            raise Rejected("canary words", provider="tiktok", code="spam")

    with pytest.raises(Rejected):
        fail()
    text = " ".join(str(span.to_json()) for span in exporter.get_finished_spans())
    assert "canary" not in text
    assert '"outcome": "Rejected"' in text
