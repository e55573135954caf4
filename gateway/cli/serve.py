"""`social-gateway serve`.

Owns the command's options. Does not know how a gateway starts (`gateway/app.py`).
"""

from typing import Annotated

import typer

MOST_PROCESSES = 64


def serve(
    jobs: Annotated[
        bool,
        typer.Option(
            "--jobs/--no-jobs", help="Also run background jobs; with --no-jobs, run `worker` processes instead."
        ),
    ] = True,
    processes: Annotated[
        int, typer.Option(help="Processes that share the two ports; one uses one core.", min=1, max=MOST_PROCESSES)
    ] = 1,
    sibling: Annotated[str, typer.Option(hidden=True, help="What a process among several is given.")] = "",
) -> None:
    """Serve gRPC and HTTP, and run the background jobs.

    The first SIGTERM or Ctrl-C drains: running calls finish first. The second stops at once.

    To try it on a laptop, with an embedded PostgreSQL:

        export GATEWAY_ENCRYPTION_KEYS=$(social-gateway keys new)

        export GATEWAY_BOOTSTRAP_API_KEY=$(openssl rand -hex 32)

        social-gateway serve
    """
    from gateway.cli.running import run_async, serve_until_signal

    if sibling:
        from gateway.siblings import Siblings

        run_async(serve_until_signal(calls=True, jobs=jobs, siblings=Siblings.from_argument(sibling)))
    elif processes > 1:
        from gateway.cli.serve_processes import serve_processes

        raise typer.Exit(run_async(serve_processes(processes, jobs=jobs)))
    else:
        run_async(serve_until_signal(calls=True, jobs=jobs))
