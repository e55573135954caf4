"""The webhook task: what follows from one delivery.

Owns nothing but the call; the rules say when to come back.
"""

from procrastinate import App

from gateway.domain import webhooks
from gateway.domain.context import Domain


def register(app: App, domain: Domain) -> None:
    """Make the task known to the queue."""

    @app.task(name=webhooks.TASK)
    async def webhook(id: str) -> None:
        await webhooks.apply(domain, id)
