"""How memory grows while a gateway is busy for long: reads, posts and streams, for minutes.

Owns the load, and the line through what was measured after the first third.
"""

import asyncio
import time
from collections.abc import Sequence
from statistics import linear_regression

from tests.bench.publishing import connected, publish
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import Bench
from tests.bench.usage import resident_mib
from tests.fixtures.client import Client

READERS = 4
READ_PAUSE_SECONDS = 0.02
POST_PAUSE_SECONDS = 1.0
LOOK_SECONDS = 5.0
VIDEO_BYTES = 1_000_000


async def measure(bench: Bench, minutes: Sequence[int], tell: Tell) -> list[Line]:
    """Keep a gateway busy for so many minutes, and return the slope of its resident memory."""
    (span,) = minutes
    # A creator may start six posts a minute, and fifteen a day.
    places = await connected(bench, max(20, span * 60 // 10), bench.vendor)
    async with bench.gateway() as gateway, bench.client(gateway) as client:
        begin, seen = time.monotonic(), list[tuple[float, float]]()
        load = [asyncio.create_task(_read(client, n)) for n in range(READERS)]
        load.append(asyncio.create_task(_post(client, places)))
        while (at := time.monotonic() - begin) < span * 60:
            await asyncio.sleep(LOOK_SECONDS)
            seen.append((at / 3600, resident_mib(gateway.pid)))
            tell(f"{at / 60:.1f} of {span} minutes: {seen[-1][1]:.1f} MiB")
            for task in load:
                if task.done():
                    task.result()
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
    late = seen[len(seen) // 3 :]
    slope = linear_regression([hour for hour, _ in late], [mib for _, mib in late]).slope
    note = f"{seen[0][1]:.0f} MiB at first, {seen[-1][1]:.0f} at the end"
    return [Line("g", f"Memory over {span} minutes of load, slope", "MiB/h", (span,), (slope,), note=note)]


async def _read(client: Client, first: int) -> None:
    number = first
    while True:
        number = (number + READERS) % 1000
        await client.call("PostService/GetPost", name=f"locations/bench{number}/posts/p1")
        await client.call(
            "ConnectionService/GetConnectionStatus", parent=f"locations/bench{number}", provider="providers/tiktok"
        )
        await asyncio.sleep(READ_PAUSE_SECONDS)


async def _post(client: Client, places: list[str]) -> None:
    number = 0
    while True:
        await publish(client, places[number % len(places)], VIDEO_BYTES)
        number += 1
        await asyncio.sleep(POST_PAUSE_SECONDS)
