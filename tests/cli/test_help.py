"""What a newcomer sees first: the help of every command, and how a mistake is answered."""

import subprocess
import sys

import pytest

from tests.cli.command import bare, execute, run

COMMANDS = [
    "serve", "worker", "migrate", "restored", "demo", "doctor", "keys new", "keys list", "keys rotate",
    "api-keys create", "api-keys list", "api-keys rotate", "api-keys revoke", "locations delete", "agencies create",
    "agencies list", "agencies suspend", "agencies resume", "agencies delete", "locations list", "locations assign",
    "locations release", "simulate tiktok", "simulate highlevel", "audiences hash",
    "audit export", "audit verify",
]  # fmt: skip

HEAVY = (
    "sqlalchemy",
    "sqlmodel",
    "grpc",
    "uvicorn",
    "starlette",
    "httpx",
    "aiohttp",
    "procrastinate",
    "pydantic",
    "av",
    "phonenumbers",
    "rich.progress",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    """Each command has a help, and shows its own name in it."""
    ran = run(*command.split(), "--help")
    assert 0 == ran.code
    assert f"social-gateway {command}" in " ".join(ran.out.split())


def test_the_list_names_every_command() -> None:
    """The top-level help lists every command."""
    out = run("--help").out
    assert [] == [command for command in COMMANDS if command.split()[0] not in out]


def test_help_imports_nothing_heavy() -> None:
    """A help is on the screen at once: what serves calls is imported by the command that serves calls."""
    script = f"import sys, gateway.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_a_wrong_option_is_a_usage_error() -> None:
    """A mistake on the command line ends with 2, and points to the help."""
    ran = run("serve", "--nonsense")
    assert (2, True) == (ran.code, "--help" in ran.err)


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "keys list", "api-keys list"])
def test_a_missing_key_is_said_in_a_sentence(command: str) -> None:
    """Without an encryption key nothing starts: the variable is named, and the command that makes one."""
    ran = execute(tuple(command.split()), bare())
    assert 1 == ran.code
    assert ran.err.startswith("social-gateway: GATEWAY_ENCRYPTION_KEYS")
    assert "Traceback" not in ran.err


def test_an_unreachable_database_is_said_in_a_sentence() -> None:
    """Where it was looked for, and what to do; never the password."""
    ran = run("migrate", database_url="postgresql://me:canary-password@127.0.0.1:1/none")
    assert 1 == ran.code
    assert "127.0.0.1:1" in ran.err
    assert "GATEWAY_DATABASE_URL" in ran.err
    assert "canary" not in ran.err
    assert "Traceback" not in ran.err
    assert 1 == len(ran.err.strip().splitlines())
