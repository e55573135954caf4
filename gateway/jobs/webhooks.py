"""The webhook task: what follows from one delivery.

Owns nothing but the call; the rules say when to come back.
"""

from procrastinate import App

from gateway.domain.context import Domain
from gateway.domain.webhooks import deliveries


def register(app: App, domain: Domain) -> None:
    """Make the task known to the queue."""

    @app.task(name=deliveries.TASK)
    async def webhook(id: str) -> None:
        await deliveries.apply(domain, id)
