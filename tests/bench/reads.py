"""Hot reads: the processor time of the server for each call, beside that of a bare echo.

Owns the load; both sides get the same. Does not know the table.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tests.bench.bare import METHOD
from tests.bench.rounds import Result, Rounds, at_most
from tests.bench.servers import LOCATIONS, Bench, client, program
from tests.bench.usage import cpu_seconds
from tests.fixtures.client import METHODS, Client

CALLERS = 32
CALLS = 6000
LIMIT = at_most(1.3)


POSTS = [{"name": f"locations/bench{n}/posts/p1"} for n in range(LOCATIONS)]
STATUSES = [{"parent": f"locations/bench{n}", "provider": "providers/tiktok"} for n in range(LOCATIONS)]

Load = Callable[[int], Awaitable[None]]
"""Makes so many calls."""


async def get_post(bench: Bench, rounds: Rounds) -> list[Result]:
    """GetPost, of one location after the other, against an echo of the request."""
    return [await _beside_echo(bench, "PostService/GetPost", POSTS, rounds)]


async def get_status(bench: Bench, rounds: Rounds) -> list[Result]:
    """GetConnectionStatus, of one location after the other, against an echo of the same size."""
    return [await _beside_echo(bench, "ConnectionService/GetConnectionStatus", STATUSES, rounds)]


async def hot(bench: Bench, caller: Client, name: str, requests: list[dict[str, str]], callers: int = CALLERS) -> Load:
    """Return the load of one method, by several callers at once.

    Every request was made once before: it was read from PostgreSQL, and its answer was checked. The client reads no
    further answers, which costs the server nothing.
    """
    for values in requests:
        read = await caller.call(name, **values)
        assert read.HasField("create_time"), read
    method, metadata = METHODS[name], (("authorization", f"Bearer {bench.key}"),)
    bodies = [method.request(**values).SerializeToString() for values in requests]
    return partial(_call_many, caller.channel.unary_unary(method.path), bodies, metadata, callers)


async def _beside_echo(bench: Bench, name: str, requests: list[dict[str, str]], rounds: Rounds) -> Result:
    """Measure microseconds of processor time per call."""
    echoed = [METHODS["PostService/GetPost"].request(**values).SerializeToString() for values in POSTS]
    async with (
        bench.gateway() as gateway,
        program("tests.bench.bare", "echo") as echo,
        bench.client(gateway) as caller,
        client(echo.port) as echo_caller,
    ):
        ours = await hot(bench, caller, name, requests)
        bare = partial(_call_many, echo_caller.channel.unary_unary(METHOD), echoed, None, CALLERS)
        return await rounds.side_by_side(
            f"{name.partition('/')[2]}, server CPU a call",
            "grpc.aio echo",
            "µs",
            LIMIT,
            ours=lambda: cost(gateway.pid, ours),
            bare=lambda: cost(echo.pid, bare),
        )


async def cost(pid: int, load: Load) -> float:
    """Return the microseconds of processor time of each call of a load."""
    before = cpu_seconds(pid)
    await load(CALLS)
    return (cpu_seconds(pid) - before) / CALLS * 1e6


async def _call_many(call: Any, bodies: list[bytes], metadata: Any, callers: int, count: int) -> None:
    """Call `count` times."""
    left = itertools.islice(itertools.cycle(bodies), count)

    async def caller() -> None:
        for body in left:
            await call(body, metadata=metadata)

    await asyncio.gather(*(caller() for _ in range(callers)))
