"""`social-gateway simulate`: a vendor on this machine, for trying things out and for your own CI.

Owns the command's options. The simulators are `providers/simulators`.
"""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gateway import clock

if TYPE_CHECKING:
    from providers.simulators.highlevel import Vendor

app = typer.Typer(no_args_is_help=True, help="A vendor simulated on this machine: no account, no network, no cost.")


@app.command("tiktok")
def tiktok(
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8090,
    host: Annotated[str, typer.Option(help="Where to listen; the control plane answers loopback only.")] = "127.0.0.1",
    client_key: Annotated[str, typer.Option(help="What GATEWAY_TIKTOK_CLIENT_KEY must be.")] = "sim-client-key",
    client_secret: Annotated[
        str, typer.Option(help="What GATEWAY_TIKTOK_CLIENT_SECRET must be.")
    ] = "sim-client-secret",  # noqa: S107 - of a simulator
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="A registered redirect URI; any loopback or https one by default.")
    ] = None,
    webhook_url: Annotated[str, typer.Option(help="Where its webhooks go; nowhere by default.")] = "",
    processing_seconds: Annotated[float, typer.Option(help="How long it works on a video.", min=0)] = 0.5,
    rate_limits: Annotated[bool, typer.Option(help="Whether it refuses calls that come too fast.")] = True,
    pull_media: Annotated[
        bool, typer.Option(help="Whether it really fetches photos and URLs; else a pull ends by itself.")
    ] = True,
    unaudited: Annotated[bool, typer.Option("--unaudited", help="Behave as to an app that was not audited.")] = False,
) -> None:
    """TikTok's v2 API: consent page, tokens, creator info, uploads, publishing, webhooks. All state is in memory.

    Its control plane is at /_sim/: what arrived, which fault comes next, whose grant ends.

    Point a gateway at it:

        export GATEWAY_ALLOW_LOOPBACK_VENDORS=true

        export GATEWAY_TIKTOK_API_URL=http://127.0.0.1:8090

        export GATEWAY_TIKTOK_AUTHORIZE_URL=http://127.0.0.1:8090/v2/auth/authorize/

        export GATEWAY_TIKTOK_UPLOAD_HOSTS=127.0.0.1

        export GATEWAY_TIKTOK_CLIENT_KEY=sim-client-key GATEWAY_TIKTOK_CLIENT_SECRET=sim-client-secret
    """
    from providers.simulators import serving
    from providers.simulators.tiktok import SimulatorConfig, create_app

    config = SimulatorConfig(
        client_key=client_key,
        client_secret=client_secret,
        redirect_uris=tuple(redirect_uri or ()),
        webhook_url=webhook_url or None,
        processing_seconds=processing_seconds,
        rate_limits=rate_limits,
        audited=not unaudited,
        pull_media=pull_media,
        loopback_urls=True,
    )
    serving.run(create_app(config), host=host, port=port, on_ready=_say)


def _say(url: str) -> None:
    """Say where it is; other programs read the first line, so it leaves at once."""
    typer.echo(f"TikTok is simulated at {url}")
    typer.echo(f"What it can be told: {url}/_sim/   (Ctrl-C ends it)")
    sys.stdout.flush()


@app.command("highlevel")
def highlevel(
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8091,
    host: Annotated[str, typer.Option(help="Where to listen; the control plane answers loopback only.")] = "127.0.0.1",
    client_id: Annotated[
        str, typer.Option(help="What GATEWAY_HIGHLEVEL_CLIENT_ID must be; up to its first dash it is the app's id.")
    ] = "65f0c0de0000000000000a99-simapp",
    client_secret: Annotated[
        str, typer.Option(help="What GATEWAY_HIGHLEVEL_CLIENT_SECRET must be.")
    ] = "sim-client-secret",  # noqa: S107 - of a simulator
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="A registered redirect URI; any loopback or https one by default.")
    ] = None,
    webhook_url: Annotated[str, typer.Option(help="Where its webhooks go; nowhere by default.")] = "",
    processing_seconds: Annotated[float, typer.Option(help="How long it works on a post.", min=0)] = 1.0,
    rate_limits: Annotated[bool, typer.Option(help="Whether it refuses calls that come too fast.")] = True,
    pull_media: Annotated[
        bool, typer.Option(help="Whether it really fetches media by URL; else they are taken as they are.")
    ] = True,
    echo_state: Annotated[
        bool, typer.Option(help="Whether the consent page gives `state` back: HighLevel documents no such thing.")
    ] = False,
    tell_post_ids: Annotated[
        bool, typer.Option(help="Whether publishing at once answers with an id: live users report none.")
    ] = False,
) -> None:
    """HighLevel's API, both generations: consent page, tokens, accounts, media library, planner, webhooks. All state is
    in memory.

    One agency lives in it, with two locations, their users and social accounts. At the start it prints their ids, a
    Private Integration Token of one, and the settings that point a gateway at it, in one line to be pasted.

    Its control plane is at /_sim/: what arrived, which fault comes next, whose grant ends, who installs the app.
    """
    from providers.simulators import serving
    from providers.simulators.highlevel import SimulatorConfig, create_app

    config = SimulatorConfig(
        client_id=client_id,
        client_secret=client_secret,
        redirect_uris=tuple(redirect_uri or ()),
        webhook_url=webhook_url or None,
        processing_seconds=processing_seconds,
        rate_limits=rate_limits,
        pull_media=pull_media,
        echo_state=echo_state,
        publish_now_results=tell_post_ids,
    )
    simulator = create_app(config, clock=clock.now)
    vendor = simulator.state.vendor
    serving.run(simulator, host=host, port=port, on_ready=lambda url: _introduce(vendor, url))


def _introduce(vendor: "Vendor", url: str) -> None:
    """Say where it is, who lives there, and what a gateway must be told; the first line as the other simulator's."""
    locations = list(vendor.tenants.locations.values())
    typer.echo(f"HighLevel is simulated at {url}")
    typer.echo(f"What it can be told: {url}/_sim/   (Ctrl-C ends it)")
    typer.echo(f"Its agency: {locations[0].company_id}")
    for each in locations:
        users = ", ".join(f"{user.id} ({user.first_name})" for user in vendor.tenants.users_of(each.id))
        typer.echo(f"Location {each.id} ({each.name}), of users {users}")
    typer.echo(f"Private Integration Token of {locations[0].id}: {vendor.private_token(locations[0].id)}")
    typer.echo(f"export {shlex.join(f'{name}={value}' for name, value in _settings(vendor, url).items())}")
    sys.stdout.flush()


def _settings(vendor: "Vendor", url: str) -> dict[str, str]:
    return {
        "GATEWAY_ALLOW_LOOPBACK_VENDORS": "true",
        "GATEWAY_HIGHLEVEL_API_URL": url,
        "GATEWAY_HIGHLEVEL_AUTHORIZE_URL": f"{url}/v2/oauth/chooselocation",
        "GATEWAY_HIGHLEVEL_CLIENT_ID": vendor.config.client_id,
        "GATEWAY_HIGHLEVEL_CLIENT_SECRET": vendor.config.client_secret,
    }
