"""Looks into a file as the gateway does, and keeps nothing: `python -m tests.bench.looker FILE`.

Owns reading the file. It prints 0, then looks as often as each line of its standard input says, and answers with that.
"""

import asyncio
import sys
from pathlib import Path

import uvloop

from gateway.media.probe import Prober


async def main(data: bytes) -> None:
    """Look, until there are no more lines."""
    loop = asyncio.get_running_loop()

    async def read(first: int, end: int) -> bytes:
        return data[first:end]

    async with Prober() as prober:
        print(0, flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            for _ in range(int(line)):
                facts = await prober.look(len(data), read)
                assert (facts.codec, facts.width, facts.height) == ("h264", 360, 640), facts
            print(int(line), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1]).read_bytes()))
