"""One seed: a world is built, things go wrong in it for a while, it heals, and everything is looked at.

Owns the order of these, when a fault strikes by itself, and what is replaced in the gateway for a run.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio.to_thread
import psycopg
import structlog
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

import gateway.jobs.deliveries
import gateway.jobs.runner
import providers.simulators.tiktok.publications
import providers.tiktok.upload
from gateway import failpoints
from storage.database import DatabaseUnavailable
from storage.engine import PoolConnection
from tests.simulation import world as worlds
from tests.simulation.callers import SPREAD, Callers
from tests.simulation.faults import here
from tests.simulation.invariants import Invariants, Violated
from tests.simulation.loop import NODE, Loop, controlled
from tests.simulation.world import FAR, Died, Node, World

EXECUTE = "before_cursor_execute"
POSTS = 6
TROUBLE = SPREAD + 40.0
"""Seconds after which the world heals."""

FROZEN = 31.0, 38.0
"""Seconds for which a process is frozen: longer than a lease, and so that a submit that was announced 20 s ago is
still made before it is believed to be lost, by clocks that are not the same.
"""

PATIENCE = 5400.0
"""Seconds after that in which everything must be finished."""


@dataclass
class Outcome:
    """What came of a seed: `wrong` is empty if everything held."""

    seed: int
    digest: str = ""
    seconds: float = 0.0
    steps: int = 0
    posts: int = 0
    states: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    wrong: str = ""
    trace: list[str] = field(default_factory=list)


def simulate(seed: int, url: str, folder: Path) -> Outcome:
    """Run one seed over an empty database of its own."""
    outcome = Outcome(seed)
    with psycopg.connect(url, autocommit=True) as side:
        loop = Loop(f"loop {seed}", side)
        with controlled(loop):
            run = Run(World(seed, loop, url, folder))
            with run.replaced():
                try:
                    loop.run_until_complete(run.live())
                except Exception as error:
                    found = run.error or error
                    outcome.wrong = str(found) if isinstance(found, Violated) else traceback.format_exc()
                run.report(outcome)
    return outcome


async def inline(function: Callable[..., Any], *args: Any, **_: Any) -> Any:
    """Run a function in this thread, where Starlette has threads of its own."""
    await asyncio.sleep(0)
    return function(*args)


class Run:
    """One seed under way."""

    def __init__(self, world: World) -> None:
        self.world, self.loop, self.faults = world, world.loop, world.faults
        self.callers = Callers(world, POSTS)
        self.invariants = Invariants(world, self.callers)
        self.error: BaseException | None = None
        self.noted = False

    async def live(self) -> None:
        """Let everything happen; raises Violated."""
        rates, self.faults.rates = self.faults.rates, {}
        await self.world.start()
        await self.world.call(lambda node: self.callers.prepare(node.domain))
        self.loop.after_step, self.faults.rates = self.step, rates
        self.loop.slow = self.world.rng.choice((0.0, 0.01, 0.1))
        self.callers.start()
        await self._until(self.loop.now + TROUBLE, lambda: False)
        self.faults.heal()
        self.loop.slow = 0.0
        for node in self.world.nodes:
            node.skew = timedelta()
        if not await self._until(self.loop.now + PATIENCE, lambda: not self.invariants.waits()):
            raise Violated(f"stuck: {self.invariants.waits()}")
        self.invariants.end()

    async def _until(self, end: float, condition: Callable[[], bool]) -> bool:
        while self.loop.now < end:
            if self.error is not None:
                raise self.error
            if condition():
                return True
            await asyncio.sleep(2)
        return False

    def step(self) -> None:
        """Strike, and look whether everything holds."""
        try:
            self._strike()
            self.invariants.step()
        except Violated as error:
            self.error = self.error or error
            self.loop.stop()

    def _strike(self) -> None:
        faults, world = self.faults, self.world
        if not faults.rates or not world.nodes:
            return
        if faults.happens("death anywhere") and self._may_die(node := faults.rng.choice(world.nodes)):
            world.bury(node)
        elif faults.happens("frozen anywhere") and self._may_die(node := faults.rng.choice(world.nodes)):
            self.loop.freeze(node, faults.rng.uniform(*FROZEN))
        elif faults.happens("connection cut"):
            self._cut(faults.rng.choice(world.nodes), 1)
        elif faults.happens("database away"):
            world.away_until = self.loop.now + faults.rng.uniform(0.5, 30)
            for node in world.nodes:
                self._cut(node, len(node.lines))
        elif faults.happens("clock stepped"):
            faults.rng.choice(world.nodes).skew = faults.rng.uniform(-1, 1) * FAR
        elif faults.happens("grants expired"):
            world.expired += world.tiktok.expire_access_tokens() + world.highlevel.expire_access_tokens()

    def _cut(self, node: Node, count: int) -> None:
        node.lines = [line for line in node.lines if not line.closed]
        for line in self.faults.rng.sample(node.lines, min(count, len(node.lines))):
            self.loop.cut(line.pgconn.socket)

    def _may_die(self, node: Node) -> bool:
        """Return whether a death now loses no grant by the vendor's own rules: a pair that nobody has stored yet."""
        return not self.world.strict or not node.domain.tokens._refreshes

    def reach(self, name: str) -> None:
        """Die at a failpoint, or be frozen from there on, or not."""
        node = NODE.get()
        if node is None:
            return
        if node.dead:
            raise Died
        if node in self.world.nodes and self.faults.happens("death at a failpoint") and self._may_die(node):
            self.loop.note(f"{node} at {name}")
            self.faults.met[f"death at {name}"] += 1
            self.world.bury(node)
            raise Died
        if node in self.world.nodes and self.faults.happens("frozen at a failpoint") and self._may_die(node):
            self.loop.freeze(node, self.faults.rng.uniform(*FROZEN))

    async def _connect(self, *args: Any, **kwargs: Any) -> PoolConnection:
        await here()
        if self.loop.now < self.world.away_until:
            raise psycopg.OperationalError("the database is away")
        line: PoolConnection = await super(PoolConnection, PoolConnection).connect(*args, **kwargs)
        self.loop.connected(line.pgconn.socket, line.info.backend_pid)
        NODE.get().lines.append(line)
        return line

    def _log(self, logger: Any, method: str, values: Any) -> Any:
        """Note an internal error that is logged: each is a finding."""
        error = values.get("exc_info")
        if isinstance(error, Exception) and not isinstance(error, DatabaseUnavailable):
            text = "".join(traceback.format_exception(error)[-6:])
            self.callers.faults.append(f"{values.get('event')}: {text}")
        raise structlog.DropEvent

    @contextmanager
    def replaced(self) -> Iterator[None]:
        """Replace the edges of the gateway for the length of a block."""
        with ExitStack() as stack:
            for module in [each for name, each in sys.modules.items() if name.startswith("gateway.")]:
                if getattr(module, "reach", None) is failpoints.reach:
                    stack.enter_context(patch.object(module, "reach", self.reach))
            stack.enter_context(patch.object(gateway.jobs.runner, "queue", worlds.queue))
            stack.enter_context(patch.object(anyio.to_thread, "run_sync", inline))
            stack.enter_context(patch.object(PoolConnection, "connect", self._connect))
            # Videos of three chunks in kilobytes, for both sides.
            stack.enter_context(patch.multiple(providers.tiktok.upload, WHOLE_MAX=64_000, CHUNK=50_000))
            sides = providers.simulators.tiktok.publications
            stack.enter_context(patch.multiple(sides, SMALLEST_CHUNK=5_000, LARGEST_CHUNK=64_000))
            structlog.configure(processors=[self._log], cache_logger_on_first_use=False)
            stack.enter_context(patch.object(gateway.jobs.deliveries, "FULL_SECONDS", 30.0))
            for owner, name, hook in ((Session, "after_commit", self._committed), (Engine, EXECUTE, self._executes)):
                event.listen(owner, name, hook)
                stack.callback(event.remove, owner, name, hook)
            yield

    def _executes(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "clock_timestamp" in statement:
            self.world.tick()
        self.noted = self.noted or "pg_notify" in statement

    def _committed(self, session: Any) -> None:
        if self.noted:
            self.noted = False
            self.world.pump()

    def report(self, outcome: Outcome) -> None:
        """Fill in what happened."""
        outcome.digest, outcome.seconds, outcome.steps = self.loop.digest, self.loop.now, self.loop.steps
        outcome.posts = sum(self.invariants.posted().values())
        outcome.faults = dict(self.faults.met)
        rows = self.loop.side.execute("SELECT state, count(*) FROM posts GROUP BY 1").fetchall()
        outcome.states = dict(rows)
        outcome.trace = list(self.loop.trace) if outcome.wrong else []
