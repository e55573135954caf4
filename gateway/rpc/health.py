"""gRPC's health checking protocol: each service's status, read once or watched.

Owns the statuses and the limit on watchers. Does not know what makes a service ready: `set_status` is called.

Why not the published servicer (grpcio-health-checking 1.85.1, read 2026-11-25): it sends while holding the lock that a
status change needs, so one watcher that does not read blocks the updates for all others.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

NAME = "grpc.health.v1.Health"
MAX_WATCHERS = 1024

Answer = health_pb2.HealthCheckResponse


class HealthService(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Serves the statuses; a service whose status was never set is unknown."""

    def __init__(self, *, max_watchers: int = MAX_WATCHERS) -> None:
        """Start without any service."""
        self._max_watchers = max_watchers
        self.watchers = 0
        self._serving: dict[str, bool] = {}
        # Set and replaced at every change: a watcher waits on the event that was current when it read the status.
        self._changed = asyncio.Event()

    def set_status(self, services: Iterable[str], *, serving: bool) -> None:
        """Set the status of `services`, without waiting for watchers."""
        self._serving |= dict.fromkeys(services, serving)
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(self, request: Any, context: Any) -> Any:
        """Return a service's status; NOT_FOUND for an unknown one."""
        if request.service not in self._serving:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service here.")
        return self._answer(request.service)

    async def List(self, request: Any, context: Any) -> Any:
        """Return the status of every service."""
        return health_pb2.HealthListResponse(statuses={name: self._answer(name) for name in self._serving})

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Yield a service's status, then the latest one after every change; intermediate ones may be skipped.

        Ends with UNIMPLEMENTED if there are too many watchers: clients then take the server for healthy, while any
        other error would let them send it no calls (gRPC's document "health-checking", 2026-11-30).
        """
        if self.watchers >= self._max_watchers:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Too many clients watch this server's health.")
        self.watchers += 1
        try:
            sent = None
            while True:
                changed, answer = self._changed, self._answer(request.service)
                if answer != sent:
                    yield answer
                    sent = answer
                await changed.wait()
        finally:
            self.watchers -= 1

    def _answer(self, service: str) -> Any:
        serving = self._serving.get(service)
        if serving is None:
            return Answer(status=Answer.SERVICE_UNKNOWN)
        return Answer(status=Answer.SERVING if serving else Answer.NOT_SERVING)
