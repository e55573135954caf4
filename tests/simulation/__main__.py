"""`python -m tests.simulation`: runs seeds in several processes over one PostgreSQL, and says what came of them.

Owns the processes, the databases, and what is printed. Each process runs one seed after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote, urlsplit

# isort: off
import tests.simulation.loop  # noqa: F401 - before everything that binds the time

# isort: on
import psycopg
from psycopg import sql

from storage.embedded import start_embedded
from tests.fixtures import reaper
from tests.fixtures.database import compiled_once, migrated, place
from tests.simulation import plants
from tests.simulation.run import Outcome, simulate

HELP = """Run the seeded simulation: several gateways in one process, in virtual time, over a real PostgreSQL. A seed
and a commit give the same run in every process: what fails is printed with how to run it again."""

TEMPLATE = "simulated"
WARM = 0
"""The seed after which the others begin."""

OPTIONS = quote("-c search_path=sim,pg_catalog,public -c deadlock_timeout=60s")
PLAIN = "sslmode=disable&gssencmode=disable"
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "0"}

# The database's clock is the simulation's, and a notification is a row: the gateway's statements find these first.
SCHEMA = """
CREATE SCHEMA sim;
CREATE SEQUENCE sim.clock;
CREATE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
  $$ SELECT timestamptz '2026-11-20 12:00+00' + last_value * interval '1 microsecond' FROM sim.clock $$;
CREATE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT sim.clock_timestamp() $$;
CREATE TABLE sim.notes (id bigserial PRIMARY KEY, payload text);
CREATE FUNCTION sim.pg_notify(text, text) RETURNS void LANGUAGE sql AS
  $$ INSERT INTO sim.notes (payload) SELECT $2 WHERE $1 = 'gateway' $$;
