"""How long things are, whether they say what they are, and where time may be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from statistics import median

import pytest

from tests.shape.__main__ import domain
from tests.shape.source import Source, length, sources

# Every file of the tree is parsed, by each worker, which takes minutes beside other suites.
pytestmark = pytest.mark.timeout(600)

LONGEST_FUNCTION = 60
MOST_ENTRIES, MOST_FLOORS = 24, 9
# `datetime.now`, and whatever else reads the wall clock, wherever its module was imported from.
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}
# The simulator is a program of its own, out of reach of the gateway's clock; its tests and users pass another.
MAY_READ_THE_CLOCK = ("gateway/clock.py", "providers/simulators/tiktok/state.py", "tests/bench/")


@pytest.fixture(scope="module", autouse=True)
def _forget_the_trees() -> Iterator[None]:
    """Keep them no longer than here: they are half a million objects, and the collector would walk them all along."""
    yield
    sources.cache_clear()


def production() -> list[Source]:
    """Everything that is not a test."""
    return [source for source in sources() if not source.is_test]


def clock_reads(source: Source) -> list[int]:
    """Lines that read the wall clock."""
    found = (node for node in ast.walk(source.tree) if isinstance(node, ast.Attribute))
    return [node.lineno for node in found if (ast.unparse(node.value).rpartition(".")[2], node.attr) in CLOCKS]


def test_every_module_says_what_it_is() -> None:
    """A reader learns from the top of a file what it owns, and what it does not know."""
    silent = [source.path for source in sources() if source.lines and not ast.get_docstring(source.tree)]
    short = [
        source.path
        for source in production()
        if len((ast.get_docstring(source.tree) or "").split("\n")) < 3 and len(source.lines) > 50
    ]
    assert [] == silent
    assert [] == short


def test_every_package_says_what_it_owns() -> None:
    """Each package of the product begins with three lines: what it is, what it owns, what it does not know."""
    packages = [source for source in production() if source.path.endswith("/__init__.py")]
    lines = {source.path: (ast.get_docstring(source.tree) or "").split("\n") for source in packages}
    assert [] == [path for path, text in lines.items() if len(text) < 3 or text[1]]


def test_no_function_is_long() -> None:
    """What does not fit on a screen is two things."""
    assert [] == [
        f"{source.path}:{function.lineno} {function.name} has {length(function)} lines"
        for source in sources()
        for function in source.functions()
        if length(function) > LONGEST_FUNCTION
    ]


def test_the_usual_function_is_short() -> None:
    """Half of all functions have fewer than ten lines."""
    assert median(length(function) for source in production() for function in source.functions()) < 10


def test_the_domain_is_seen_at_a_glance() -> None:
    """`gateway/domain` has few packages and files, on few import floors."""
    entries, floors, _ = domain()
    assert entries <= MOST_ENTRIES
    assert floors <= MOST_FLOORS


def test_every_test_says_the_behaviour() -> None:
    """A failed test is understood from its first line."""
    assert [] == [
        f"{source.path}:{function.lineno} {function.name}"
        for source in sources()
        if source.is_test and source.path.rpartition("/")[2].startswith("test_")
        for function in source.functions()
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]


def test_only_the_clock_reads_the_clock() -> None:
    """Time is an argument everywhere else, so that every test can decide what time it is."""
    assert [] == [
        f"{source.path}:{line}"
        for source in sources()
        if not source.path.startswith(MAY_READ_THE_CLOCK)
        for line in clock_reads(source)
    ]


def test_the_clock_rule_can_fail() -> None:
    """The rule above sees the usual spellings."""
    for text in ("datetime.now(UTC)", "datetime.datetime.utcnow()", "time.time()", "dt.datetime.now"):
        assert [1] == clock_reads(Source("x.py", (text,), ast.parse(text)))
    for text in ("clock.now()", "time.monotonic()", "datetime.fromtimestamp(0, UTC)"):
        assert [] == clock_reads(Source("x.py", (text,), ast.parse(text)))
