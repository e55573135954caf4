"""`social-gateway agencies`: manage agencies from the command line, by the rules of the Admin API.

Owns the commands. What an agency is, and how one is deleted, is `gateway/domain/admin/`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.domain.admin.agencies import AgencyView
    from gateway.domain.admin.ground import Ground

app = typer.Typer(
    no_args_is_help=True,
    help="Manage agencies, the tenants: create, list, suspend, resume, delete.\n\n"
    "An agency owns locations and API keys. It exists as soon as a key or a location names it; creating one gives it a "
    "display name. The Admin API (GATEWAY_ADMIN_ADDRESS) does the same over gRPC, for operators, and lets an agency's "
    "own administrator see and manage what is the agency's.",
)

Name = Annotated[str, typer.Argument(help="The agency's id.")]
Yes = Annotated[bool, typer.Option("--yes", help="Delete it. Without this the command only says what would go.")]


@app.command("create")
def create(agency: Name, name: Annotated[str, typer.Option("--name", help="A display name, for people.")] = "") -> None:
    """Create an agency.

    Example:

        social-gateway agencies create acme --name "Acme Ltd."
    """
    from gateway.aip import names
    from gateway.cli.running import run_async
    from gateway.domain.admin import agencies

    names.check_own_id(agency, path="agency")
    run_async(_with_ground("create", agency, lambda ground: agencies.create(ground, agency, name, None)))
    typer.echo(
        f"Agency {agency} was created. Its first key: social-gateway api-keys create --agency {agency} …", err=True
    )


@app.command("list")
def list_agencies() -> None:
    """List the agencies with their state, locations and valid keys, and how far a deletion is."""
    from gateway.cli.running import run_async

    for line in run_async(_list()):
        typer.echo(line)


@app.command("suspend")
def suspend(agency: Name) -> None:
    """Refuse an agency's keys, on all replicas within a second, and let its due posts wait.

    Nothing is lost: tokens are kept fresh, vendors' webhooks are applied. What a vendor already has goes on.
    """
    from gateway.cli.running import run_async
    from gateway.domain.admin import agencies

    run_async(_with_ground("suspend", agency, lambda ground: agencies.suspend(ground, agency)))
    typer.echo(f"Agency {agency} is suspended.", err=True)


@app.command("resume")
def resume(agency: Name) -> None:
    """Accept a suspended agency's keys again; its posts that waited go out if they are not too late."""
    from gateway.cli.running import run_async
    from gateway.domain.admin import agencies

    run_async(_with_ground("resume", agency, lambda ground: agencies.resume(ground, agency)))
    typer.echo(f"Agency {agency} is active.", err=True)


@app.command("delete")
def delete(agency: Name, yes: Yes = False) -> None:
    """Delete an agency with everything of it: keys, locations, tokens, media, posts, events.

    There is no way back. The running gateways do it, as a job: each grant is given back to its vendor, which takes
    some minutes; `agencies list` shows how far it is, and no longer has the agency when nothing of it is left.

    Example:

        social-gateway agencies delete acme --yes
    """
    from gateway.cli.running import run_async
    from gateway.domain.admin import deletion

    run_async(
        _with_ground(
            "delete",
            agency,
            lambda ground: confirmed(yes, lambda text: deletion.begin_agency(ground, agency, text)),
        )
    )
    typer.echo(f"Agency {agency} is being deleted.", err=True)


async def _list() -> list[str]:
    from gateway.domain.admin import agencies

    lines = [f"{'agency':<24} {'state':<10} {'locations':>9} {'keys':>5}  name"]
    async with open_ground() as ground:
        after = ""
        while found := await agencies.page(ground, after=after, limit=500):
            after = found[-1].found.agency
            lines += [_line(each) for each in found]
    return lines


def _line(view: "AgencyView") -> str:
    found = view.found
    head = f"{found.agency:<24} {found.row.state:<10} {found.locations:>9} {found.keys:>5}  {found.row.display_name}"
    job = view.deletion
    if job is None:
        return head
    error = f": {job.last_error}" if job.last_error else ""
    return f"{head} ({job.done} of {job.total} locations deleted{error})"


async def confirmed(yes: bool, act: Callable[[str], Awaitable[object]]) -> None:
    """Do what must be confirmed if `yes`, else say what would go; raises CommandError then."""
    from gateway.command_error import CommandError
    from gateway.errors import ConfirmationRequired

    try:
        await act("")
    except ConfirmationRequired as error:
        told = {name: value for name, value in error.metadata.items() if name not in ("confirmation", "expireTime")}
        if not yes:
            would = ", ".join(f"{name} {value}" for name, value in told.items())
            raise CommandError(f"this cannot be undone, and would delete: {would}. Say --yes to do it") from None
        await act(error.metadata["confirmation"])


async def _with_ground(command: str, agency: str, act: Callable[["Ground"], Awaitable[object]]) -> None:
    from gateway.aip import names
    from gateway.cli.acting import act_as_operator

    act_as_operator(f"agencies {command}", names.AGENCY.format(agency))
    async with open_ground() as ground:
        await act(ground)


@asynccontextmanager
async def open_ground() -> AsyncIterator["Ground"]:
    """Open what the rules of administration need until the block ends; what is changed is logged as by a server."""
    import os

    from gateway import clock, log
    from gateway.bootstrap import verify_keys
    from gateway.cli.database import opened, require_schema
    from gateway.domain.admin.ground import CommandGround

    async with opened() as resources:
        log.configure(level=resources.settings.log_level, form=resources.settings.log_format)
        await require_schema(resources)
        await verify_keys(resources)
        # The confirmation is made and used by this process alone.
        yield CommandGround(resources.db, clock.now, os.urandom(32))
