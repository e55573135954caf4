"""`social-gateway locations`: list which agency owns which location, and change it.

Owns the commands. What a claim is and what a change deletes is `gateway/domain/locations.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.bootstrap import Resources

app = typer.Typer(
    no_args_is_help=True,
    help="Manage locations: which agency owns one, by what claim, and giving it to another or to nobody.\n\n"
    "A location has one owner. The claims, strongest first: ASSIGNED (by `locations assign`), NAMED (in a key, by "
    "`api-keys create --location`), GRANTED (a vendor's grant was connected in it), FIRST_USE (a key for all locations "
    "with the scope locations.claim used it first). A claim by first use alone gives way to a key that names the "
    "location, and to a HighLevel grant of the location with the same id; what was left there is deleted then. All "
    "others change only here.\n\n"
    "Neither owner ever sees what the other made: a change deletes everything in the location.",
)

Discard = Annotated[
    bool,
    typer.Option(
        "--discard-connections",
        help="Delete connections that have a grant, too. Their tokens are deleted here and not revoked: the person "
        "ends the grant at the provider. Without this the command refuses.",
    ),
]


@app.command("list")
def list_locations(
    agency: Annotated[str, typer.Option(help="List only this agency's locations.")] = "",
    first_use: Annotated[
        bool, typer.Option("--first-use", help="List only those claimed by first use, in which nothing was connected.")
    ] = False,
) -> None:
    """List the locations with their agency, its claim, since when, and the connections that have a grant."""
    from gateway.cli.running import run_async

    for line in run_async(_list(agency, first_use)):
        typer.echo(line)


@app.command("assign")
def assign(
    location: Annotated[str, typer.Argument(help="The location's id.")],
    to: Annotated[str, typer.Option("--to", help="The agency that shall own it.")],
    former: Annotated[
        str, typer.Option("--from", help="The agency that owns it now; left out only if nobody does.")
    ] = "",
    discard: Discard = False,
) -> None:
    """Make an agency the owner of a location.

    Taking it from another agency needs both names, deletes everything that is in it, and is refused while posts are
    under way there, or connections have a grant.

    Example:

        social-gateway locations assign ve9EPM428h8vShlRW1KT --from beta --to acme
    """
    from gateway.cli.running import run_async

    gone = run_async(_assign(location, former, to, discard))
    typer.echo(f"Location {location} belongs to agency {to}.{_deleted(gone)}", err=True)


@app.command("release")
def release(
    location: Annotated[str, typer.Argument(help="The location's id.")],
    agency: Annotated[str, typer.Option("--agency", help="The agency that owns it now.")],
    discard: Discard = False,
) -> None:
    """Leave a location without an owner, and delete everything that is in it.

    Refused while posts are under way there, or connections have a grant. A key that names the location can claim it
    again; revoke it if that is not wanted.

    Example:

        social-gateway locations release ve9EPM428h8vShlRW1KT --agency beta
    """
    from gateway.cli.running import run_async

    gone = run_async(_release(location, agency, discard))
    typer.echo(f"Location {location} has no owner.{_deleted(gone)}", err=True)


@app.command("delete")
def delete(
    location: Annotated[str, typer.Argument(help="The location's id.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete it. Without this the command only says what would go.")
    ] = False,
) -> None:
    """Delete a location with everything in it: tokens, media, posts, metrics, events.

    There is no way back. The running gateways do it, as a job: each grant is given back to its vendor, which takes some
    minutes; `locations list` no longer has the location when nothing of it is left.

    Example:

        social-gateway locations delete ve9EPM428h8vShlRW1KT --yes
    """
    from gateway.cli.running import run_async

    run_async(_delete(location, yes))
    typer.echo(f"Location {location} is being deleted.", err=True)


def _deleted(gone: dict[str, int]) -> str:
    """Return what was deleted, as a sentence."""
    return f" Deleted: {', '.join(f'{count} {name}' for name, count in sorted(gone.items()))}." if gone else ""


async def _list(agency: str, first_use: bool) -> list[str]:
    from storage import location_contents, locations
    from storage.states import LocationClaim

    lines = [f"{'location':<32} {'agency':<16} {'claim':<10} {'since':<20} connections"]
    async with _open() as resources:
        after = ""
        while True:
            async with resources.db.read() as tx:
                rows = await locations.page(tx, agency=agency, after=after)
                live = await location_contents.live_connections(tx, [row.location for row in rows])
            if not rows:
                return lines
            after = rows[-1].location
            for row in rows:
                if not first_use or row.claim == LocationClaim.FIRST_USE:
                    head = f"{row.location:<32} {row.agency:<16} {row.claim:<10}"
                    lines.append(f"{head} {row.create_time:%Y-%m-%dT%H:%M:%SZ} {live.get(row.location, 0):>11}")


async def _assign(location: str, former: str, to: str, discard: bool) -> dict[str, int]:
    from gateway import clock
    from gateway.aip import names
    from gateway.audit import acts
    from gateway.cli.acting import act_as_operator
    from gateway.domain import locations

    for each, path in ((location, "location"), (to, "to")):
        names.LOCATION.parse(f"locations/{each}", path=path)
    act_as_operator("locations assign", names.LOCATION.format(location))
    async with _open() as resources, resources.db.transaction() as tx:
        await acts.record(tx, clock.now())
        return await locations.assign(tx, location, to, clock.now(), former=former, discard=discard)


async def _release(location: str, agency: str, discard: bool) -> dict[str, int]:
    from gateway import clock
    from gateway.aip import names
    from gateway.audit import acts
    from gateway.cli.acting import act_as_operator
    from gateway.domain import locations

    act_as_operator("locations release", names.LOCATION.format(location))
    async with _open() as resources, resources.db.transaction() as tx:
        await acts.record(tx, clock.now())
        return await locations.release(tx, location, agency, discard=discard)


async def _delete(location: str, yes: bool) -> None:
    from gateway.aip import names
    from gateway.cli.acting import act_as_operator
    from gateway.cli.agencies import confirmed, open_ground
    from gateway.domain.admin import deletion
    from gateway.domain.api_keys import BOOTSTRAP

    act_as_operator("locations delete", names.LOCATION.format(location))
    async with open_ground() as ground:
        await confirmed(yes, lambda text: deletion.begin_location(ground, BOOTSTRAP, location, text))


@asynccontextmanager
async def _open() -> AsyncIterator["Resources"]:
    """Open the database until the block ends; what is changed is logged as by a server."""
    from gateway import log
    from gateway.cli.database import opened, require_schema

    async with opened() as resources:
        log.configure(level=resources.settings.log_level, form=resources.settings.log_format)
        await require_schema(resources)
        yield resources
