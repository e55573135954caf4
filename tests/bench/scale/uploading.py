"""(e) Two hundred uploads of twenty megabytes at once: memory, and megabytes a second beside one alone.

Owns the load. Ten clients send; a stream that finds all places taken waits for one.
"""

import asyncio
import time
from collections.abc import Sequence

from tests.bench import transfers
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import Bench
from tests.bench.usage import cpu_seconds, forget_peak, peak_mib, resident_mib

BYTES = 20_000_000
CLIENTS = 10
PLACES = 20
LIMITS = {"GATEWAY_MAX_CALLS_PER_KEY": "1024"}


async def measure(bench: Bench, sizes: Sequence[int], tell: Tell) -> list[Line]:
    """Send each number of files at once, to a gateway of its own."""
    speeds, peaks, costs = list[float](), list[float](), list[float]()
    for size in sizes:
        async with bench.gateway("--no-jobs", **LIMITS) as gateway:
            clients = [bench.client(gateway) for _ in range(CLIENTS)]
            warm = await transfers.create(clients[0], BYTES, "locations/bench0")
            await transfers.write(clients[0], warm, BYTES)
            names = [await transfers.create(clients[0], BYTES, f"locations/bench{n % PLACES}") for n in range(size)]
            tell(f"{size:,} uploads at once")
            forget_peak(gateway.pid)
            rest, before, start = resident_mib(gateway.pid), cpu_seconds(gateway.pid), time.perf_counter()
            await asyncio.gather(*(transfers.write(clients[n % CLIENTS], name, BYTES) for n, name in enumerate(names)))
            speeds.append(size * BYTES / 1e6 / (time.perf_counter() - start))
            costs.append((cpu_seconds(gateway.pid) - before) / size * 1e3)
            peaks.append(peak_mib(gateway.pid) - rest)
            for name in [warm, *names]:
                await clients[0].call("UploadService/DeleteUpload", name=name)
            for client in clients:
                await client.channel.close()
    at = tuple(sizes)
    return [
        Line("e", "Memory above rest", "MiB", at, tuple(peaks)),
        Line("e", "All uploads together", "MB/s", at, tuple(speeds)),
        Line("e", "CPU an upload", "ms", at, tuple(costs)),
    ]
