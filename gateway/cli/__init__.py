"""The commands of `social-gateway`.

Owns which commands there are, and how a command that cannot go on says so: in one sentence, with what to do, never
with a traceback. Each command lives in a file of its own name and imports what it needs when it runs.
"""

import os
import sys

import typer

from gateway.cli import api_keys, demo, doctor, keys, migrate, serve, simulate, worker
from gateway.command_error import sentences

app = typer.Typer(
    name="social-gateway",
    help="One gRPC service through which an agency's own services reach social networks.",
    epilog="Settings are environment variables called GATEWAY_…: docs/settings.md lists them, "
    "`social-gateway doctor` says what is wrong with yours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.add_typer(keys.app, name="keys")
app.add_typer(api_keys.app, name="api-keys")
app.add_typer(simulate.app, name="simulate")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line and end the process with its code: 0, 1 for a command that failed, 2 for a wrong one."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except Exception as error:
        for sentence in sentences(error):
            typer.echo(f"social-gateway: {sentence}", err=True)
        sys.exit(1)
