"""States are enums: no state stands as bare text in the gateway or in storage.

Owns the rule and the few words that mean something else as well. Migrations are frozen text and do not count; providers
have enums of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import StrEnum

from storage import states
from tests.shape.source import Source, sources

DEFINITIONS = "storage/states.py"
ALSO_OTHER_WORDS = {"ERROR", "OPEN"}
"""State names that are also a log level or a word of a protocol."""


def state_names() -> set[str]:
    """Return the text of every state of every enum; lower-case outcomes are ordinary words and do not count."""
    enums = [each for each in vars(states).values() if isinstance(each, type) and issubclass(each, StrEnum)]
    return {member.value for enum in enums for member in enum if member.value.isupper()} - ALSO_OTHER_WORDS


def bare_states(source: Source, names: set[str]) -> Iterator[str]:
    """Yield the place of each string constant that is a state's name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and node.value in names:
            yield f"{source.path}:{node.lineno} {node.value!r}"


def test_no_state_is_a_bare_string() -> None:
    """Every state in the gateway and in storage is a member of its enum."""
    names = state_names()
    checked = [
        each for each in sources() if each.path.startswith(("gateway/", "storage/")) and each.path != DEFINITIONS
    ]
    assert [] == [place for source in checked for place in bare_states(source, names)]


def test_the_rule_about_states_can_fail() -> None:
    """The rule above sees a state in a comparison, a tuple and a keyword argument, and leaves other text alone."""
    names = state_names()
    for text in ('row.state == "QUEUED"', 'x = ("FAILED", 1)', 'move(state="PROCESSING")'):
        assert 1 == len(list(bare_states(Source("x.py", (text,), ast.parse(text)), names)))
    for text in ("row.state == PostState.QUEUED", 'reason = "CONTENT_REJECTED"'):
        assert [] == list(bare_states(Source("x.py", (text,), ast.parse(text)), names))
