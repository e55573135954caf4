"""`python -m tests.bench`: measure in rounds, print ratios.

Owns the command line and the table. A target that is missed changes the exit code only with `--strict`.
"""

import argparse
import asyncio
import os
import platform
import shutil
import sys

import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench import measures
from tests.bench.rounds import Result
from tests.bench.servers import running

MEASURES = {
    "post": measures.get_post,
    "status": measures.get_status,
    "upload": measures.write_upload,
    "chunk": measures.send_chunk,
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=MEASURES, action="append", help="measure only this (may be repeated)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds of each side (default: 5)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    return parser.parse_args()


async def measure(names: list[str], rounds: int) -> list[Result]:
    """Measure one thing after the other, on the same servers."""
    console = Console(stderr=True)
    with console.status("starting PostgreSQL, the gateway and the bare servers") as status:
        async with running() as bench:
            results = []
            for name in names:
                status.update(f"measuring: {name}")
                results.append(await MEASURES[name](bench, rounds))
    return results


def table(results: list[Result]) -> Table:
    """Return the table."""
    columns = ("", "against", "ours", "bare", "ratio", "spread", "target", "")
    shown = Table(*columns, title="The gateway beside bare servers, measured in turns", title_justify="left")
    for result in results:
        ours, bare = (sorted(values)[len(values) // 2] for values in (result.ours, result.bare))
        shown.add_row(
            result.name,
            result.against,
            f"{ours:,.0f} {result.unit}",
            f"{bare:,.0f} {result.unit}",
            f"{result.ratio:.2f}",
            f"{min(result.ratios):.2f}-{max(result.ratios):.2f}",
            f">= {result.target:.2f}",
            "met" if result.met else "MISSED",
        )
    return shown


def main() -> int:
    """Measure and print."""
    given = arguments()
    names = list(dict.fromkeys(given.only or MEASURES))
    if "chunk" in names and shutil.which("curl") is None:
        print("curl is not installed: the chunk is not measured", file=sys.stderr)
        names.remove("chunk")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(measure(names, given.rounds))
    Console(width=120).print(table(results))
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {given.rounds} rounds;")
    print("client, servers and database share them: ratios tell something, figures little.")
    return 1 if given.strict and not all(result.met for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
