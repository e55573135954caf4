"""The publish task: one step of one post.

Owns nothing but the call; the rules say when to come back.
"""

from collections.abc import Callable

from procrastinate import App

from gateway.domain import posts, publishing
from gateway.domain.context import Domain


def register(app: App, domain: Domain, stopping: Callable[[], bool]) -> None:
    """Make the task known to the queue."""

    @app.task(name=posts.PUBLISH_TASK)
    async def publish(location: str, post: str) -> None:
        await publishing.step(domain, location, post, stopping=stopping)
