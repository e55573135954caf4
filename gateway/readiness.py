"""Readiness: whether this process can do its work now (database, schema, notifications, data folder, uploads, jobs).

Owns the checks and how often they run. Does not know who asks (gRPC health, /readyz).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gateway import key_watch, log
from gateway.bootstrap import Resources
from gateway.data_folder import FolderWatch
from gateway.siblings import Siblings
from gateway.upload_store import StoreWatch
from storage import schema
from storage.database import DatabaseUnavailable
from storage.embedded import EmbeddedUnavailable
from storage.listener import Listener
from storage.places import upkeep

_log = log.get("gateway.readiness")

CHECK_SECONDS = 3.0
FRESH_SECONDS = 0.5
REVIVE_EVERY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Report:
    """The result of the checks; `jobs` is None in a process that runs no jobs, `processes` in one that is alone, `keys`
    in one whose encryption keys are all its own.
    """

    database: bool = False
    migrations: bool = False
    listener: bool = False
    data_dir: bool = True
    uploads: bool = True
    jobs: bool | None = None
    processes: bool | None = None
    keys: bool | None = None
    draining: bool = False

    @property
    def serving(self) -> bool:
        """Whether calls can be served: without notifications caches are bypassed, which is slower, without a data
        folder tokens go to the database alone, and without the store of uploads everything else is served.
        """
        return self.database and self.migrations and not self.draining

    @property
    def ready(self) -> bool:
        """Whether every part works, but for the services of encryption keys: all processes lose them at once, and serve
        everything whose data key they have.
        """
        parts = self.listener and self.data_dir and self.uploads and self.jobs is not False
        return self.serving and parts and self.processes is not False


@dataclass(slots=True)
class Readiness:
    """Runs the checks one at a time and caches a good report briefly, so that it may be called at any rate."""

    resources: Resources
    listener: Listener | None = None
    uploads: StoreWatch | None = None
    jobs_healthy: Callable[[], bool] | None = None
    siblings: Siblings | None = None
    monotonic: Callable[[], float] = time.monotonic
    draining: bool = False
    _folder: FolderWatch = field(init=False)
    _last: Report = field(default_factory=Report)
    _checked: float = float("-inf")
    _revived: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Watch the folder for token pairs."""
        self._folder = FolderWatch(self.resources.settings.spill_dir, self.monotonic)

    async def check(self) -> Report:
        """Return a report at most half a second old; a bad report is never cached. Raises nothing."""
        async with self._lock:
            # A bad report is not cached: whoever waits for the gateway learns at once that it is ready.
            if self.draining or not self._last.ready or self.monotonic() - self._checked >= FRESH_SECONDS:
                self._last = self._with_siblings(await self._report())
                self._checked = self.monotonic()
            return self._last

    async def drain(self, _: object = None) -> None:
        """Report from now on that the process is leaving."""
        self.draining = True

    async def serving(self) -> bool:
        """Return whether calls can be served; restart an embedded database that has died."""
        report = await self.check()
        if not report.database:
            await self._revive()
        return report.serving

    async def _report(self) -> Report:
        jobs = None if self.jobs_healthy is None else self.jobs_healthy()
        database, migrations = await self._check_database()
        listening = self.listener is not None and self.listener.healthy
        return Report(
            database=database,
            migrations=migrations,
            listener=listening,
            data_dir=await self._folder.writable(),
            uploads=self.uploads is not None and self.uploads.works(),
            jobs=jobs,
            keys=not key_watch.away(self.resources.ring) if self.resources.ring.services else None,
            draining=self.draining,
        )

    def _with_siblings(self, own: Report) -> Report:
        """Report this process to the supervisor, and return the report with the state of all processes."""
        if self.siblings is None:
            return own
        self.siblings.say_ready(own.ready)
        return replace(own, processes=own.ready and self.siblings.all_ready)

    async def _check_database(self) -> tuple[bool, bool]:
        try:
            # With the connection that is kept for it: a process whose calls wait for their turn is well.
            with upkeep():
                async with asyncio.timeout(CHECK_SECONDS):
                    return True, await schema.is_current(self.resources.db)
        except Exception as error:
            _log.warning("the database does not answer", error=type(error).__name__)
            return False, False

    async def _revive(self) -> None:
        """Restart an embedded PostgreSQL that was killed."""
        if self.resources.server is None or self.monotonic() - self._revived < REVIVE_EVERY_SECONDS:
            return
        self._revived = self.monotonic()
        try:
            await self.resources.server.revive()
        except (EmbeddedUnavailable, DatabaseUnavailable, OSError) as error:
            _log.error("the embedded database could not be started again", error=str(error))
