"""The shell commands that the demo prints.

Owns their text: each can be copied and run as it is, from the directory where the demo was started. A test runs all.
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


def environment(sandbox: Sandbox, post: str) -> dict[str, str]:
    """Return this environment plus the demo's addresses, for a command that explores it."""
    return {**os.environ, **sandbox.environment(), "DEMO_POST": post}


def after() -> list[str]:
    """Return three commands for after the demo; each starts what it needs, and stops it again."""
    demo = f"{program('social-gateway')} demo"
    body = json.dumps({"parent": LOCATION}).replace('"', '\\"')
    call = f'{program("buf")} {CALL} -H "authorization: Bearer $DEMO_KEY" -d "{body}"'
    return [
        f"{demo} --then '{call} http://$DEMO_GRPC/socialgateway.v1.PostService/ListPosts'",
        f"{demo} --then 'curl -s $DEMO_SIMULATOR/_sim/ledger'",
        f"{demo} --keep",
    ]


def beside(sandbox: Sandbox, post: str) -> list[str]:
    """Return three commands for a second terminal while the demo is running."""
    call = f"{program('buf')} {CALL} -H {shlex.quote(f'authorization: Bearer {sandbox.key}')}"
    body = shlex.quote(json.dumps({"name": post}))
    return [
        f"{call} -d {body} http://{sandbox.grpc}/socialgateway.v1.PostService/GetPost",
        f"curl -s {sandbox.http}/readyz",
        f"curl -s {sandbox.simulator}/_sim/ledger",
    ]


def program(name: str) -> str:
    """Return how to run a program: the one next to our Python interpreter, else the one on PATH."""
    ours = Path(sys.executable).parent / name
    if ours.exists() and shutil.which(name) != str(ours):
        return shlex.quote(str(ours.relative_to(Path.cwd())) if ours.is_relative_to(Path.cwd()) else str(ours))
    return name
