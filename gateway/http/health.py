"""Liveness and readiness probes: `/healthz` and `/readyz`.

Owns the two responses. `gateway/readiness.py` finds out the state.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.readiness import Report


async def alive(request: Request) -> Response:
    """Report that the event loop runs. Restart the process only if this fails."""
    return JSONResponse({"status": "alive"})


@dataclass(frozen=True, slots=True)
class Ready:
    """`/readyz`: 200 if every part works, else 503; the body lists the parts."""

    check: Callable[[], Awaitable[Report]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one probe."""
        report = await self.check()
        parts = {
            "database": report.database,
            "migrations": report.migrations,
            "listener": report.listener,
            "data_dir": report.data_dir,
            "uploads": report.uploads,
        }
        if report.jobs is not None:
            parts["jobs"] = report.jobs
        if report.processes is not None:
            parts["processes"] = report.processes
        if report.keys is not None:
            parts["keys"] = report.keys
        status = "draining" if report.draining else "ready" if report.ready else "not ready"
        answer = JSONResponse({"status": status, "parts": parts}, 200 if report.ready else 503)
        await answer(scope, receive, send)
