"""`python -m tests.bench.profile`: flame graphs of a gateway that publishes, and of one that answers hot reads.

Owns where they go (`profiles/`), and how long py-spy looks. The loads are those of the measurements.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from tests.bench import publishing, reads
from tests.bench.servers import Bench, Serving, running

FOLDER = Path(__file__).resolve().parents[2] / "profiles"
SAMPLES_A_SECOND = 200
READS = 20_000
POSTS = 120
START_SECONDS = 1.0

REFUSED = (
    "py-spy may not look at another process here: run this as root, or let processes of one user trace each other "
    "(`sysctl kernel.yama.ptrace_scope=0`)"
)


class NotAllowed(Exception):
    """The operating system lets py-spy look at no other process."""


@asynccontextmanager
async def recorded(pid: int, name: str) -> AsyncIterator[Path]:
    """Record a process and what it starts until the block ends; the graph is then in the file that is yielded."""
    path = FOLDER / f"{name}.svg"
    program = Path(sys.executable).with_name("py-spy")
    process = await asyncio.create_subprocess_exec(
        program, "record", "--pid", str(pid), "--subprocesses", "--nolineno", "--format", "flamegraph",
        "--rate", str(SAMPLES_A_SECOND), "--output", path,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await asyncio.sleep(START_SECONDS)
    try:
        if process.returncode is None:
            yield path
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
    if not path.exists():
        raise NotAllowed(f"{REFUSED}\n{said.decode().strip()}")


async def publish(bench: Bench, gateway: Serving) -> None:
    """Publish many videos of a megabyte."""
    async with bench.client(gateway) as client:
        places = await publishing.connected(bench, POSTS, bench.vendor)
        async with recorded(gateway.pid, "publish"):
            await publishing.publish_all(bench, client, places)


async def read(bench: Bench, gateway: Serving) -> None:
    """Call GetPost for a thousand locations that the gateway has in its cache."""
    async with bench.client(gateway) as client:
        load = await reads.hot(bench, client, "PostService/GetPost", reads.POSTS)
        await load(reads.CALLS)
        async with recorded(gateway.pid, "reads"):
            await load(READS)


LOADS: dict[str, Callable[[Bench, Serving], Awaitable[None]]] = {"publish": publish, "reads": read}


async def record() -> None:
    """Record each load with a fresh gateway."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    async with running() as bench:
        for name, load in LOADS.items():
            print(f"recording: {name}", file=sys.stderr)
            async with bench.gateway() as gateway:
                await load(bench, gateway)
            print(f"{FOLDER.name}/{name}.svg")


def main() -> int:
    """Record, and print where the graphs are."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(record())
    except NotAllowed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
