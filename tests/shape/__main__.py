"""Prints the files whose length is unusual: `python -m tests.shape`. A report, not a rule.

Owns the bounds, 50 to 300 lines.
Does not fail: a long table or a short value object is often right, and somebody should look at it now and then.
"""

from __future__ import annotations

from tests.shape.source import sources

SHORT, LONG = 50, 300


def main() -> None:
    """Print one line for each file outside the bounds, and one for all of them."""
    counted = [(len(source.lines), source.path) for source in sources() if not source.is_test and source.lines]
    unusual = [(lines, path) for lines, path in counted if not SHORT <= lines <= LONG and "__init__" not in path]
    for lines, path in sorted(unusual, reverse=True):
        print(f"shape: {path} has {lines} lines")
    print(f"shape: {len(counted)} files, {len(unusual)} outside {SHORT} to {LONG} lines")


if __name__ == "__main__":
    main()
