"""Prints the shape of the code as numbers: `python -m tests.shape`. A report, not a rule.

Owns the bounds of a file, 50 to 300 lines, which tests are tools of their own, and how floors are counted.
Does not fail: a long table or a short value object is often right, and somebody should look at it now and then. What
must hold stands in the tests beside it and in the import contracts of pyproject.toml.
"""

from __future__ import annotations

from itertools import permutations
from statistics import median, quantiles

import grimp

from tests.shape.source import Source, length, sources

SHORT, LONG = 50, 300
TOOLS = ("tests/bench/", "tests/simulation/")
"""Programs of their own, which no other test needs: each has a line of its own in the report."""

ROOMS = "gateway.domain"


def main() -> None:
    """Print the unusual files, the functions, and the floors of the domain."""
    files()
    functions()
    floors()


def files() -> None:
    """Print one line for each file of the product outside the bounds, and one for all of them."""
    counted = [(len(source.lines), source.path) for source in sources() if not source.is_test and source.lines]
    unusual = [(lines, path) for lines, path in counted if not SHORT <= lines <= LONG and "__init__" not in path]
    for lines, path in sorted(unusual, reverse=True):
        print(f"shape: {path} has {lines} lines")
    total = sum(lines for lines, _ in counted)
    print(f"shape: {len(counted)} files, {total} lines, {len(unusual)} files outside {SHORT} to {LONG} lines")
    tests = sum(len(source.lines) for source in sources() if source.is_test)
    print(f"shape: {tests} lines of tests, {helper_lines()} of them in helpers")
    for tool in TOOLS:
        print(f"shape: {tool_lines(tool)} lines in {tool}")


def helper_lines() -> int:
    """Return how many lines the tests' helpers have: every file under `tests/` that holds no tests and is no tool."""
    return sum(len(each.lines) for each in sources() if _helps(each) and not each.path.startswith(TOOLS))


def tool_lines(tool: str) -> int:
    """Return how many lines a tool has, its own tests aside."""
    return sum(len(each.lines) for each in sources() if _helps(each) and each.path.startswith(tool))


def _helps(source: Source) -> bool:
    return source.is_test and "/test_" not in source.path


def functions() -> None:
    """Print how long the functions of the product are, in lines of code."""
    lengths = [length(each) for source in sources() if not source.is_test for each in source.functions()]
    ninth = round(quantiles(lengths, n=10)[-1])
    print(f"shape: {len(lengths)} functions, median {median(lengths):g} lines, p90 {ninth}, longest {max(lengths)}")


def floors() -> None:
    """Print how many packages and files the domain holds, on how many import floors, and the arrows between them."""
    entries, count, arrows = domain()
    print(f"shape: {ROOMS} has {entries} entries on {count} floors, {arrows} arrows between them")


def domain() -> tuple[int, int, int]:
    """Return how many packages and files the domain holds, on how many import floors, and the arrows between them."""
    graph = grimp.build_graph("gateway", cache_dir=None)
    rooms = sorted(graph.find_children(ROOMS))
    arrows = {
        (upper, lower)
        for upper, lower in permutations(rooms, 2)
        if graph.direct_import_exists(importer=upper, imported=lower, as_packages=True)
    }
    floor = dict.fromkeys(rooms, 1)
    for _ in rooms:
        for upper, lower in arrows:
            floor[upper] = max(floor[upper], floor[lower] + 1)
    return len(rooms), max(floor.values()), len(arrows)


if __name__ == "__main__":
    main()
