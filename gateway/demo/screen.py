"""What the demo prints.

Owns words and looks: a line per step, bars where something takes a while. Does not know how anything is done.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

WIDE = 200


class Screen:
    """Standard output; lines are never wrapped, so that a command in them can be copied."""

    def __init__(self) -> None:
        """Print for a terminal when there is one, plainly otherwise."""
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def step(self, text: str) -> None:
        """Announce what happens next."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]")

    def fact(self, name: str, value: object) -> None:
        """Say one thing that is so now."""
        self._console.print(f"  [dim]{escape(name):<14}[/dim]{escape(str(value))}")

    def line(self, text: str = "") -> None:
        """Print a line as it is."""
        self._console.print(escape(text))

    def good(self, text: str) -> None:
        """Say that it worked."""
        self._console.print(f"\n[bold green]{escape(text)}[/bold green]")

    def bad(self, text: str) -> None:
        """Say that it did not."""
        self._console.print(f"\n[bold red]{escape(text)}[/bold red]")

    @contextmanager
    def bar(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar of bytes; gives what moves it to a number of bytes."""
        columns = (TextColumn("  {task.description:<14}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(text, total=total)

            def move(done: int) -> None:
                progress.update(task, completed=min(done, total))

            yield move
            progress.update(task, completed=total)
