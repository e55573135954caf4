"""`social-gateway keys`: the encryption keys that seal secrets.

Owns the commands. The ring and the wrapping are `storage/keys.py`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.bootstrap import Resources
    from storage.keys import KeyRing

app = typer.Typer(
    no_args_is_help=True,
    help="Encryption keys: make one, see which are needed, move to a new one.\n\n"
    "To rotate: put a new entry FIRST in GATEWAY_ENCRYPTION_KEYS on every process and restart them, "
    "run `keys rotate`, then take out what `keys list` says nothing needs.",
)


@app.command("new")
def new(
    key_id: Annotated[str, typer.Option("--id", help="The entry's id; a random one by default.")] = "",
) -> None:
    """Print a new entry for GATEWAY_ENCRYPTION_KEYS. It is kept nowhere: lose it, and what it sealed is lost.

    export GATEWAY_ENCRYPTION_KEYS=$(social-gateway keys new)
    """
    import os

    from gateway.settings import new_encryption_key
    from storage.keys import KeyRing

    entry = new_encryption_key(os.urandom(32), key_id=key_id or f"k{os.urandom(3).hex()}")
    KeyRing.parse(entry)
    typer.echo(entry)


@app.command("list")
def list_keys() -> None:
    """Say which keys there are, and how much each has sealed."""
    from gateway.cli.running import in_loop

    for line in in_loop(_list()):
        typer.echo(line)


@app.command("rotate")
def rotate() -> None:
    """Wrap everything with the first key of GATEWAY_ENCRYPTION_KEYS, while serving; can be stopped and run again."""
    from gateway.cli.running import in_loop

    typer.echo(in_loop(_rotate()))


async def _list() -> list[str]:
    from gateway import settings
    from gateway.bootstrap import open_resources
    from storage import keys

    async with open_resources(settings.load()) as resources:
        await require_schema(resources)
        counts = await keys.count_by_key(resources.db)
    lines = [f"{'id':<24} {'data keys':>9}  state"]
    for key_id in sorted({*counts, *resources.ring.keys}, key=lambda each: (each != resources.ring.active, each)):
        lines.append(
            f"{key_id:<24} {counts.get(key_id, 0):>9}  {_state(resources.ring, key_id, counts.get(key_id, 0))}"
        )
    return lines


def _state(ring: "KeyRing", key_id: str, count: int) -> str:
    if key_id not in ring.keys:
        return "MISSING: needed, and not in GATEWAY_ENCRYPTION_KEYS"
    if key_id == ring.active:
        return "active: seals what is new"
    return "needed: run `social-gateway keys rotate`" if count else "not needed: may be taken out"


async def _rotate() -> str:
    from rich.progress import Progress

    from gateway import settings
    from gateway.bootstrap import open_resources, verify_keys
    from gateway.cli.output import stderr
    from storage import keys

    async with open_resources(settings.load()) as resources:
        await require_schema(resources)
        await verify_keys(resources)
        with Progress(console=stderr(), transient=True) as progress:
            bar = progress.add_task("wrapping", total=None)
            moved = await keys.rewrap(
                resources.db, resources.ring, lambda done, total: progress.update(bar, completed=done, total=total)
            )
    return f"{moved} data keys and secrets were wrapped again; everything is under {resources.ring.active!r} now."


async def require_schema(resources: "Resources") -> None:
    """Bring the schema up to date when that is ours to do; raises CommandError when it is not."""
    from gateway.bootstrap import is_migrated
    from gateway.command_error import CommandError

    if not await is_migrated(resources):
        raise CommandError("the database's schema is older than this version: run `social-gateway migrate`")
