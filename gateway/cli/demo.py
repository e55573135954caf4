"""`social-gateway demo`.

Owns the command's options. What the demo does is `gateway/demo/scenario.py`.
"""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    file: Annotated[Path | None, typer.Option(help="Publish this video instead of a generated one.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep everything running at the end, until Ctrl-C.")] = False,
    browser: Annotated[
        bool, typer.Option("--browser", help="Approve the consent page yourself, in a browser.")
    ] = False,
    then: Annotated[
        str,
        typer.Option(help="Run this shell command at the end; $DEMO_GRPC, $DEMO_HTTP, $DEMO_KEY and others are set."),
    ] = "",
) -> None:
    """Publish a real video through a real gateway to a simulated TikTok, and prove that every byte arrived.

    The demo needs no account, no settings and no network, and leaves nothing behind.
    """
    from gateway.demo.scenario import run

    raise typer.Exit(run(file=file, keep=keep, browser=browser, then=then))
