"""`python -m tests.bench.scale`: measure how costs grow, print a table, and write it into docs/benchmarks.md.

Owns the command line, the progress and the report. A target that is missed changes the exit code only with `--strict`.
"""

import argparse
import asyncio
import os
import platform
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvloop
from rich.console import Console

from gateway.clock import now
from tests.bench.scale import audience, due, grants, lookups, rewrap, slope, streams, uploading, waiting
from tests.bench.scale.line import Line, Tell, markdown, svg
from tests.bench.servers import Bench, running

DOCS = Path(__file__).parents[3] / "docs"
SECTION = re.compile(r"(<!-- bench-scale -->\n).*(<!-- /bench-scale -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement: how it is done, at which sizes, and what it is, for `--help`."""

    measure: Callable[[Bench, Sequence[int], Tell], Awaitable[list[Line]]]
    sizes: tuple[int, ...]
    what: str


MEASUREMENTS = {
    "due": Measurement(due.measure, (500, 1500, 5000), "(a) posts due at the same instant, over 1,000 accounts"),
    "lookups": Measurement(lookups.measure, (1000, 30_000, 1_000_000), "(b) look-ups among connections"),
    "streams": Measurement(streams.measure, (100, 300, 1000), "(c) watchers, and a fifth as many event streams"),
    "grants": Measurement(grants.measure, (1000, 10_000, 100_000), "(d) grants refreshed ahead over a simulated day"),
    "uploads": Measurement(uploading.measure, (1, 20, 200), "(e) uploads of 20 MB at once"),
    "waiting": Measurement(waiting.measure, (1000, 10_000, 100_000), "(f) due posts, and jobs, that wait"),
    "rewrap": Measurement(rewrap.measure, (1000, 10_000, 100_000), "(g) data keys rewrapped under load"),
    "audience": Measurement(audience.measure, (100_000, 1_000_000, 10_000_000), "(h) members of an audience"),
    "slope": Measurement(slope.measure, (30,), "memory over minutes of load"),
}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    shown = "\n".join(
        f"  {name:9}{each.what}: {', '.join(map(str, each.sizes))}" for name, each in MEASUREMENTS.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.scale",
        description=f"{__doc__}\nThe measurements, with the sizes of each:\n{shown}",
        epilog="make bench-scale ARGS='--only due --sizes 100 1000' measures one thing at other sizes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="measure only this (may be repeated)")
    parser.add_argument("--sizes", type=int, nargs="+", help="other sizes, from small to large; with one --only")
    parser.add_argument("--minutes", type=int, help="how long `slope` lasts (default: 30)")
    parser.add_argument(
        "--write", action="store_true", help="write the section of docs/benchmarks.md and docs/scale.svg"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    read = parser.parse_args(given)
    if read.sizes and (len(read.only or ()) != 1 or min(read.sizes) < 1 or read.sizes != sorted(set(read.sizes))):
        parser.error("--sizes needs one --only, and sizes of at least 1 from small to large")
    if read.minutes is not None and read.minutes < 1:
        parser.error("--minutes must be at least 1")
    return read


def sizes_of(name: str, given: argparse.Namespace) -> tuple[int, ...]:
    """Return the sizes at which a measurement is made."""
    if name == "slope" and given.minutes:
        return (given.minutes,)
    return tuple(given.sizes) if given.sizes else MEASUREMENTS[name].sizes


async def measure(given: argparse.Namespace) -> list[Line]:
    """Measure one thing after the other; one that fails is reported, and the others go on."""
    console, lines = Console(stderr=True), list[Line]()
    names = list(dict.fromkeys(given.only or MEASUREMENTS))
    with console.status("starting PostgreSQL and the simulated vendor") as status:

        def tell(name: str, text: str) -> None:
            status.update(f"{name}: {text}")
            if not console.is_terminal:
                console.print(f"{name}: {text}", highlight=False, soft_wrap=True)

        for name in names:
            async with running() as bench:
                found = await MEASUREMENTS[name].measure(bench, sizes_of(name, given), partial(tell, name))
            lines += found
            for each in found:
                console.print("  " + " | ".join(cell for cell in each.cells() if cell), highlight=False, soft_wrap=True)
    return lines


def report(lines: Sequence[Line], command: str) -> str:
    """Return the section of docs/benchmarks.md."""
    cores, load = os.cpu_count(), os.getloadavg()[1]
    machine = f"{cores} cores, {platform.machine()}, Python {platform.python_version()}"
    return (
        f"{now():%Y-%m-%d}, `{command}`, {machine}; callers, servers, database and vendor share the cores, "
        f"and the load of the machine over the last five minutes was {load:.0f}.\n\n{markdown(lines)}\n\n"
        "![figures over sizes](scale.svg)\n"
    )


def main() -> int:
    """Measure, print, and write."""
    given = arguments()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        lines = runner.run(measure(given))
    text = report(lines, " ".join(["python -m tests.bench.scale", *sys.argv[1:]]).replace(" --write", ""))
    print(text)
    if given.write:
        page = DOCS / "benchmarks.md"
        page.write_text(SECTION.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", page.read_text()))
        (DOCS / "scale.svg").write_text(svg(lines))
    return 1 if given.strict and any(line.verdict == "missed" for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
