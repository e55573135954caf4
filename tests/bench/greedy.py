"""Calls a gateway all the time: `python -m tests.bench.greedy PORT KEY LOCATION CALLS`.

Owns the load of one greedy key: so many ListPosts under way at all times. It prints 0, and ends with its input.
"""

import asyncio
import sys
from typing import Any

import uvloop

from tests.fixtures.client import METHODS, Client


async def main(port: str, key: str, location: str, calls: int) -> None:
    """Call until there is no more input."""
    method, metadata = METHODS["PostService/ListPosts"], (("authorization", f"Bearer {key}"),)
    body = method.request(parent=location).SerializeToString()
    async with Client(f"127.0.0.1:{port}", key) as client:
        call: Any = client.channel.unary_unary(method.path)

        async def caller() -> None:
            while True:
                await call(body, metadata=metadata)

        tasks = [asyncio.create_task(caller()) for _ in range(calls)]
        print(0, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    port, key, location, calls = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(port, key, location, int(calls)))
