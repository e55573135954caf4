"""`social-gateway keys`: manage the encryption keys that protect stored secrets.

Owns the commands. The ring and the wrapping are `storage/key_ring.py` and `storage/key_rotation.py`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from storage.key_ring import KeyRing

app = typer.Typer(
    no_args_is_help=True,
    help="Manage encryption keys: create one, list which are in use, rotate to a new one.\n\n"
    "To rotate, put a new entry SECOND in GATEWAY_ENCRYPTION_KEYS of every process and restart them; then put it FIRST "
    "and restart them again, run `keys rotate`, and remove the entries that `keys list` reports as not needed.",
)


@app.command("new")
def new(
    key_id: Annotated[str, typer.Option("--id", help="The key's id. Default: a random one.")] = "",
) -> None:
    """Print a new entry for GATEWAY_ENCRYPTION_KEYS.

    The key is stored nowhere: if you lose it, everything encrypted with it is lost.

    Example:

        export GATEWAY_ENCRYPTION_KEYS=$(social-gateway keys new)
    """
    import os

    from gateway.settings import new_encryption_key
    from storage.key_ring import KeyRing

    entry = new_encryption_key(os.urandom(32), key_id=key_id or f"k{os.urandom(3).hex()}")
    KeyRing.parse(entry)
    typer.echo(entry)


@app.command("list")
def list_keys() -> None:
    """List the encryption keys, and how many data keys each protects."""
    from gateway.cli.running import run_async

    for line in run_async(_list()):
        typer.echo(line)


@app.command("rotate")
def rotate() -> None:
    """Re-encrypt all data keys with the first key in GATEWAY_ENCRYPTION_KEYS.

    This can run while the gateway is serving, and can be interrupted and run again.
    """
    from gateway.cli.running import run_async

    typer.echo(run_async(_rotate()))


async def _list() -> list[str]:
    from gateway.cli.database import opened, require_schema
    from storage import key_rotation

    async with opened() as resources:
        await require_schema(resources)
        counts = await key_rotation.count_by_key(resources.db)
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
        return "active: encrypts new secrets"
    return "needed: run `social-gateway keys rotate`" if count else "not needed: may be taken out"


async def _rotate() -> str:
    from rich.progress import Progress

    from gateway import clock
    from gateway.audit import acts
    from gateway.bootstrap import verify_keys
    from gateway.cli.acting import act_as_operator
    from gateway.cli.database import opened, require_schema
    from gateway.cli.output import stderr
    from storage import key_rotation

    async with opened() as resources:
        await require_schema(resources)
        await verify_keys(resources)
        act_as_operator("keys rotate")
        async with resources.db.transaction() as tx:
            await acts.record(tx, clock.now())
        with Progress(console=stderr(), transient=True) as progress:
            bar = progress.add_task("wrapping", total=None)
            moved = await key_rotation.rewrap(
                resources.db, resources.ring, lambda done, total: progress.update(bar, completed=done, total=total)
            )
    return f"{moved} data keys and secrets were re-encrypted; everything is protected by {resources.ring.active!r} now."
