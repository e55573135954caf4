"""The webhook task: apply one delivery.

Owns only the call; the domain decides when to retry.
"""

from procrastinate import App

from gateway.domain.context import Domain
from gateway.domain.webhooks import deliveries


def register(app: App, domain: Domain) -> None:
    """Register the task with the queue."""

    @app.task(name=deliveries.TASK)
    async def webhook(id: str) -> None:
        await deliveries.apply(domain, id)
