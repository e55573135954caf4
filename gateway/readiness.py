"""Whether this process can do its work now: database, schema, notifications, jobs.

Owns the questions and how often they are asked. Does not know who wants to know (health over gRPC, /readyz).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway import log
from gateway.bootstrap import Resources
from storage import migrate
from storage.database import DatabaseUnavailable
from storage.embedded import EmbeddedUnavailable
from storage.listener import Listener

_log = log.get("gateway.readiness")

LOOK_SECONDS = 3.0
FRESH_SECONDS = 0.5
REVIVE_EVERY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `jobs` is None in a process that runs none."""

    database: bool = False
    migrations: bool = False
    listener: bool = False
    jobs: bool | None = None
    draining: bool = False

    @property
    def serving(self) -> bool:
        """Return whether calls can be served: while notifications are lost the caches are passed by, which is
        slower.
        """
        return self.database and self.migrations and not self.draining

    @property
    def ready(self) -> bool:
        """Return whether everything is as it should be."""
        return self.serving and self.listener and self.jobs is not False


@dataclass(slots=True)
class Readiness:
    """Asks, one look at a time, and keeps the last report for a moment: anybody may ask, as often as they like."""

    resources: Resources
    listener: Listener | None = None
    jobs_healthy: Callable[[], bool] | None = None
    monotonic: Callable[[], float] = time.monotonic
    draining: bool = False
    _last: Report = field(default_factory=Report)
    _looked: float = float("-inf")
    _revived: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> Report:
        """Return a report that is at most half a second old, and newer than any bad one; raises nothing."""
        async with self._lock:
            # Bad news is never kept: whoever waits for the gateway hears at once that it is ready.
            if self.draining or not self._last.ready or self.monotonic() - self._looked >= FRESH_SECONDS:
                self._last = await self._report()
                self._looked = self.monotonic()
            return self._last

    async def serving(self) -> bool:
        """Return whether calls can be served, and bring a private database back that has died."""
        report = await self.look()
        if not report.database:
            await self._revive()
        return report.serving

    async def _report(self) -> Report:
        jobs = None if self.jobs_healthy is None else self.jobs_healthy()
        database, migrations = await self._ask_database()
        heard = self.listener is not None and self.listener.healthy
        return Report(database, migrations, heard, jobs, self.draining)

    async def _ask_database(self) -> tuple[bool, bool]:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return True, await migrate.is_current(self.resources.db)
        except Exception as error:
            _log.warning("the database does not answer", error=type(error).__name__)
            return False, False

    async def _revive(self) -> None:
        """Start a private PostgreSQL again that was killed under us."""
        if self.resources.server is None or self.monotonic() - self._revived < REVIVE_EVERY_SECONDS:
            return
        self._revived = self.monotonic()
        try:
            await self.resources.server.revive()
        except (EmbeddedUnavailable, DatabaseUnavailable, OSError) as error:
            _log.error("the embedded database could not be started again", error=str(error))
