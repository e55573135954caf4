"""Runs a gateway until a signal stops it.

Owns the event loop and the signals: the first SIGTERM or SIGINT drains, the second stops at once. Does not know what
runs.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gateway.siblings import Siblings

T = TypeVar("T")

FORCED_STOP_SECONDS = 5.0


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine in a new uvloop event loop and return its result."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def serve_until_signal(*, calls: bool, jobs: bool, siblings: "Siblings | None" = None) -> None:
    """Start a gateway from the environment, serve until a signal arrives, and shut it down gracefully.

    One of several `siblings` also stops when their supervisor has died.
    """
    # Our child processes (PostgreSQL, the media probe) never use gRPC, whose fork handlers can crash them.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # What is imported stays: the garbage collector, which finds next to nothing in it, takes a third of the time of the
    # imports, and later 90 ms of a serving process each time that it walks through everything.
    gc.disable()
    from gateway import app, log, settings
    from gateway.cli.checks import refuse_wrong

    roles = app.Roles(calls=calls, jobs=jobs)
    app.load(roles)
    gc.freeze()
    gc.enable()
    chosen = settings.load()
    refuse_wrong(chosen)
    log.configure(level=chosen.log_level, form=chosen.log_format, process=siblings.number if siblings else None)
    first, second = signals(supervised=siblings is not None)
    if siblings is not None:
        siblings.follow(first.set)
    starting = asyncio.create_task(
        app.start(chosen, roles=roles, environment=os.environ, siblings=siblings), name="start"
    )
    if not await _finished_before(starting, first):
        starting.cancel()
        await asyncio.wait((starting,))
        return
    gateway = starting.result()
    if siblings is not None:
        siblings.say_started()
    await first.wait()
    stopping = asyncio.create_task(gateway.stop(), name="stop")
    if not await _finished_before(stopping, second):
        stopping.cancel()
        await asyncio.wait((stopping,), timeout=FORCED_STOP_SECONDS)
        return
    stopping.result()


def signals(*, supervised: bool = False) -> tuple[asyncio.Event, asyncio.Event]:
    """Return the events of the first and the second signal to stop.

    A supervised process may be sent SIGTERM by its supervisor and by whoever stops both, as systemd does: however often
    it comes, that is one. Only the supervisor's SIGINT after it means at once.
    """
    first, second = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (second if first.is_set() else first).set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, first.set if supervised else on_signal)
    loop.add_signal_handler(signal.SIGINT, on_signal)
    return first, second


async def _finished_before(task: "asyncio.Task[Any]", event: asyncio.Event) -> bool:
    """Wait for the task or the event, and return whether the task finished first."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return task.done()
