"""`social-gateway serve`.

Owns the command's options. Does not know how a gateway starts (`gateway/app.py`).
"""

from typing import Annotated

import typer


def serve(
    jobs: Annotated[
        bool, typer.Option("--jobs/--no-jobs", help="Also publish, poll and sweep; without, a `worker` must.")
    ] = True,
) -> None:
    """Answer calls: gRPC, the HTTP edge, and the jobs behind them.

    SIGTERM or Ctrl-C once drains: running calls finish first. Twice stops at once.

    On a laptop, with an embedded PostgreSQL:

        export GATEWAY_ENCRYPTION_KEYS=$(social-gateway keys new)

        export GATEWAY_BOOTSTRAP_API_KEY=$(openssl rand -hex 32)

        social-gateway serve
    """
    from gateway.cli.running import run_async, serve_until_signal

    run_async(serve_until_signal(calls=True, jobs=jobs))
