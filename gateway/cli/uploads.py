"""`social-gateway uploads`: remove what nothing needs any more, and say how much that is.

Owns the command. What is removed is decided in `gateway/domain/media/upload_sweep.py`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.domain.media.upload_sweep import Freed
    from storage.blobs import BlobStore
    from storage.database import Database

app = typer.Typer(no_args_is_help=True, help="Look after the bytes of uploads.")

LINES = {
    "expired": "uploads whose time is over",
    "orphans": "files that belong to no upload",
    "lost": "uploads whose bytes are gone",
}


@dataclass(frozen=True, slots=True)
class _Kept:
    db: "Database"
    blobs: "BlobStore"
    upload_retention: timedelta


@app.command("sweep")
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
) -> None:
    """Make one round of the sweep that serving processes make by themselves, and say how much it freed.

    A round removes at most 10,000 uploads and some 10,000 files, and looks for the bytes of 500 uploads. Files younger
    than a day stay, and so does whatever a post that is not final needs.

    Example:

        social-gateway uploads sweep --dry-run
    """
    from gateway.cli.running import run_async

    found = run_async(_sweep(dry_run))
    for name, text in LINES.items():
        typer.echo(f"{found[name].count:>8} {text:<32} {found[name].bytes:>15} bytes")
    if dry_run:
        typer.echo("Nothing was removed.")


async def _sweep(dry_run: bool) -> "dict[str, Freed]":
    from gateway import clock, log, upload_store
    from gateway.cli.database import opened, require_schema
    from gateway.domain.media import upload_sweep

    async with opened() as resources:
        settings = resources.settings
        log.configure(level=settings.log_level, form=settings.log_format)
        await require_schema(resources)
        blobs = upload_store.open_store(settings)
        await upload_store.prove(blobs)
        kept, now = _Kept(resources.db, blobs, timedelta(hours=settings.upload_retention_hours)), clock.now()
        return {
            "expired": await upload_sweep.expire(kept, now, dry_run=dry_run),
            "orphans": await upload_sweep.orphans(kept, now, dry_run=dry_run),
            "lost": await upload_sweep.lost(kept, now, dry_run=dry_run),
        }
