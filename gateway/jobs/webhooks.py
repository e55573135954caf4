"""Webhooks from vendors: those that are due are applied in this process, as far as it is their agency's turn.

Owns the tasks and their places. What a delivery changes, and when it is tried again, is the domain's.
"""

import asyncio
from collections.abc import Callable

import structlog
from procrastinate import App

from gateway.domain.context import Domain
from gateway.domain.webhooks import deliveries
from storage import webhooks
from storage.database import DatabaseUnavailable
from storage.fair import SHARE, FairPlaces, Tenant
from storage.places import work_in

log = structlog.get_logger(__name__)


class Webhooks:
    """Applies deliveries, at most `concurrency` at once; one agency has at most `share` of the places that others
    leave.
    """

    def __init__(self, domain: Domain, concurrency: int, *, stopping: Callable[[], bool], share: float = SHARE) -> None:
        """Nothing is applied before `start`."""
        self._domain = domain
        self._stopping = stopping
        self.places = FairPlaces(concurrency, share=share)
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = False
        self.woken = asyncio.Event()
        """Set when deliveries may be due."""
        self._unheard: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Hear of deliveries from now on."""
        self._unheard = self._domain.listener.subscribe(webhooks.TOPIC, lambda _: self.woken.set())

    async def take_due(self) -> None:
        """Begin to apply the deliveries that are due, as far as it is their turn."""
        # It is known only afterwards what is due: whoever ends meanwhile has to look again.
        self._left = True
        taken, self._left = await deliveries.take_due(self._domain, self.places)
        for tenant, id in taken:
            task = asyncio.create_task(self._apply(tenant, id), name=f"webhook {id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _apply(self, tenant: Tenant, id: str) -> None:
        work_in(tenant)
        try:
            await deliveries.apply(self._domain, id)
        except DatabaseUnavailable as error:
            # The delivery is due again when its lease is over.
            log.warning("webhooks.not_applied", id=id, error=str(error))
        finally:
            self.places.leave(tenant)
            if self._left and not self._stopping():
                self.woken.set()

    async def stop(self, grace_seconds: float) -> None:
        """Let those that are being applied end; one that takes longer is cancelled, and is due again later."""
        self._unheard()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def register(app: App, domain: Domain) -> None:
    """Register the task with the queue, in which processes of earlier versions put deliveries."""

    @app.task(name=deliveries.TASK)
    async def webhook(id: str) -> None:
        await deliveries.apply(domain, id)
