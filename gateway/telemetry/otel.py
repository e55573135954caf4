"""Traces and metrics over OTLP, as OpenTelemetry's own variables say.

Owns the use of OpenTelemetry, which is imported with this module only, and which traces are recorded. Does not know
what is measured.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from random import random
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

from gateway.telemetry.metrics import AGENCY, METRICS, PREFIX, Kind, Metric
from gateway.telemetry.recorder import NOTHING

SERVICE = "social-gateway"
DEFAULT_RATIO = 0.01
"""Which part of the calls is traced that bring no traceparent: each recorded span costs a tenth of a hot read."""

SAMPLER = "OTEL_TRACES_SAMPLER"


class LinkBased(Sampler):
    """Records what is linked to a recorded span: the steps of a post, if the call that made it was."""

    def __init__(self, other: Sampler) -> None:
        """Ask `other` about everything else."""
        self._other = other

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        """Decide about one span."""
        if any(link.context.trace_flags.sampled for link in links or ()):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._other.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Return the sampler's name."""
        return f"LinkBased{{{self._other.get_description()}}}"


class OtelTracer:
    """Makes spans of one provider."""

    def __init__(self, processor: SpanProcessor, environment: Mapping[str, str]) -> None:
        """Hand finished spans to `processor`; the sampler is that of the environment, or a small part of all."""
        self._ours = not environment.get(SAMPLER)
        sampler = ParentBased(ALWAYS_ON) if self._ours else None
        provider = TracerProvider(sampler=sampler, resource=_resource())
        provider.sampler = LinkBased(provider.sampler)
        provider.add_span_processor(processor)
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE)

    def span(
        self,
        name: str,
        *,
        root: bool = False,
        parent: str = "",
        link: str = "",
        server: bool = False,
        **attributes: str,
    ) -> AbstractContextManager[Any]:
        """Return a span for the length of a block; nothing if it is certain that it would not be recorded."""
        remote = context_of(parent) if parent else None
        linked = context_of(link) if link else None
        if remote is None and linked is None and self._is_left_out(root):
            return NOTHING
        return self._span(name, remote, linked, server, attributes)

    def _is_left_out(self, root: bool) -> bool:
        """Decide before a span is made: that costs 16 µs, also of one that is not recorded."""
        if trace.get_current_span().is_recording():
            return False
        return not root or (self._ours and random() >= DEFAULT_RATIO)  # noqa: S311 - no secret

    @contextmanager
    def _span(
        self,
        name: str,
        remote: SpanContext | None,
        linked: SpanContext | None,
        server: bool,
        attributes: Mapping[str, str],
    ) -> Iterator[Any]:
        with self._tracer.start_as_current_span(
            name,
            context=trace.set_span_in_context(trace.NonRecordingSpan(remote)) if remote else None,
            kind=SpanKind.SERVER if server else SpanKind.INTERNAL,
            links=[Link(linked)] if linked else None,
            attributes=attributes,
            # The text of an exception may hold what must not leave.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    def current(self) -> str:
        """Return the traceparent of the current span, "" if it is not recorded."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid or not context.trace_flags.sampled:
            return ""
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    def close(self) -> None:
        """Send what waits; blocks for as long as the exporter's time-out."""
        self._provider.shutdown()


class OtelMeter:
    """Keeps the values of all metrics, and sends them now and then."""

    def __init__(self, reader: MetricReader, *, agencies: bool = False) -> None:
        """Register the metrics."""
        views = [_buckets(metric) for metric in METRICS if metric.kind is Kind.HISTOGRAM]
        self._provider = MeterProvider([reader], resource=_resource(), views=views)
        meter = self._provider.get_meter(SERVICE)
        makers: dict[Kind, Callable[..., Any]] = {
            Kind.COUNTER: meter.create_counter,
            Kind.HISTOGRAM: meter.create_histogram,
            Kind.GAUGE: meter.create_gauge,
        }
        self._made = {each.name: makers[each.kind](PREFIX + each.name, description=each.meaning) for each in METRICS}
        self._agencies = agencies

    def record(self, metric: Metric, values: tuple[str, ...], amount: float) -> None:
        """Add to a counter, set a gauge, or observe a value of a histogram."""
        labels = (*metric.labels, AGENCY) if self._agencies and metric.by_agency else metric.labels
        made, attributes = self._made[metric.name], dict(zip(labels, values, strict=True))
        if metric.kind is Kind.COUNTER:
            made.add(amount, attributes)
        elif metric.kind is Kind.HISTOGRAM:
            made.record(amount, attributes)
        else:
            made.set(amount, attributes)

    def close(self) -> None:
        """Send what was measured last; blocks for as long as the exporter's time-out."""
        self._provider.shutdown()


def _buckets(metric: Metric) -> View:
    """Return that a histogram has the buckets of the table."""
    return View(instrument_name=PREFIX + metric.name, aggregation=ExplicitBucketHistogramAggregation(metric.buckets))


def exporting_tracer(environment: Mapping[str, str]) -> OtelTracer:
    """Return a tracer whose spans go to the endpoint of the environment."""
    return OtelTracer(BatchSpanProcessor(OTLPSpanExporter()), environment)


def exporting_meter(*, agencies: bool) -> OtelMeter:
    """Return a meter whose values go to the endpoint of the environment."""
    return OtelMeter(PeriodicExportingMetricReader(OTLPMetricExporter()), agencies=agencies)


def context_of(traceparent: str) -> SpanContext | None:
    """Return what a W3C traceparent says, None for anything malformed."""
    parts = traceparent.split("-")
    if [len(part) for part in parts] != [2, 32, 16, 2] or parts[0] != "00":
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:])
    except ValueError:
        return None
    found = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return found if found.is_valid else None


def _resource() -> Resource:
    """Return what sends: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before our name."""
    made = Resource.create()
    unnamed = str(made.attributes.get(SERVICE_NAME, "")).startswith("unknown_service")
    return made.merge(Resource({SERVICE_NAME: SERVICE})) if unnamed else made
