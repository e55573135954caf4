"""The commands that the demo prints, to be copied.

Owns their text: each works as it stands, from where the demo was started. A test runs every one of them.
"""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path

from gateway.demo.client import LOCATION
from gateway.demo.sandbox import Sandbox

CALL = "curl --protocol grpc --http2-prior-knowledge"


def environment(box: Sandbox, post: str) -> dict[str, str]:
    """Return this environment with the demo's places, for a command that looks box."""
    return {**os.environ, **box.environment(), "DEMO_POST": post}


def after() -> list[str]:
    """Return three commands for when the demo is over: each starts what it needs, and ends it."""
    demo = f"{program('social-gateway')} demo"
    body = json.dumps({"parent": LOCATION}).replace('"', '\\"')
    call = f'{program("buf")} {CALL} -H "authorization: Bearer $DEMO_KEY" -d "{body}"'
    return [
        f"{demo} --then '{call} http://$DEMO_GRPC/socialgateway.v1.PostService/ListPosts'",
        f"{demo} --then 'curl -s $DEMO_SIMULATOR/_sim/ledger'",
        f"{demo} --keep",
    ]


def beside(box: Sandbox, post: str) -> list[str]:
    """Return three commands for a second terminal while the demo keeps running."""
    call = f"{program('buf')} {CALL} -H {shlex.quote(f'authorization: Bearer {box.key}')}"
    body = shlex.quote(json.dumps({"name": post}))
    return [
        f"{call} -d {body} http://{box.grpc}/socialgateway.v1.PostService/GetPost",
        f"curl -s {box.http}/readyz",
        f"curl -s {box.simulator}/_sim/ledger",
    ]


def program(name: str) -> str:
    """Return how to start a program from here: the one beside our own Python, else the one on PATH."""
    ours = Path(sys.executable).parent / name
    if ours.exists() and shutil.which(name) != str(ours):
        return shlex.quote(str(ours.relative_to(Path.cwd())) if ours.is_relative_to(Path.cwd()) else str(ours))
    return name
