"""`social-gateway serve`.

Owns the command's options. Does not know how a gateway starts (`gateway/app.py`).
"""

from typing import Annotated

import typer


def serve(
    jobs: Annotated[
        bool,
        typer.Option(
            "--jobs/--no-jobs", help="Also run background jobs; with --no-jobs, run `worker` processes instead."
        ),
    ] = True,
) -> None:
    """Serve gRPC and HTTP, and run the background jobs.

    The first SIGTERM or Ctrl-C drains: running calls finish first. The second stops at once.

    To try it on a laptop, with an embedded PostgreSQL:

        export GATEWAY_ENCRYPTION_KEYS=$(social-gateway keys new)

        export GATEWAY_BOOTSTRAP_API_KEY=$(openssl rand -hex 32)

        social-gateway serve
    """
    from gateway.cli.running import run_async, serve_until_signal

    run_async(serve_until_signal(calls=True, jobs=jobs))
