"""What is measured by asking the database now and then: how late, how far behind, how many.

Owns when it is asked, also while nobody looks. The questions are `storage/standing.py`.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

import structlog

from gateway.telemetry import metrics
from gateway.telemetry.metrics import Metric
from gateway.telemetry.recorder import Telemetry
from storage import standing
from storage.database import Database, DatabaseUnavailable
from storage.places import upkeep

log = structlog.get_logger(__name__)

EVERY_SECONDS = 15.0


@dataclass(slots=True)
class Gauges:
    """Asks from `start` until `close`."""

    db: Database
    telemetry: Telemetry
    _task: asyncio.Task[None] | None = None
    _seen: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)

    def start(self) -> None:
        """Ask at once, and then every few seconds."""
        self._task = asyncio.create_task(self._run(), name="gauges")

    async def _run(self) -> None:
        while True:
            try:
                await self.refresh()
            except DatabaseUnavailable as error:
                log.warning("gauges.not_read", error=str(error))
            await asyncio.sleep(EVERY_SECONDS)

    async def refresh(self) -> None:
        """Read everything once; raises DatabaseUnavailable."""
        with upkeep():
            async with self.db.read() as tx:
                now = await standing.read(tx)
        self._set(metrics.DUE_AGE, {(): now.due_age})
        self._set(metrics.EVENTS_BEHIND, {(): now.events_behind})
        self._set(metrics.AUDIT_UNSEALED, {(): now.audit_unsealed})
        self._set(metrics.ENDPOINTS, now.endpoints)
        self._set(metrics.CONNECTIONS, now.connections)

    def _set(self, metric: Metric, values: dict[tuple[str, ...], float]) -> None:
        """Set a gauge for all its labels, also for those of which there are none any more."""
        seen = self._seen.setdefault(metric.name, set())
        seen |= values.keys()
        for labels in seen:
            self.telemetry.record(metric, *labels, amount=values.get(labels, 0))

    async def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
