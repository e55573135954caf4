"""What a gateway costs without being used: its imports, its memory and time at rest, and what use leaves in memory.

Owns how each is measured. Does not know the table.
"""

import asyncio
import sys

from tests.bench.publishing import connected, publish, until_published
from tests.bench.rounds import Result, Rounds, at_most
from tests.bench.servers import Bench
from tests.bench.usage import cpu_seconds, cpu_seconds_of, forget_peak, peak_mib, resident_mib

IMPORTS = 5
SETTLE_SECONDS = 5.0
REST_SECONDS = 20.0
GIB = 1024**3
SMALL_BYTES = 1_000_000


async def imports(bench: Bench, rounds: Rounds) -> list[Result]:
    """The application, against three libraries that it cannot do without; both from compiled files."""
    name, against = "Import of gateway.app, CPU", "grpc.aio, sqlmodel, httpx"
    return [
        await rounds.side_by_side(
            name,
            against,
            "ms",
            at_most(1.5),
            ours=lambda: _fresh_import("gateway.app"),
            bare=lambda: _fresh_import("grpc.aio, sqlmodel, httpx"),
        )
    ]


async def _fresh_import(modules: str) -> float:
    command = (sys.executable, "-c", f"import {modules}")
    seconds = [await asyncio.to_thread(cpu_seconds_of, command) for _ in range(IMPORTS)]
    return sum(seconds) / IMPORTS * 1e3


async def rest(bench: Bench, rounds: Rounds) -> list[Result]:
    """A fresh `serve` without a caller, with its jobs: memory, and the share of a core over twenty seconds."""

    async def one_round() -> tuple[float, float]:
        async with bench.gateway() as gateway:
            await asyncio.sleep(SETTLE_SECONDS)
            resident, before = resident_mib(gateway.pid), cpu_seconds(gateway.pid)
            await asyncio.sleep(REST_SECONDS)
            return resident, (cpu_seconds(gateway.pid) - before) / REST_SECONDS * 100

    figures = await rounds.repeated(one_round)
    return [
        Result("Resident at rest", "", "MiB", at_most(100), tuple(resident for resident, _ in figures)),
        Result("CPU at rest, share of a core", "", "%", at_most(0.7), tuple(share for _, share in figures)),
    ]


async def growth(bench: Bench, rounds: Rounds) -> list[Result]:
    """How far memory rises above what a gateway has after one small post, while a large video comes in and goes out."""

    gib = bench.gib

    async def one_round() -> float:
        small, large = await connected(bench, 2, bench.vendor)
        async with bench.gateway() as gateway, bench.client(gateway) as client:
            await publish(client, small, SMALL_BYTES)
            await until_published(bench, [small], 1)
            before = resident_mib(gateway.pid)
            forget_peak(gateway.pid)
            await publish(client, large, gib * GIB)
            await until_published(bench, [large], 1)
            return peak_mib(gateway.pid) - before

    grown = tuple(await rounds.repeated(one_round))
    return [Result(f"Resident growth, {gib} GiB in and out", "", "MiB", at_most(32), grown)]
