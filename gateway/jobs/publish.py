"""The publish tasks: run one step of a post, and poll the posts of a connection.

Owns only the calls; the domain decides when the next step is due.
"""

from collections.abc import Callable

from procrastinate import App

from gateway.domain import locations
from gateway.domain.context import Domain
from gateway.domain.publishing import batch_status, queue
from storage.places import work_in


def register(app: App, domain: Domain, stopping: Callable[[], bool]) -> None:
    """Register the tasks with the queue."""

    @app.task(name=queue.PUBLISH_TASK)
    async def publish(location: str, post: str) -> None:
        """Do nothing: a process of an earlier version asked for a step. The post is due when its lease is over."""

    @app.task(name=queue.POLL_TASK)
    async def poll(location: str, connection: str) -> None:
        work_in(await locations.tenant_of(domain.db, location))
        await batch_status.poll(domain, location, connection, stopping=stopping)
