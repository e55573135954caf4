"""`social-gateway simulate`: a vendor on this machine, for trying things out and for your own CI.

Owns the command's options. The simulators are `providers/simulators`.
"""

import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="A vendor simulated on this machine: no account, no network, no cost.")


@app.callback()
def _group() -> None:
    """Keep `tiktok` a command of its own: a group with one command would otherwise be that command."""


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
