"""Where commands write what is meant for people.

Owns the console on standard error: standard output is for what the next command reads.
"""

from rich.console import Console


def stderr() -> Console:
    """Return a console on standard error; progress bars show only where somebody watches."""
    return Console(stderr=True, highlight=False)
