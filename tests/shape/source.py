"""The hand-written Python of the project as syntax trees.

Owns which files count: everything under gateway, providers, storage, protos and tests that no tool wrote.
Does not know any rule: those are in the tests beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("gateway", "providers", "storage", "protos", "tests")
# Written by a tool, or shaped by one.
GENERATED = ("protos/gen/", "storage/migrations/versions/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its path from the root, its lines, its tree."""

    path: str
    lines: tuple[str, ...]
    tree: ast.Module

    @property
    def is_test(self) -> bool:
        """Whether it is part of the tests."""
        return self.path.startswith("tests/")

    def functions(self) -> Iterator[Function]:
        """Every function and method in it, nested ones included."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def sources() -> tuple[Source, ...]:
    """Every hand-written file, by path."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return tuple(read(name) for name in names if not name.startswith(GENERATED))


def read(name: str) -> Source:
    """Parse one file by its path from the root."""
    text = (ROOT / name).read_text()
    return Source(name, tuple(text.splitlines()), ast.parse(text, name))


def length(function: Function) -> int:
    """Lines of code of a function: without its signature, decorators, docstring, blank lines and comments."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1
