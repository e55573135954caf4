"""Running a command as a shell does, in the test's process.

Owns the environment, the arguments, and what came out. Knows no command.
"""

import io
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

from gateway.cli import main
from tests.fixtures.settings import RING


@dataclass(frozen=True, slots=True)
class Ran:
    """The outcome of a command."""

    code: int
    out: str
    err: str


def run(*arguments: str, **settings: str) -> Ran:
    """Run `social-gateway`; `settings` are GATEWAY_ variables in lower case, in addition to a key ring."""
    chosen = {"encryption_keys": RING, **settings}
    environment = {**bare(), **{f"GATEWAY_{name.upper()}": value for name, value in chosen.items()}}
    return execute(arguments, environment)


def execute(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Ran:
    """Run it in exactly this environment."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["social-gateway", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
    return Ran(code, out.getvalue(), err.getvalue())


def bare() -> dict[str, str]:
    """Return this environment without any setting."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
