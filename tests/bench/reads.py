"""Hot reads: the processor time of the server for each call, beside that of a bare echo.

Owns the load; both sides get the same. Does not know the table.
"""

import asyncio
import itertools
from typing import Any

from tests.bench.bare import METHOD
from tests.bench.rounds import Result, Rounds, at_most
from tests.bench.servers import LOCATIONS, Bench, client, program
from tests.bench.usage import cpu_seconds
from tests.fixtures.client import METHODS

CALLERS = 32
CALLS = 6000
LIMIT = at_most(1.3)


async def get_post(bench: Bench, rounds: Rounds) -> list[Result]:
    """GetPost, of one location after the other, against an echo of the same request."""
    requests = [{"name": f"locations/bench{n}/posts/p1"} for n in range(LOCATIONS)]
    return [await _calls(bench, "PostService/GetPost", requests, rounds)]


async def get_status(bench: Bench, rounds: Rounds) -> list[Result]:
    """GetConnectionStatus, of one location after the other, against an echo of the same size."""
    requests = [{"parent": f"locations/bench{n}", "provider": "providers/tiktok"} for n in range(LOCATIONS)]
    return [await _calls(bench, "ConnectionService/GetConnectionStatus", requests, rounds)]


async def _calls(bench: Bench, name: str, requests: list[dict[str, str]], rounds: Rounds) -> Result:
    """Measure microseconds of processor time per call. The client reads no answers, which costs the servers nothing."""
    method = METHODS[name]
    bodies = [method.request(**values).SerializeToString() for values in requests]
    echoes = [METHODS["PostService/GetPost"].request(name=f"locations/bench{n}/posts/p1") for n in range(LOCATIONS)]
    echoed = [message.SerializeToString() for message in echoes]
    async with (
        bench.gateway() as gateway,
        program("tests.bench.bare", "echo") as echo,
        bench.client(gateway) as caller,
        client(echo.port) as echo_caller,
    ):
        ours: Any = caller.channel.unary_unary(method.path)
        bare: Any = echo_caller.channel.unary_unary(METHOD)
        # Every location once: they are read from PostgreSQL, and their answers are checked.
        for values in requests:
            read = await caller.call(name, **values)
            assert read.HasField("create_time"), read
        metadata = (("authorization", f"Bearer {bench.key}"),)
        return await rounds.side_by_side(
            f"{name.partition('/')[2]}, server CPU a call",
            "grpc.aio echo",
            "µs",
            LIMIT,
            ours=lambda: _cost(gateway.pid, ours, bodies, metadata),
            bare=lambda: _cost(echo.pid, bare, echoed, None),
        )


async def _cost(pid: int, call: Any, bodies: list[bytes], metadata: Any) -> float:
    before = cpu_seconds(pid)
    await call_many(call, bodies, metadata, CALLS)
    return (cpu_seconds(pid) - before) / CALLS * 1e6


async def call_many(call: Any, bodies: list[bytes], metadata: Any, count: int) -> None:
    """Call `count` times, from several callers at once."""
    left = itertools.islice(itertools.cycle(bodies), count)

    async def caller() -> None:
        for body in left:
            await call(body, metadata=metadata)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
