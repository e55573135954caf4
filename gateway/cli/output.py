"""The console for output that is meant for people.

Owns the choice of standard error: standard output is for what other programs read.
"""

from rich.console import Console


def stderr() -> Console:
    """Return a console on standard error; it shows progress bars only on a terminal."""
    return Console(stderr=True, highlight=False)
