"""Whether the client of a request has gone, without reading its body, as asking `receive` would.

Owns where the connection says so. Known only on the gateway's own server.
"""

import asyncio
from typing import Any

from starlette.types import Scope

_KEY = "socialgateway.gone"


def with_event(scope: Scope, gone: asyncio.Event) -> Scope:
    """Return a request's scope that knows the event which is set once its connection is lost."""
    return {**scope, "extensions": {**scope.get("extensions", {}), _KEY: gone}}


async def cancel_with(scope: Scope, call: "asyncio.Future[Any]") -> None:
    """Await a call, and cancel it when its client goes; raises what the call raises, and CancelledError for that."""
    gone: asyncio.Event | None = scope.get("extensions", {}).get(_KEY)
    if gone is None:
        await call
        return
    leaving = asyncio.ensure_future(gone.wait())
    leaving.add_done_callback(lambda done: None if done.cancelled() else call.cancel())
    try:
        await call
    finally:
        leaving.cancel()


def has_gone(scope: Scope) -> bool:
    """Return whether the client has gone."""
    gone: asyncio.Event | None = scope.get("extensions", {}).get(_KEY)
    return gone is not None and gone.is_set()
