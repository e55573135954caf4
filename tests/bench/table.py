"""The table of the measurements, and one line of it as soon as it is known.

Owns how figures are shown. Does not know what they mean.
"""

from rich.table import Table

from tests.bench.rounds import Result, median_of, short

COLUMNS = ("", "against", "ours", "theirs", "figure", "spread", "target", "")


def table(results: list[Result]) -> Table:
    """Return the table: the figure is ours divided by theirs, or ours where nothing is compared."""
    shown = Table(*COLUMNS, title="The gateway, measured", title_justify="left")
    for result in results:
        shown.add_row(*cells(result))
    return shown


def cells(result: Result) -> list[str]:
    """Return the cells of a line."""
    return [
        result.name,
        result.against,
        f"{short(median_of(result.ours))} {result.unit}",
        f"{short(median_of(result.bare))} {result.unit}" if result.bare else "",
        short(result.figure),
        f"{short(min(result.figures))}-{short(max(result.figures))}",
        "" if result.target is None else str(result.target),
        verdict(result),
    ]


def verdict(result: Result) -> str:
    """Return whether the target is met; nothing without one."""
    if result.target is None:
        return ""
    return "met" if result.met else "MISSED"


def line(result: Result) -> str:
    """Return what is known of one measurement, as soon as it is over."""
    name, _, _, _, figure, spread, target, said = cells(result)
    return f"  {name}: {figure} ({spread}) {target} {said}".rstrip()
