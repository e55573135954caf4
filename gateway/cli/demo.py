"""`social-gateway demo`.

Owns the command's options. The story is `gateway/demo/scenario.py`.
"""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    file: Annotated[Path | None, typer.Option(help="Your own video, instead of one made on the spot.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep everything running at the end, until Ctrl-C.")] = False,
    browser: Annotated[
        bool, typer.Option("--browser", help="Press the button on the consent page yourself, in a browser.")
    ] = False,
    then: Annotated[
        str, typer.Option(help="At the end, run this shell command; $DEMO_GRPC, $DEMO_HTTP, $DEMO_KEY, … are set.")
    ] = "",
) -> None:
    """Publish a real video through a real gateway to a simulated TikTok, and prove that every byte arrived.

    It needs no account and no network, and leaves nothing behind.
    """
    from gateway.demo.scenario import run

    raise typer.Exit(run(file=file, keep=keep, browser=browser, then=then))
