"""What each language needs to make its stubs and to run its example.

Owns the names of the tools, and where a tool's absence is a failure. The commands that make stubs are those of
docs/clients.md.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "clients.md"
TOOLS = ROOT / ".venv" / "client-tools"
NODE_MODULES = ROOT / ".venv" / "example-node" / "node_modules"
PATH = f"{TOOLS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
DEBIAN_GOCODE = Path("/usr/share/gocode")


@dataclass(frozen=True, slots=True)
class Language:
    """A language as docs/clients.md calls it, and the programs that make its stubs."""

    title: str
    makes: tuple[str, ...]


LANGUAGES = {
    "python": Language("Python", ("python3",)),
    "go": Language("Go", ("protoc", "protoc-gen-go", "protoc-gen-go-grpc")),
    "ruby": Language("Ruby", ("protoc", "grpc_ruby_plugin")),
    "java": Language("Java", ("protoc", "grpc_java_plugin")),
    "php": Language("PHP", ("protoc", "grpc_php_plugin")),
    "cpp": Language("C++", ("protoc", "grpc_cpp_plugin")),
    "csharp": Language("C#", ("protoc",)),
    "objc": Language("Objective-C", ("protoc",)),
}


def need(programs: tuple[str, ...]) -> None:
    """Skip the test if a program is not installed; in CI that is a failure."""
    if missing := [program for program in programs if not shutil.which(program, path=PATH)]:
        not_tested(", ".join(missing))


def need_files(folder: Path) -> None:
    """Skip the test if the libraries of a language are not installed; in CI that is a failure."""
    if not folder.exists():
        not_tested(str(folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder))


def not_tested(what: str) -> NoReturn:
    """Say loudly what is missing."""
    text = f"{what.upper()} IS NOT INSTALLED and was NOT tested with: .ci/client-tools and .ci/node-packages install it"
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(text)


def commands() -> dict[str, str]:
    """Return the shell commands of docs/clients.md that make stubs, by the title of the language."""
    section = PAGE.read_text().partition("## Stubs\n")[2].partition("\n## ")[0]
    parts = [part.partition("\n") for part in section.split("\n### ")[1:]]
    return {title: text.split("```sh\n")[1].split("```")[0] for title, _, text in parts if "```sh\n" in text}
