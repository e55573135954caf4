"""Metrics as Prometheus scrapes them: a registry of this process's own, and its text.

Owns the use of prometheus_client, which is imported with this module only. Does not know the names (`metrics.py`).
"""

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from gateway.telemetry.metrics import AGENCY, METRICS, PREFIX, Kind, Metric

CONTENT_TYPE = CONTENT_TYPE_LATEST


class PrometheusMeter:
    """Keeps the values of all metrics of this process."""

    def __init__(self, metrics: Iterable[Metric] = METRICS, *, agencies: bool = False) -> None:
        """Register the metrics; with `agencies` those that can have the label have it."""
        self._registry = CollectorRegistry()
        self._made = {metric.name: self._make(metric, agencies) for metric in metrics}
        # A look-up by the values of labels takes as long as everything else together.
        self._children: dict[tuple[str, tuple[str, ...]], Any] = {}

    def _make(self, metric: Metric, agencies: bool) -> Any:
        labels = (*metric.labels, AGENCY) if agencies and metric.by_agency else metric.labels
        name, text = f"{PREFIX}{metric.name}", metric.meaning
        if metric.kind is Kind.HISTOGRAM:
            return Histogram(name, text, labels, registry=self._registry, buckets=metric.buckets)
        return (Counter if metric.kind is Kind.COUNTER else Gauge)(name, text, labels, registry=self._registry)

    def record(self, metric: Metric, values: tuple[str, ...], amount: float) -> None:
        """Add to a counter, set a gauge, or observe a value of a histogram."""
        child = self._children.get((metric.name, values))
        if child is None:
            made = self._made[metric.name]
            child = self._children[metric.name, values] = made.labels(*values) if values else made
        if metric.kind is Kind.HISTOGRAM:
            child.observe(amount)
        elif metric.kind is Kind.COUNTER:
            child.inc(amount)
        else:
            child.set(amount)

    def text(self) -> bytes:
        """Return what is scraped."""
        return generate_latest(self._registry)
