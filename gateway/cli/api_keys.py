"""`social-gateway api-keys`: manage the API keys of callers.

Owns the commands. What a key is and what it allows is `gateway/domain/api_keys.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.domain.api_keys import KeyStore, NewKey

app = typer.Typer(
    no_args_is_help=True, help="Manage API keys: who may call the gateway, for which locations, with which scopes."
)

CLAIMING = {"connections.write", "uploads.write"}
"""The scopes of the methods with which a location is claimed."""

SPANS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@app.command("create")
def create(
    agency: Annotated[str, typer.Option(help="The agency that the key belongs to.")],
    scope: Annotated[
        list[str], typer.Option(help="A scope that the key grants, such as posts.write; may be repeated.")
    ],
    location: Annotated[
        list[str] | None,
        typer.Option(help="A location that the key may use, which becomes the agency's; may be repeated."),
    ] = None,
    all_locations: Annotated[
        bool,
        typer.Option("--all-locations", help="Allow all locations that the agency owns, including future ones."),
    ] = False,
    expires_in: Annotated[str, typer.Option(help="How long the key is valid: 12h, 90d, 52w. Default: no expiry.")] = "",
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(help="A URI to which a browser may be redirected after a consent; may be repeated."),
    ] = None,
    name: Annotated[str, typer.Option(help="A display name, for people.")] = "",
) -> None:
    """Create an API key and print it on standard output.

    The key is shown only once: the gateway stores its hash, not the key.

    A location that --location names becomes the agency's at once. It is refused if it belongs to another agency, unless
    that one merely used it first and never connected anything there: then what it left there is deleted.

    A key with --all-locations uses the locations that the agency owns. Only with the scope locations.claim does it also
    get a location that nobody owns, by creating a connection or an upload there: how often, and how many, is limited.

    Example:

        social-gateway api-keys create --agency acme --location loc1 --scope posts.write --expires-in 90d
    """
    from gateway.caller import CLAIM_SCOPE
    from gateway.cli.running import run_async
    from gateway.command_error import CommandError

    if bool(location) == all_locations:
        raise CommandError("choose the locations: either --location LOCATION (may be repeated) or --all-locations")
    scopes = _split(scope)
    made = run_async(
        _create(
            agency=agency,
            locations=None if all_locations else _split(location),
            scopes=scopes,
            lifetime=span(expires_in) if expires_in else None,
            redirect_uris=tuple(redirect_uri or ()),
            display_name=name,
        )
    )
    for each in made.taken:
        typer.echo(f"Location {each} was another agency's by first use alone, and is {agency}'s now.", err=True)
    if all_locations and CLAIM_SCOPE not in scopes and CLAIMING & set(scopes):
        typer.echo(
            f"It claims no location that nobody has yet: for that it needs the scope {CLAIM_SCOPE} too.", err=True
        )
    typer.echo(f"Key {made.key_id} of agency {agency} was created. It is shown only once:", err=True)
    typer.echo(made.secret.reveal())


@app.command("list")
def list_keys(agency: Annotated[str, typer.Option(help="List only this agency's keys.")] = "") -> None:
    """List the API keys with their locations and scopes, but not the keys themselves."""
    from gateway.cli.running import run_async

    for line in run_async(_list(agency)):
        typer.echo(line)


@app.command("rotate")
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `api-keys list` shows it.")],
    overlap: Annotated[
        str, typer.Option(help="How long the secret before is accepted too: 0, or 12h up to 7d.")
    ] = "24h",
) -> None:
    """Make a new secret for an API key, and print it on standard output.

    The key keeps its id, its locations, its scopes and its expiry. Callers change over during the overlap.

    Example:

        social-gateway api-keys rotate k0123456789abcdef --overlap 12h
    """
    from gateway.cli.running import run_async

    kept = timedelta() if overlap == "0" else span(overlap, "--overlap")
    secret = run_async(_rotate(key_id, kept))
    typer.echo(f"Key {key_id} has a new secret. It is shown only once:", err=True)
    typer.echo(secret)


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as `api-keys list` shows it.")]) -> None:
    """Revoke an API key. All replicas refuse it within a second."""
    from gateway.cli.running import run_async

    run_async(_revoke(key_id))
    typer.echo(f"Key {key_id} is revoked.", err=True)


def span(text: str, option: str = "--expires-in") -> timedelta:
    """Parse `90d`, `12h` or `30m`; raises CommandError."""
    from gateway.command_error import CommandError

    number, unit = text[:-1], text[-1:]
    if unit not in SPANS or not number.isdecimal() or not 0 < int(number) < 100_000:
        raise CommandError(f"{option} {text!r}: must be a number followed by s, m, h, d or w, such as 90d")
    return timedelta(**{SPANS[unit]: int(number)})


def _split(values: list[str] | None) -> list[str]:
    """Split repeated options, each of which may hold several comma-separated values."""
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]


async def _create(*, lifetime: timedelta | None, **values: object) -> "NewKey":
    import os
    from typing import Any

    from gateway.cli.acting import act_as_operator
    from gateway.domain import api_keys

    fields: dict[str, Any] = values
    act_as_operator("api-keys create")
    async with _store() as store:
        expire_time = None if lifetime is None else store.clock() + lifetime
        return await api_keys.create(store, random=os.urandom, expire_time=expire_time, **fields)


async def _list(agency: str) -> list[str]:
    from storage import api_keys

    lines = [f"{'id':<20} {'agency':<16} {'ends':<5} {'state':<12} {'locations':<24} scopes"]
    async with _store() as store:
        after = ""
        while True:
            async with store.database.read() as tx:
                rows = await api_keys.page(tx, agency=agency, after=after, limit=500)
            if not rows:
                return lines
            after = rows[-1].id
            now = store.clock()
            for row in rows:
                expired = row.expire_time is not None and row.expire_time <= now
                state = "revoked" if row.revoke_time else "expired" if expired else "valid"
                locations = "all" if row.locations is None else ",".join(row.locations)
                head = f"{row.id:<20} {row.agency:<16} …{row.hint:<4} {state:<12} {locations:<24}"
                lines.append(f"{head} {','.join(row.scopes)}")


async def _rotate(key_id: str, overlap: timedelta) -> str:
    from gateway.aip import names
    from gateway.cli.acting import act_as_operator
    from gateway.command_error import CommandError
    from gateway.domain.admin import api_keys
    from gateway.domain.api_keys import BOOTSTRAP
    from storage import api_keys as rows

    if overlap > api_keys.MAX_OVERLAP:
        raise CommandError(f"--overlap: must be at most {api_keys.MAX_OVERLAP.days}d")
    act_as_operator("api-keys rotate", names.API_KEY.format(key_id))
    async with _store() as store:
        async with store.database.read() as tx:
            agency = await rows.agency_of(tx, key_id)
        if agency is None:
            raise CommandError(f"there is no key {key_id!r}: `api-keys list` shows them")
        rotated = await api_keys.rotate(store, BOOTSTRAP, agency, key_id, overlap, None)
    return rotated.secret.reveal() if rotated.secret else ""


async def _revoke(key_id: str) -> None:
    from gateway.cli.acting import act_as_operator
    from gateway.domain import api_keys

    act_as_operator("api-keys revoke")
    async with _store() as store:
        await api_keys.revoke(store, key_id)


@asynccontextmanager
async def _store() -> AsyncIterator["KeyStore"]:
    """Open the API key store until the block ends."""
    from gateway import clock
    from gateway.bootstrap import verify_keys
    from gateway.cli.database import opened, require_schema
    from gateway.domain import api_keys
    from storage import keys
    from storage.listener import Listener

    async with opened() as resources:
        await require_schema(resources)
        await verify_keys(resources)
        pepper = await keys.get_secret(resources.db, resources.ring, api_keys.PEPPER)
        # This process caches nothing, so the listener, which invalidates caches, is not started.
        yield api_keys.open_store(resources.db, Listener(resources.db), pepper=pepper, clock=clock.now)
