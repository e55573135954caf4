"""A look into one media file: the gateway's, beside a fresh interpreter that imports PyAV and looks.

Owns both sides' programs and the file. Does not know the table.
"""

import asyncio
import sys
from pathlib import Path

from tests.bench import bare_look
from tests.bench.rounds import Result, Rounds, at_most
from tests.bench.servers import Bench, program
from tests.bench.usage import cpu_seconds, cpu_seconds_of
from tests.chaos.processes import pattern

FILE_BYTES = 1_000_000
LOOKS = 30
BARE_LOOKS = 6


async def look(bench: Bench, rounds: Rounds) -> list[Result]:
    """Processor time of one look, everything that is started for it included."""
    path = bench.folder / "look.mp4"
    path.write_bytes(pattern(FILE_BYTES))
    async with program("tests.bench.looker", str(path)) as looker:

        async def ours() -> float:
            before = cpu_seconds(looker.pid)
            assert str(LOOKS) == await looker.ask(str(LOOKS))
            return (cpu_seconds(looker.pid) - before) / LOOKS * 1e3

        return [
            await rounds.side_by_side(
                "A look into a media file, CPU",
                "fresh interpreter, PyAV",
                "ms",
                at_most(1 / 15),
                ours=ours,
                bare=lambda: _fresh_looks(path),
            )
        ]


async def _fresh_looks(path: Path) -> float:
    command = (sys.executable, "-I", "-B", bare_look.__file__, str(path))
    seconds = [await asyncio.to_thread(cpu_seconds_of, command) for _ in range(BARE_LOOKS)]
    return sum(seconds) / BARE_LOOKS * 1e3
