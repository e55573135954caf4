"""`python -m tests.bench`: measure in rounds, print a table.

Owns the command line and the progress. A target that is missed changes the exit code only with `--strict`.
"""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import uvloop
from rich.console import Console

from tests.bench import cores, fairness, looks, publishing, reads, standing, transfers, watching
from tests.bench.rounds import Result, Rounds
from tests.bench.servers import Bench, running
from tests.bench.table import line, table

Measure = Callable[[Bench, Rounds], Awaitable[list[Result]]]

MEASURES: dict[str, Measure] = {
    "publish": publishing.cost_of_a_post,
    "audit": watching.audit_of_a_post,
    "look": looks.look,
    "rate": publishing.rate,
    "post": reads.get_post,
    "status": reads.get_status,
    "telemetry": watching.telemetry_of_a_read,
    "upload": transfers.write_upload,
    "small": transfers.small_upload,
    "chunk": transfers.send_chunk,
    "import": standing.imports,
    "rest": standing.rest,
    "growth": standing.growth,
    "cores": cores.cores,
    "fairness": fairness.fairness,
}
MOST_GIB = 4


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=MEASURES, action="append", help="measure only this (may be repeated)")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds of each side (default: 3)")
    parser.add_argument(
        "--gib", type=int, default=1, choices=range(1, MOST_GIB + 1), help="size of the large video (default: 1)"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    return parser.parse_args(given)


async def measure(names: list[str], rounds: int, gib: int) -> list[Result]:
    """Measure one thing after the other, each with gateways of its own."""
    console = Console(stderr=True)
    results: list[Result] = []
    with console.status("starting PostgreSQL and the simulated vendor") as status:

        def tell(name: str, text: str) -> None:
            status.update(f"{name}: {text}")
            if not console.is_terminal:
                console.print(f"{name}: {text}", highlight=False)

        async with running(gib) as bench:
            for name in names:
                found = await MEASURES[name](bench, Rounds(rounds, partial(tell, name)))
                results += found
                for each in found:
                    console.print(line(each), highlight=False)
    return results


def main() -> int:
    """Measure and print."""
    given = arguments()
    names = list(dict.fromkeys(given.only or MEASURES))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(measure(names, given.rounds, given.gib))
    Console(width=140).print(table(results))
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {given.rounds} rounds;")
    print("callers, servers, database and vendor share the cores.")
    return 1 if given.strict and not all(result.met for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
