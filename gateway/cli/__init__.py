"""The commands of `social-gateway`.

Owns the list of commands, and how a failed command reports its error: one sentence with what to do, never a traceback.
Each command lives in the file of its name and imports its dependencies when it runs.
"""

import os
import sys

import typer

from gateway.cli import (
    agencies,
    api_keys,
    audiences,
    audit,
    demo,
    doctor,
    keys,
    locations,
    migrate,
    restored,
    serve,
    simulate,
    uploads,
    worker,
)
from gateway.command_error import sentences

app = typer.Typer(
    name="social-gateway",
    help="Publish to social networks through one gRPC service.\n\n"
    "Start with `social-gateway demo`, which needs no account and no settings.",
    epilog="Settings are environment variables named GATEWAY_…; docs/settings.md lists them, and "
    "`social-gateway doctor` checks yours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.command("restored")(restored.restored)
app.add_typer(keys.app, name="keys")
app.add_typer(agencies.app, name="agencies")
app.add_typer(api_keys.app, name="api-keys")
app.add_typer(locations.app, name="locations")
app.add_typer(uploads.app, name="uploads")
app.add_typer(audiences.app, name="audiences")
app.add_typer(audit.app, name="audit")
app.add_typer(simulate.app, name="simulate")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line and exit: with 0, 1 if the command failed, 2 if it was used incorrectly."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone; what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except Exception as error:
        for sentence in sentences(error):
            typer.echo(f"social-gateway: {sentence}", err=True)
        sys.exit(1)
