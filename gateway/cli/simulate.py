"""`social-gateway simulate`: runs a vendor's simulator on this machine, for experiments and for your own CI.

Owns the commands' options and output. The simulators are `providers/simulators`.
"""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gateway import clock

if TYPE_CHECKING:
    from providers.simulators.highlevel import Vendor

app = typer.Typer(
    no_args_is_help=True, help="Run a vendor's simulator on this machine: no account, no network, no cost."
)

Port = Annotated[int, typer.Option(help="Port; 0 picks a free one.", min=0, max=65535)]
Host = Annotated[str, typer.Option(help="Address to listen on; the control plane answers on loopback only.")]
RedirectUris = Annotated[
    list[str] | None,
    typer.Option(help="A registered redirect URI; may be repeated. Default: any loopback or https URI."),
]
WebhookUrl = Annotated[str, typer.Option(help="Where to send webhooks. Default: nowhere.")]
ProcessingSeconds = Annotated[float, typer.Option(help="How long the vendor processes a post.", min=0)]
RateLimits = Annotated[bool, typer.Option(help="Refuse calls that come too fast.")]
PullMedia = Annotated[bool, typer.Option(help="Really fetch media by URL; otherwise every fetch succeeds.")]


@app.command("tiktok")
def tiktok(
    port: Port = 8090,
    host: Host = "127.0.0.1",
    client_key: Annotated[str, typer.Option(help="The value of GATEWAY_TIKTOK_CLIENT_KEY.")] = "sim-client-key",
    client_secret: Annotated[
        str, typer.Option(help="The value of GATEWAY_TIKTOK_CLIENT_SECRET.")
    ] = "sim-client-secret",  # noqa: S107 - of a simulator
    redirect_uri: RedirectUris = None,
    webhook_url: WebhookUrl = "",
    processing_seconds: ProcessingSeconds = 0.5,
    rate_limits: RateLimits = True,
    pull_media: PullMedia = True,
    unaudited: Annotated[bool, typer.Option("--unaudited", help="Treat the application as not audited.")] = False,
) -> None:
    """Simulate TikTok's v2 API: consent page, tokens, creator info, uploads, publishing, webhooks.

    All state is in memory. The control plane at /_sim/ shows what was received, injects faults, and revokes grants.

    To point a gateway at it:

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
    serving.run(create_app(config), host=host, port=port, on_ready=_announce_tiktok)


@app.command("tiktok-business")
def tiktok_business(
    port: Port = 8092,
    host: Host = "127.0.0.1",
    app_id: Annotated[str, typer.Option(help="The value of GATEWAY_TIKTOK_BUSINESS_APP_ID.")] = "7000000000000000001",
    secret: Annotated[str, typer.Option(help="The value of GATEWAY_TIKTOK_BUSINESS_SECRET.")] = "sim-client-secret",  # noqa: S107 - of a simulator
    redirect_uri: RedirectUris = None,
    webhook_url: WebhookUrl = "",
    processing_seconds: ProcessingSeconds = 0.5,
    rate_limits: RateLimits = True,
    pull_media: PullMedia = True,
) -> None:
    """Simulate TikTok's API for Business: consent of account holders, insights, comments, publishing by URL, webhooks.

    All state is in memory. The control plane at /_sim/ adds videos and comments, injects faults, and revokes grants.

    To point a gateway at it:

        export GATEWAY_ALLOW_LOOPBACK_VENDORS=true

        export GATEWAY_TIKTOK_BUSINESS_API_URL=http://127.0.0.1:8092

        export GATEWAY_TIKTOK_BUSINESS_AUTHORIZE_URL=http://127.0.0.1:8092/v2/auth/authorize/

        export GATEWAY_TIKTOK_BUSINESS_APP_ID=7000000000000000001 GATEWAY_TIKTOK_BUSINESS_SECRET=sim-client-secret
    """
    from providers.simulators import serving
    from providers.simulators.tiktok_business import SimulatorConfig, create_app

    config = SimulatorConfig(
        client_key=app_id,
        client_secret=secret,
        redirect_uris=tuple(redirect_uri or ()),
        webhook_url=webhook_url or None,
        processing_seconds=processing_seconds,
        rate_limits=rate_limits,
        pull_media=pull_media,
    )
    serving.run(create_app(config), host=host, port=port, on_ready=_announce_tiktok_business)


def _announce(name: str, url: str) -> None:
    """Print where the simulator is; other programs parse the first line."""
    typer.echo(f"{name} is simulated at {url}")
    typer.echo(f"Control plane: {url}/_sim/   (press Ctrl-C to stop)")


def _announce_tiktok(url: str) -> None:
    _announce("TikTok", url)
    # Programs that read the first line must get it at once.
    sys.stdout.flush()


def _announce_tiktok_business(url: str) -> None:
    _announce("TikTok's API for Business", url)
    sys.stdout.flush()


@app.command("highlevel")
def highlevel(
    port: Port = 8091,
    host: Host = "127.0.0.1",
    client_id: Annotated[
        str,
        typer.Option(help="The value of GATEWAY_HIGHLEVEL_CLIENT_ID; the part before the first dash is the app's id."),
    ] = "65f0c0de0000000000000a99-simapp",
    client_secret: Annotated[
        str, typer.Option(help="The value of GATEWAY_HIGHLEVEL_CLIENT_SECRET.")
    ] = "sim-client-secret",  # noqa: S107 - of a simulator
    redirect_uri: RedirectUris = None,
    webhook_url: WebhookUrl = "",
    processing_seconds: ProcessingSeconds = 1.0,
    rate_limits: RateLimits = True,
    pull_media: PullMedia = True,
    echo_state: Annotated[
        bool, typer.Option(help="Return the OAuth `state` from the consent page, which HighLevel does not document.")
    ] = False,
    tell_post_ids: Annotated[
        bool, typer.Option(help="Return a post's id when it is published at once; live users report none.")
    ] = False,
) -> None:
    """Simulate HighLevel's API, both versions: consent page, tokens, accounts, media library, planner, webhooks.

    All state is in memory: one agency with two locations, their users and social accounts. The simulator prints their
    ids, a Private Integration Token of one location, and one line with the settings that point a gateway at it.

    The control plane at /_sim/ shows what was received, injects faults, revokes grants, and installs the app.
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
    """Print where the simulator is, which ids it has, and the settings for a gateway."""
    locations = list(vendor.tenants.locations.values())
    _announce("HighLevel", url)
    typer.echo(f"Agency: {locations[0].company_id}")
    for each in locations:
        users = ", ".join(f"{user.id} ({user.first_name})" for user in vendor.tenants.users_of(each.id))
        typer.echo(f"Location {each.id} ({each.name}), users: {users}")
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
