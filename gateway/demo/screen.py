"""The demo's output.

Owns the layout: a heading per step, and progress bars for what takes a while. Does not know what the steps do.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

WIDE = 200
BARS = "▁▂▃▄▅▆▇█"


def bars(values: Sequence[float]) -> str:
    """Return a bar for each value, the highest one for the largest."""
    most = max(values, default=0)
    return "".join(BARS[round(value / most * (len(BARS) - 1))] if most else BARS[0] for value in values)


class Screen:
    """Standard output; lines are never wrapped, so that commands in them can be copied."""

    def __init__(self) -> None:
        """Use colours on a terminal, plain text otherwise."""
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def step(self, text: str) -> None:
        """Print the heading of the next step."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]")

    def fact(self, name: str, value: object) -> None:
        """Print one name and value."""
        self._console.print(f"  [dim]{escape(name):<14}[/dim]{escape(str(value))}")

    def line(self, text: str = "") -> None:
        """Print a line of plain text."""
        self._console.print(escape(text))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table; all columns but the first and the last are of numbers."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for place, name in enumerate(header):
            table.add_column(name, justify="left" if place in (0, len(header) - 1) else "right", no_wrap=True)
        for row in rows:
            table.add_row(*(escape(each) for each in row))
        self._console.print(Padding(table, (0, 0, 0, 2)), width=WIDE)

    def good(self, text: str) -> None:
        """Print a success."""
        self._console.print(f"\n[bold green]{escape(text)}[/bold green]")

    def bad(self, text: str) -> None:
        """Print a failure."""
        self._console.print(f"\n[bold red]{escape(text)}[/bold red]")

    @contextmanager
    def bar(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a progress bar; yield the function that sets it to a number of bytes."""
        columns = (TextColumn("  {task.description:<14}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(text, total=total)

            def move(done: int) -> None:
                progress.update(task, completed=min(done, total))

            yield move
            progress.update(task, completed=total)