-- The queue's own default is the machine's clock, by which a worker that died at once would never look dead.
ALTER TABLE procrastinate_workers ALTER last_heartbeat SET DEFAULT sim.now();
"""


def main() -> int:
    """Run, and return the exit status: 1 if some seed failed."""
    parser = argparse.ArgumentParser(prog="make simulate", description=HELP)
    parser.add_argument("--seeds", type=int, help="how many seeds (default: 200, or 1 with --seed)")
    parser.add_argument("--seed", type=int, help="the first seed (default: 1)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many processes")
    parser.add_argument("--plant", default="", choices=["", *plants.PLANTS], help="a bug that must be found")
    parser.add_argument("--trace", action="store_true", help="print the whole trace of a seed that failed")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.seeds = options.seeds or (200 if options.seed is None else 1)
    options.seed = options.seed or 1
    if options.child:
        return child(options)
    return asyncio.run(parent(options))


def child(options: argparse.Namespace) -> int:
    """Run every so manieth seed, each in a process of its own, so that none begins with what another one left: all
    begin with what one left that is not counted, for which every statement has been compiled.
    """
    number, _, url = options.child.partition(" ")
    sys.unraisablehook = lambda _: None
    logging.disable()
    with compiled_once():
        one(WARM, url)
        gc.collect()
        for seed in range(options.seed + int(number), options.seed + options.seeds, options.workers):
            if (pid := os.fork()) == 0:
                with plants.planted(options.plant):
                    print(json.dumps(asdict(one(seed, url))), flush=True)
                os._exit(0)
            if os.waitpid(pid, 0)[1]:
                # It has said why, and to nobody if the process that started this one is gone.
                return 1
    return 0


def one(seed: int, url: str) -> Outcome:
    """Run a seed over a database of its own."""
    name = f"seed_{os.getpid()}"
    with psycopg.connect(f"{url}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        with tempfile.TemporaryDirectory(dir=place()) as folder:
            outcome = simulate(seed, f"{url}/{name}?{PLAIN}&options={OPTIONS}", Path(folder))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        while admin.execute("SELECT FROM pg_stat_activity WHERE datname = %s", (name,)).rowcount:
            # PostgreSQL's own FORCE looks ten times a second.
            time.sleep(0.001)
        admin.execute(f"DROP DATABASE {name}")
    return outcome


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """Run a PostgreSQL with a template for the seeds, and yield its URL without a database."""
    folder = place() / f"social-gateway-simulation-{os.getpid()}"
    running = await start_embedded(folder, fsync=False)
    try:
        url = running.url.rpartition("/")[0]
        with psycopg.connect(running.url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {TEMPLATE}")
            # The same password: every connection of every node would work for milliseconds to prove that it knows it.
            admin.execute("SET scram_iterations = 1")
            password = sql.Literal(urlsplit(running.url).password or "")
            admin.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(password))
        await migrated(f"{url}/{TEMPLATE}")
        with psycopg.connect(f"{url}/{TEMPLATE}", autocommit=True) as made:
            made.execute(SCHEMA)
        yield url
    finally:
        await running.release()
        reaper.reap(folder)


async def parent(options: argparse.Namespace) -> int:
    """Run the seeds and say how it went."""
    began, outcomes = time.monotonic(), []
    options.workers = min(options.workers, options.seeds)
    async with server() as url:
        lines: asyncio.Queue[Outcome] = asyncio.Queue()
        children = [asyncio.create_task(run(number, url, options, lines)) for number in range(options.workers)]
        ended = asyncio.gather(*children)
        while not (ended.done() and lines.empty()):
            try:
                outcome = await asyncio.wait_for(lines.get(), 0.2)
            except TimeoutError:
                continue
            outcomes.append(outcome)
            if outcome.wrong:
                show(outcome, options)
                if options.plant:
                    # Found: that is all that was asked.
                    ended.cancel()
        with suppress(asyncio.CancelledError):
            await ended
    summary(outcomes, options, time.monotonic() - began)
    return int(len(outcomes) < options.seeds or any(outcome.wrong for outcome in outcomes))


async def run(number: int, url: str, options: argparse.Namespace, lines: asyncio.Queue[Outcome]) -> None:
    """Run one process and pass its outcomes on."""
    arguments = [f"--{name}={getattr(options, name)}" for name in ("seeds", "seed", "workers", "plant")]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.simulation", *arguments, f"--child={number} {url}"),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            lines.put_nowait(Outcome(**json.loads(line)))
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def show(outcome: Outcome, options: argparse.Namespace) -> None:
    """Print a seed that failed, and how it is run again."""
    for line in outcome.trace if options.trace else outcome.trace[-25:]:
        print(f"    {line}")
    print(f"seed {outcome.seed} FAILED after {outcome.seconds:.0f} s of virtual time: {outcome.wrong}")
    print(f"    faults: {outcome.faults}")
    plant = f" ARGS=--plant={options.plant}" if options.plant else ""
    print(f"    replay: make simulate SEED={outcome.seed}{plant}   (trace {outcome.digest}; --trace shows all of it)")


def summary(outcomes: list[Outcome], options: argparse.Namespace, took: float) -> None:
    """Print what was covered."""
    faults: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for outcome in outcomes:
        faults.update({kind: count for kind, count in outcome.faults.items() if not kind.startswith("death at pub")})
        states.update(outcome.states)
    hours = sum(outcome.seconds for outcome in outcomes) / 3600
    print(f"seeds {options.seed} to {options.seed + options.seeds - 1}: {len(outcomes)} run in {took:.0f} s, ", end="")
    print(f"{hours:.1f} hours of virtual time, {sum(each.steps for each in outcomes)} steps, ", end="")
    print(f"{sum(each.posts for each in outcomes)} posts on the networks")
    print("posts: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    for kind, count in sorted(faults.items()):
        print(f"  {count:7} {kind}")
    if options.seeds == 1 and outcomes:
        print(f"trace {outcomes[0].digest}")
    failed = sorted(outcome.seed for outcome in outcomes if outcome.wrong)
    if missing := options.seeds - len(outcomes):
        print(f"FAILED: {missing} seeds were not run to their end")
    print(f"FAILED: seeds {failed}" if failed else "everything held" if not missing else "")


if __name__ == "__main__":
    sys.exit(main())
