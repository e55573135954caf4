"""Two processes on one port beside one: how many calls they could serve if nothing else needed their cores.

Owns the load, whose own time is left out: the client and two processes do not fit on two cores. Does not know the
table.
"""

import asyncio
from contextlib import AsyncExitStack

from tests.bench import reads
from tests.bench.rounds import Result, Rounds
from tests.bench.servers import Bench, Serving
from tests.bench.usage import children, cpu_seconds

CHANNELS = 32
CALLS_EACH = 400
CALLERS_EACH = 4


async def cores(bench: Bench, rounds: Rounds) -> list[Result]:
    """Hot GetPost over many connections: calls for each second of processor time of the process that used the most."""
    async with bench.gateway("--processes", "2") as two, bench.gateway() as one, AsyncExitStack() as stack:
        both, alone = await _loads(bench, two, stack), await _loads(bench, one, stack)

        async def capacity(pids: list[int], loads: list[reads.Load]) -> float:
            before = [cpu_seconds(pid) for pid in pids]
            await asyncio.gather(*(load(CALLS_EACH) for load in loads))
            busiest = max(cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True))
            return CHANNELS * CALLS_EACH / busiest

        return [
            await rounds.side_by_side(
                "Calls a CPU second, 2 processes / 1",
                "one process",
                "calls/s",
                None,
                ours=lambda: capacity(children(two.pid), both),
                bare=lambda: capacity([one.pid], alone),
            )
        ]


async def _loads(bench: Bench, gateway: Serving, stack: AsyncExitStack) -> list[reads.Load]:
    """Return the load of each of many connections, which the kernel deals out to the processes."""
    clients = [await stack.enter_async_context(bench.client(gateway)) for _ in range(CHANNELS)]
    return [await reads.hot(bench, each, "PostService/GetPost", reads.POSTS[:50], CALLERS_EACH) for each in clients]
