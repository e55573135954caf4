"""What the rest of the code calls to be measured: counters, durations, spans. Without receivers nothing is done.

Owns how measurements reach the receivers, and the bounds of labels. Knows no library (`prometheus.py`, `otel.py`).
"""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.telemetry import metrics
from gateway.telemetry.metrics import Metric
from providers.errors import ProviderError

TRACEPARENT = "traceparent"
"""The header of the W3C in which a caller names its span."""

MAX_CODES = 64
OTHER = "other"
OK, FAILED = "ok", "failed"
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
NOTHING: AbstractContextManager[Any] = nullcontext()


class Meter(Protocol):
    """Receives measurements."""

    def record(self, metric: Metric, values: tuple[str, ...], amount: float) -> None:
        """Add to a counter, set a gauge, or observe a value of a histogram."""


class Tracer(Protocol):
    """Makes spans."""

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
        """Return a span for the length of a block; `parent` and `link` are W3C traceparents, "" for none. Only a `root`
        may begin a trace by itself.

        An exception leaves no text in it. The block gets what `set_attribute` can be called on, or None.
        """

    def current(self) -> str:
        """Return the traceparent of the current span, "" if it is not recorded."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The receivers: none, unless somebody asks for them. `agencies` is whether metrics tell agencies apart."""

    meters: tuple[Meter, ...] = ()
    tracer: Tracer | None = None
    agencies: bool = False
    _codes: dict[str, set[str]] = field(default_factory=dict)

    @property
    def on(self) -> bool:
        """Whether anything is received."""
        return bool(self.meters) or self.tracer is not None

    def record(self, metric: Metric, *values: str, amount: float = 1, agency: str = "") -> None:
        """Record a measurement with the values of its labels."""
        if self.agencies and metric.by_agency:
            values = (*values, agency)
        for meter in self.meters:
            meter.record(metric, values, amount)

    def span(self, name: str, **options: Any) -> AbstractContextManager[Any]:
        """Return a span of the tracer, which gives the block None if there is no tracer."""
        return NOTHING if self.tracer is None else self.tracer.span(name, **options)

    def traceparent(self) -> str:
        """Return the traceparent of the current span, "" if it is not recorded."""
        return "" if self.tracer is None else self.tracer.current()

    def database(self, kind: str) -> AbstractContextManager[Any]:
        """Measure a transaction or a read; for `Database.observer`."""
        return self._timed(metrics.DATABASE, (kind,), f"database {kind}")

    def job(self, name: str, *, link: str = "") -> AbstractContextManager[Any]:
        """Measure a round of background work."""
        return self._timed(metrics.JOBS, (name,), f"job {name}", link=link, outcome=True) if self.on else NOTHING

    @contextmanager
    def _timed(
        self, metric: Metric, values: tuple[str, ...], name: str, *, link: str = "", outcome: bool = False
    ) -> Iterator[Any]:
        began, ended = time.perf_counter(), FAILED
        with self.span(name, root=outcome, link=link) as span:
            try:
                yield span
                ended = OK
            finally:
                labels = (*values, ended) if outcome else values
                self.record(metric, *labels, amount=time.perf_counter() - began)

    def vendor_call(self, provider: str, call: str) -> AbstractContextManager[Any]:
        """Measure one call to a vendor, and count a refusal by its code."""
        return self._vendor_call(provider, call) if self.on else NOTHING

    @contextmanager
    def _vendor_call(self, provider: str, call: str) -> Iterator[None]:
        began, ended = time.perf_counter(), OK
        with self.span(f"{provider} {call}", provider=provider) as span:
            try:
                yield
            except ProviderError as error:
                ended = type(error).__name__
                self._refused(provider, error)
                raise
            except BaseException as error:
                ended = type(error).__name__
                raise
            finally:
                self.record(metrics.VENDOR_CALLS, provider, call, ended, amount=time.perf_counter() - began)
                if span is not None:
                    span.set_attribute("outcome", ended)

    def _refused(self, provider: str, error: ProviderError) -> None:
        """Count a refusal; whatever a vendor calls its codes, there are only so many labels."""
        known, code = self._codes.setdefault(provider, set()), error.code
        if not _CODE.fullmatch(code) or (code not in known and len(known) >= MAX_CODES):
            code = OTHER
        known.add(code)
        self.record(metrics.VENDOR_REFUSALS, provider, code)


OFF = Telemetry()
"""Nothing is received, and nothing is imported for it."""
