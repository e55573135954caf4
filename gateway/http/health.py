"""What probes ask: is the process alive, and can it do its work.

Owns the two answers. How the state is found out is `gateway/readiness.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.readiness import Report


async def alive(request: Request) -> Response:
    """Say that the event loop turns: restart the process when this fails, for nothing else."""
    return JSONResponse({"status": "alive"})


@dataclass(frozen=True, slots=True)
class Ready:
    """`/readyz`: 200 when everything is as it should be, else 503, with each part by name."""

    check: Callable[[], Awaitable[Report]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one probe."""
        report = await self.check()
        parts = {"database": report.database, "migrations": report.migrations, "listener": report.listener}
        if report.jobs is not None:
            parts["jobs"] = report.jobs
        status = "draining" if report.draining else "ready" if report.ready else "not ready"
        answer = JSONResponse({"status": status, "parts": parts}, 200 if report.ready else 503)
        await answer(scope, receive, send)
