"""`social-gateway api-keys`: who may call.

Owns the commands. What a key is and may do is `gateway/domain/api_keys.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.domain.api_keys import KeyStore

app = typer.Typer(no_args_is_help=True, help="API keys: who may call, for which locations, to do what.")

SPANS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@app.command("create")
def create(
    agency: Annotated[str, typer.Option(help="The agency whose key it is.")],
    scope: Annotated[list[str], typer.Option(help="What it may do, such as posts.write; repeat it.")],
    location: Annotated[list[str] | None, typer.Option(help="A location it may use; repeat it.")] = None,
    all_locations: Annotated[
        bool, typer.Option("--all-locations", help="Every location of the agency, now and later.")
    ] = False,
    expires_in: Annotated[str, typer.Option(help="How long it is good for: 12h, 90d, 52w; for ever by default.")] = "",
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Where its consents may send a browser; repeat it.")
    ] = None,
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
) -> None:
    """Make a key and print it: once, on standard output. It is kept nowhere, only its hash is.

    social-gateway api-keys create --agency acme --location loc1 --scope posts.write --scope uploads.write
    --expires-in 90d
    """
    from gateway.cli.running import in_loop
    from gateway.command_error import CommandError

    if bool(location) == all_locations:
        raise CommandError("say which locations: --location L (repeat it), or --all-locations")
    made = in_loop(
        _create(
            agency=agency,
            locations=None if all_locations else _split(location),
            scopes=_split(scope),
            lifetime=span(expires_in) if expires_in else None,
            redirect_uris=tuple(redirect_uri or ()),
            display_name=name,
        )
    )
    typer.echo(f"Key {made[0]} of agency {agency}; it is shown this once:", err=True)
    typer.echo(made[1])


@app.command("list")
def list_keys(agency: Annotated[str, typer.Option(help="Only this agency's.")] = "") -> None:
    """List the keys: what each may do, never the key itself."""
    from gateway.cli.running import in_loop

    for line in in_loop(_list(agency)):
        typer.echo(line)


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as `api-keys list` shows it.")]) -> None:
    """Take a key back: every replica refuses it within a second."""
    from gateway.cli.running import in_loop

    in_loop(_revoke(key_id))
    typer.echo(f"Key {key_id} is revoked.", err=True)


def span(text: str) -> timedelta:
    """Read `90d`, `12h`, `30m`; raises CommandError."""
    from gateway.command_error import CommandError

    number, unit = text[:-1], text[-1:]
    if unit not in SPANS or not number.isdecimal() or not 0 < int(number) < 100_000:
        raise CommandError(f"--expires-in {text!r}: write a number and s, m, h, d or w, such as 90d")
    return timedelta(**{SPANS[unit]: int(number)})


def _split(values: list[str] | None) -> list[str]:
    """Read repeated options, each of which may hold several, comma separated."""
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]


async def _create(*, lifetime: timedelta | None, **values: object) -> tuple[str, str]:
    import os
    from typing import Any

    from gateway.domain import api_keys

    fields: dict[str, Any] = values
    async with _store() as store:
        expire_time = None if lifetime is None else store.clock() + lifetime
        made = await api_keys.create(store, random=os.urandom, expire_time=expire_time, **fields)
    return made.key_id, made.secret.reveal()


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
                over = row.expire_time is not None and row.expire_time <= now
                state = "revoked" if row.revoke_time else "expired" if over else "valid"
                locations = "all" if row.locations is None else ",".join(row.locations)
                head = f"{row.id:<20} {row.agency:<16} …{row.hint:<4} {state:<12} {locations:<24}"
                lines.append(f"{head} {','.join(row.scopes)}")


async def _revoke(key_id: str) -> None:
    from gateway.domain import api_keys

    async with _store() as store:
        await api_keys.revoke(store, key_id)


@asynccontextmanager
async def _store() -> AsyncIterator["KeyStore"]:
    """Open the store of keys until the block ends."""
    from gateway import clock, settings
    from gateway.bootstrap import open_resources, verify_keys
    from gateway.cli.keys import require_schema
    from gateway.domain import api_keys
    from storage import keys
    from storage.listener import Listener

    async with open_resources(settings.load()) as resources:
        await require_schema(resources)
        await verify_keys(resources)
        pepper = await keys.get_secret(resources.db, resources.ring, api_keys.PEPPER)
        # Nothing is remembered here, so nothing needs to be heard: the listener stays unstarted.
        yield api_keys.open_store(resources.db, Listener(resources.db.url), pepper=pepper, clock=clock.now)
