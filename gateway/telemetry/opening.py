"""Which telemetry a process has: what the settings and OpenTelemetry's variables ask for, and nothing else.

Owns that decision, and the imports that follow from it. Does not know what is measured.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.settings import Settings, SettingsError
from gateway.telemetry.recorder import OFF, Meter, Telemetry

if TYPE_CHECKING:
    from gateway.telemetry.prometheus import PrometheusMeter

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_{signal}_PROTOCOL")
HTTP = "http/protobuf"


@dataclass(frozen=True, slots=True)
class Opened:
    """The telemetry of a process; `prometheus` is what `/metrics` shows, None if nobody asked for it."""

    telemetry: Telemetry = OFF
    prometheus: "PrometheusMeter | None" = None
    exporters: tuple[Any, ...] = ()

    async def close(self) -> None:
        """Send what waits, in threads: a collector that is away takes its time."""
        await asyncio.gather(*(asyncio.to_thread(each.close) for each in self.exporters))


def is_sent(signal: str, environment: Mapping[str, str]) -> bool:
    """Return whether the environment says where TRACES or METRICS go; raises SettingsError for a protocol that this
    gateway does not speak.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get(f"OTEL_{signal}_EXPORTER", "otlp") != "otlp":
        return False
    if not (environment.get(ENDPOINT) or environment.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")):
        return False
    for name in (each.format(signal=signal) for each in PROTOCOLS):
        if environment.get(name, HTTP) != HTTP:
            raise SettingsError(f"{name} must be {HTTP} or unset: this gateway sends OTLP over HTTP")
    return True


def open_telemetry(settings: Settings, environment: Mapping[str, str]) -> Opened:
    """Return what was asked for; raises SettingsError."""
    agencies = settings.metrics_agency_label
    meters: list[Meter] = []
    exporters: list[Any] = []
    prometheus = tracer = None
    if settings.metrics_address:
        from gateway.telemetry.prometheus import PrometheusMeter

        prometheus = PrometheusMeter(agencies=agencies)
        meters.append(prometheus)
    if is_sent("METRICS", environment):
        from gateway.telemetry import otel

        meter = otel.exporting_meter(agencies=agencies)
        meters.append(meter)
        exporters.append(meter)
    if is_sent("TRACES", environment):
        from gateway.telemetry import otel

        tracer = otel.exporting_tracer(environment)
        exporters.append(tracer)
    if not meters and tracer is None:
        return Opened()
    return Opened(Telemetry(tuple(meters), tracer, agencies), prometheus, tuple(exporters))
