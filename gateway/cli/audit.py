"""`social-gateway audit`: print the audit log as JSON Lines, and verify that nothing of it is missing or changed.

Owns the commands. The chain is `gateway/audit/chain.py`, what is verified `gateway/audit/verify.py`.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.audit.verify import Known, Report

app = typer.Typer(
    no_args_is_help=True,
    help="Read and verify the audit log: who did what, to which resource, from where, and what became of it.\n\n"
    "Every call that changes something leaves one row, refused ones too, and so does every use of a token. Rows are "
    "written in the transaction of what they are about; seconds later a process with jobs gives each its place "
    "in a chain of hashes, day by day. They hold names and ids, never a token, a caption or another text.\n\n"
    "The chain shows a row that was taken out or changed, the last of a day too. Only the end of the newest day could "
    "be cut off together with what the database knows of it: write down what `audit verify` prints, or keep the log "
    "lines audit.day_closed, and hand them in with --known. docs/audit.md explains every field.",
)


@app.command("export")
def export(
    since: Annotated[str, typer.Option(help="The first day, in UTC, such as 2026-12-01. Default: the oldest.")] = "",
    until: Annotated[str, typer.Option(help="The last day, in UTC. Default: today.")] = "",
    agency: Annotated[str, typer.Option(help="Only rows of this agency; their hashes then follow no longer.")] = "",
) -> None:
    """Print the rows of the audit log as JSON Lines on standard output, oldest first.

    A line is what is hashed of a row, with sorted keys and without spaces, and `hash`: the SHA-256, in hexadecimal, of
    the previous line's hash, a line feed, and the line without `hash`. The first of all follows 64 zeros. Rows of the
    last seconds have no place in the chain yet and are not printed.

    Examples:

        social-gateway audit export --since 2026-12-01 > december.jsonl

        social-gateway audit export --agency acme | jq -r 'select(.outcome == "REFUSED") | .reason'
    """
    from gateway.cli.running import run_async

    run_async(_export(_day(since, "--since"), _day(until, "--until"), agency))


@app.command("verify")
def verify(
    known: Annotated[
        list[str] | None,
        typer.Option(help="What was written down of a day, as DAY:ROWS:HASH; may be repeated."),
    ] = None,
) -> None:
    """Compute every hash of the audit log again, and say what is missing, changed or added.

    Prints each day with its rows and the hash of its last one, for you to write down elsewhere. Ends with 1 if anything
    is wrong. It may run while the gateway serves.

    Examples:

        social-gateway audit verify

        social-gateway audit verify --known 2026-11-30:48211:9f2c…
    """
    from gateway.cli.running import run_async

    report = run_async(_verify(dict(_known(each) for each in known or ())))
    for day in report.days:
        rows = "dropped for their age" if day.dropped else f"{day.rows} rows"
        typer.echo(f"{day.day:%Y-%m-%d}  {rows:>24}  {day.hash.hex()}")
    typer.echo(f"{report.rows} rows were verified; {report.unsealed} wait for their place in the chain.", err=True)
    for finding in report.findings:
        typer.echo(f"WRONG  {finding}", err=True)
    if report.findings:
        raise typer.Exit(1)


def _day(text: str, option: str) -> datetime | None:
    """Parse a day; raises CommandError."""
    from datetime import UTC

    from gateway.command_error import CommandError

    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"{option} {text!r}: must be a day such as 2026-12-01") from None


def _known(text: str) -> "tuple[str, Known]":
    """Parse DAY:ROWS:HASH; raises CommandError."""
    from gateway.audit.verify import Known
    from gateway.command_error import CommandError

    day, _, rest = text.partition(":")
    rows, _, hash = rest.partition(":")
    _day(day, "--known")
    if not day or not rows.isdecimal() or len(hash) != 64:
        raise CommandError(f"--known {text!r}: must be DAY:ROWS:HASH, as `audit verify` prints them")
    return day, Known(int(rows), hash.lower())


async def _export(since: datetime | None, until: datetime | None, agency: str) -> None:
    from gateway.audit import chain
    from gateway.cli.database import opened, require_schema
    from storage import audit

    async with opened() as resources:
        await require_schema(resources)
        async with resources.db.read() as tx:
            days = [day.day for day in await audit.days(tx) if not day.dropped]
        for day in days:
            if (since is not None and day < since) or (until is not None and day > until):
                continue
            async for row in audit.read_day(resources.db, day):
                if agency in ("", row.entry.agency):
                    values = chain.fields(row.day, row.number, row.entry)
                    typer.echo(chain.canonical({**values, "hash": row.hash.hex()}))


async def _verify(known: "dict[str, Known]") -> "Report":
    from gateway.audit import chain
    from gateway.audit.verify import verify
    from gateway.bootstrap import verify_keys
    from gateway.cli.database import opened, require_schema
    from storage import keys

    async with opened() as resources:
        await require_schema(resources)
        await verify_keys(resources)
        secret = await keys.get_secret(resources.db, resources.ring, chain.SECRET)
        return await verify(resources.db, secret, known)
