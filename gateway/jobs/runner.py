"""This process's workers: the steps of posts, two queues, the sweeper's loops, and how they start and stop.

Owns the asyncio tasks. A loop that fails is logged and continues, so a database outage stops the jobs no longer than it
lasts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from procrastinate import App

from gateway.domain.admin import jobs as admin
from gateway.domain.ads import audience_sending, report_tasks
from gateway.domain.ads import sweep as ads
from gateway.domain.connections import verify
from gateway.domain.context import Domain
from gateway.domain.endpoints.deliver import Render
from gateway.domain.publishing import queue as publish_queue
from gateway.domain.webhooks import deliveries, subscriptions
from gateway.jobs import publish, sweep
from gateway.jobs import webhooks as webhook_task
from gateway.jobs.clock_watch import ClockWatch
from gateway.jobs.deliveries import Deliveries
from gateway.jobs.steps import Steps
from gateway.jobs.webhooks import Webhooks
from gateway.telemetry.recorder import NOTHING
from storage.fair import SHARE
from storage.jobs import queue
from storage.places import Kind, work_for

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """Concurrency in jobs per queue, and in steps of posts per lane; everything else in seconds: timeouts, and pauses
    between a loop's rounds.
    """

    concurrency: int = 8
    heartbeat: float = 3.0
    stale: float = 10.0
    sweep: float = 1.0
    connections: float = 5.0
    old: float = 600.0
    seldom: float = 6 * 3600.0
    grace: float = 20.0
    share: float = SHARE
    """Which part of the places that others leave an agency may have."""
    queue_url: str = ""
    """Where the queue is, if not at the database's own address: a pooler in transaction mode has no LISTEN."""

    @property
    def stalled(self) -> float:
        """The pause between checks for dead workers: a fraction of `stale`, at most 2 s."""
        return min(2.0, self.stale / 5)


class Jobs:
    """Runs due jobs in this process until it is stopped."""

    def __init__(self, domain: Domain, config: JobsConfig = JobsConfig(), render: Render | None = None) -> None:
        """Prepare the jobs; nothing runs before `start`. `render` writes the events that are delivered to webhook
        endpoints; without it none are.
        """
        self._domain = domain
        self._config = config
        self._deliveries = (
            None if render is None else Deliveries(domain, render, lambda: self._stopping, share=config.share)
        )
        self._app: App | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._swept = 0.0
        self._clock = ClockWatch(domain.clock)
        self._steps = Steps(domain, config.concurrency, stopping=lambda: self._stopping, share=config.share)
        self._webhooks = Webhooks(domain, config.concurrency, stopping=lambda: self._stopping, share=config.share)

    @property
    def healthy(self) -> bool:
        """Whether the sweeper has run recently."""
        return bool(self._tasks) and time.monotonic() - self._swept < 10 * self._config.sweep + 10

    async def start(self) -> None:
        """Open the queue and start the loops; the jobs of dead processes are looked for at once."""
        self._stopping = False
        self._app = queue(self._config.queue_url or self._domain.db.url)
        await self._app.open_async()
        publish.register(self._app, self._domain, lambda: self._stopping)
        webhook_task.register(self._app, self._domain)
        self._steps.start()
        self._webhooks.start()
        config = self._config
        self._tasks = [
            self._loop(
                "earlier", 1.0, lambda: self._work(publish_queue.POLLS, publish_queue.HAND_OVERS, deliveries.QUEUE)
            ),
            self._loop("due", 0.0, lambda: self._when(self._steps.woken, self._steps.take_due)),
            self._loop("webhooks", 0.0, lambda: self._when(self._webhooks.woken, self._webhooks.take_due)),
            self._loop("leases", config.heartbeat, self._steps.renew),
            self._loop("sweep", config.sweep, self._sweep),
            self._loop("refreshes", config.connections, self._domain.tokens.renew_due),
            self._loop("verifications", config.connections, lambda: verify.sweep(self._domain)),
            self._loop("engagement", config.connections, lambda: sweep.engagement_syncs(self._domain)),
            self._loop("subscriptions", config.old, lambda: subscriptions.keep(self._domain)),
            self._loop("ads", config.connections, lambda: ads.run_due(self._domain)),
            self._loop("audiences", config.connections, lambda: audience_sending.run_due(self._domain)),
            self._loop("admin", config.connections, lambda: admin.run_due(self._domain)),
            self._loop("ad reports", config.connections, lambda: report_tasks.run_due(self._domain)),
            self._loop("stalled", config.stalled, self._stalled),
            self._loop("audit", config.connections, lambda: sweep.audit(self._domain)),
            self._loop("old", config.old, lambda: sweep.old(self._domain)),
            self._loop("orphans", config.seldom, lambda: sweep.orphans(self._domain)),
            self._loop("addresses", config.seldom, lambda: sweep.clear_addresses(self._domain)),
            self._loop("counts", config.seldom, lambda: sweep.counts(self._domain)),
        ]
        if self._deliveries is not None:
            self._tasks.append(self._loop("deliveries", 1.0, self._deliveries.run))

    async def stop(self, grace_seconds: float = 30.0) -> None:
        """Accept no more jobs, let the running ones reach a safe point, and close the queue.

        A job that exceeds the grace period is cancelled; its post stays due and continues elsewhere or later.
        """
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(
            self._steps.stop(grace_seconds), self._webhooks.stop(grace_seconds), self._stop_loops(grace_seconds)
        )
        if self._app is not None:
            await self._app.close_async()
            self._app = None

    async def _stop_loops(self, grace_seconds: float) -> None:
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def _loop(self, name: str, pause: float, body: Callable[[], Awaitable[object]]) -> asyncio.Task[None]:
        async def run() -> None:
            work_for(Kind.JOBS)
            while not self._stopping:
                try:
                    # What begins without a pause waits for work itself.
                    with self._domain.telemetry.job(name) if pause else NOTHING:
                        await body()
                except Exception as error:  # the loop must survive any error of its body
                    log.error("jobs.loop_failed", loop=name, error=type(error).__name__)
                if not self._stopping:
                    await asyncio.sleep(pause)

        return asyncio.create_task(run(), name=f"jobs {name}")

    async def _work(self, *names: str) -> None:
        app = self._app
        if app is None:
            return
        await app.run_worker_async(
            queues=list(names),
            name=names[0],
            concurrency=self._config.concurrency,
            install_signal_handlers=False,
            delete_jobs="always",
            update_heartbeat_interval=self._config.heartbeat,
            stalled_worker_timeout=self._config.stale,
            fetch_job_polling_interval=self._config.sweep,
            # Nobody asks for a job to be aborted.
            abort_job_polling_interval=self._config.seldom,
            shutdown_graceful_timeout=self._config.grace,
        )

    async def _sweep(self) -> None:
        if self._clock.was_set_back():
            await sweep.recover_from_clock_step(self._domain, observed=self._clock.has_looked)
        # Only after that: a step is not forgotten because the database did not answer.
        self._clock.look()
        await sweep.due(self._domain, self._steps.take_due, self._webhooks.woken.set, self._endpoints_due)
        self._swept = time.monotonic()

    def _endpoints_due(self) -> None:
        if self._deliveries is not None:
            self._deliveries.look()

    async def _when(self, woken: asyncio.Event, take_due: Callable[[], Awaitable[None]]) -> None:
        """Take up what is due as soon as it is known that something is."""
        await woken.wait()
        woken.clear()
        await take_due()

    async def _stalled(self) -> None:
        if self._app is not None:
            await sweep.stalled(self._app, self._domain, self._config.stale)
