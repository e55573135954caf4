"""The publish tasks: one step of one post, and one question for the posts of a connection.

Owns nothing but the calls; the rules say when to come back.
"""

from collections.abc import Callable

from procrastinate import App

from gateway.domain import polling, posts, publishing
from gateway.domain.context import Domain


def register(app: App, domain: Domain, stopping: Callable[[], bool]) -> None:
    """Make the tasks known to the queue."""

    @app.task(name=posts.PUBLISH_TASK)
    async def publish(location: str, post: str) -> None:
        await publishing.step(domain, location, post, stopping=stopping)

    @app.task(name=posts.POLL_TASK)
    async def poll(location: str, connection: str) -> None:
        await polling.ask(domain, location, connection, stopping=stopping)
