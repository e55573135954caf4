"""The token protocol between processes: many at once, and some that are killed or frozen in the middle.

Owns the proof that takes real processes over one real database, with the vendor on a real socket.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.domain.credentials.token_store import Timing
from gateway.domain.credentials.tokens import Tokens
from gateway.failpoints import VARIABLE
from gateway.settings import Settings
from providers.errors import ProviderError
from providers.simulators.highlevel import create_app as create_planner
from providers.simulators.serving import serve
from providers.simulators.tiktok import create_app
from socialgateway.v1 import connection_pb2
from tests.fixtures import highlevel
from tests.fixtures.clock import RunningClock
from tests.fixtures.domain import built
from tests.fixtures.gateway import VENDOR, World, opened
from tests.fixtures.settings import for_highlevel, for_tiktok, make_settings
from tests.fixtures.waiting import until

pytestmark = pytest.mark.chaos

VALID = connection_pb2.Connection.VALID
EXPIRED = connection_pb2.Connection.EXPIRED


@dataclass
class Stage:
    """A connected user with an expired token, and how to start processes that ask for it.

    `exchanges` gives how the vendor answered to refresh tokens.
    """

    world: World
    exchanges: Callable[[], list[str]]
    vendor_url: str
    made: connection_pb2.Connection
    folder: Path

    def order(self, name: str, callers: int, grace: float) -> str:
        """Return what one process is told; `name` is its data folder."""
        _, location, _, connection = self.made.name.split("/")
        return json.dumps(
            {
                "database_url": self.world.domain.db.url,
                "folder": str(self.folder / name),
                "vendor_url": self.vendor_url,
                "location": location,
                "connection": connection,
                "callers": callers,
                "grace": grace,
            }
        )

    @asynccontextmanager
    async def process(
        self, name: str, callers: int = 1, failpoint: str = "", grace: float = 0.5
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Start a process and wait until it stands ready; it is killed at the end of the block if it still runs.

        `grace` is how long it waits for a dead lease holder's pair, in seconds.
        """
        async with caller(__name__, self.order(name, callers, grace), failpoint) as child:
            yield child

    async def ask(self, name: str, callers: int = 1) -> list[str]:
        """Let a new process ask and give its answers."""
        async with self.process(name, callers) as child:
            return await answers(child)

    async def status(self) -> Any:
        """Return the connection's status."""
        return (await self.world.get(self.made.name)).status


@asynccontextmanager
async def caller(module: str, order: str, failpoint: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a module as a process and wait until it stands ready; it is killed at the end of the block."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        order,
        env={**os.environ, VARIABLE: failpoint},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await heard(child, lambda line: line == "ready")
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def heard(child: asyncio.subprocess.Process, wanted: Any) -> str:
    """Read lines, among them the child's log, until the wanted one."""
    assert child.stdout is not None
    while line := (await child.stdout.readline()).decode():
        if wanted(line.strip()):
            return line
    raise AssertionError("the process ended without a word")


def go(child: asyncio.subprocess.Process) -> None:
    """Return the word."""
    assert child.stdin is not None
    child.stdin.write(b"go\n")


async def answers(child: asyncio.subprocess.Process) -> list[str]:
    """Return the word and wait for the answers."""
    go(child)
    found: list[str] = json.loads(await heard(child, lambda line: line.startswith("[")))
    return found


def state_of(pid: int) -> str:
    """Return the kernel's one-letter state of a process: `T` when it is frozen."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a connected user whose access token has just run out, everywhere."""
    clock = RunningClock()
    app = create_app(VENDOR, clock=clock)
    async with serve(app) as url, opened(database_url, tmp_path / "first", clock=clock, simulator=app) as world:
        made = await world.connect()
        world.vendor.expire_access_tokens()
        async with world.domain.db.transaction() as tx:
            await tx.execute(text("UPDATE tokens SET access_expire_time = now() - interval '1 second'"))
        yield Stage(world, world.exchanges, url, made, tmp_path)


@pytest.fixture
async def planner(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield the same of a location at HighLevel, whose refresh token dies when it is used."""
    clock = RunningClock()
    app = create_planner(highlevel.SIMULATED, clock=clock)
    async with (
        serve(app) as url,
        highlevel.opened(database_url, tmp_path / "first", clock=clock, simulator=app) as high,
    ):
        made = await high.connect()
        high.vendor.expire_access_tokens()
        async with high.world.domain.db.transaction() as tx:
            await tx.execute(text("UPDATE tokens SET access_expire_time = now() - interval '1 second'"))
        yield Stage(high.world, high.exchanges, url, made, tmp_path)


@pytest.fixture(params=["stage", "planner"])
def either(request: pytest.FixtureRequest) -> Stage:
    """Return the one, then the other."""
    found: Stage = request.getfixturevalue(request.param)
    return found


async def test_four_processes_with_64_callers_each_make_one_exchange(either: Stage) -> None:
    """256 callers in four processes find one expired grant: the vendor is asked once, all get the new token."""
    stage = either
    async with contextlib.AsyncExitStack() as stack:
        children = [await stack.enter_async_context(stage.process(f"p{number}", 64)) for number in range(4)]
        got = await asyncio.gather(*(answers(child) for child in children))

    assert {"2"} == {version for versions in got for version in versions}
    assert 256 == sum(len(versions) for versions in got)
    assert ["ok"] == stage.exchanges()


@pytest.mark.parametrize("place", ["token.after-spill", "token.after-save"])
async def test_a_holder_killed_after_its_spill_loses_nothing(either: Stage, place: str) -> None:
    """SIGKILL anywhere after the pair is on disk: the next start on that folder has it, without another exchange."""
    stage = either
    async with stage.process("killed", failpoint=f"{place}=kill") as child:
        go(child)
        assert -signal.SIGKILL == await child.wait()

    assert ["2"] == await stage.ask("killed")
    assert (["ok"], VALID) == (stage.exchanges(), await stage.status())


async def test_a_holder_killed_before_the_exchange_costs_nothing(stage: Stage) -> None:
    """The next process waits for the dead holder's lease to expire, and exchanges."""
    async with stage.process("killed", failpoint="token.before-exchange=kill") as child:
        go(child)
        assert -signal.SIGKILL == await child.wait()

    assert ["2"] == await stage.ask("other")
    assert (["ok"], VALID) == (stage.exchanges(), await stage.status())


async def test_a_pair_on_a_dead_holders_disk_is_adopted_by_those_who_wait(stage: Stage) -> None:
    """Another replica is refused by the vendor, waits for the dead one to come back, and takes the pair it saves."""
    async with stage.process("killed", failpoint="token.after-spill=kill") as child:
        go(child)
        assert -signal.SIGKILL == await child.wait()
    async with stage.process("other", grace=60) as waiting:
        asking = asyncio.create_task(answers(waiting))
        await until(lambda: "invalid_grant" in stage.exchanges())
        assert ["2"] == await stage.ask("killed")
        assert ["2"] == await asking

    assert (["ok", "invalid_grant"], VALID) == (stage.exchanges(), await stage.status())


async def test_a_holder_killed_with_the_only_copy_ends_the_grant(stage: Stage) -> None:
    """Killed between the vendor's answer and the disk, with a vendor whose old token is dead: nothing can be saved."""
    async with stage.process("killed", failpoint="token.after-exchange=kill") as child:
        go(child)
        assert -signal.SIGKILL == await child.wait()

    assert ["GrantRevoked"] == await stage.ask("other")
    assert EXPIRED == await stage.status()


async def test_a_frozen_holder_that_wakes_up_still_saves_its_pair(stage: Stage) -> None:
    """Frozen with the new pair in memory while its lease lapses and the connection is given up: waking saves it all."""
    async with stage.process("frozen", failpoint="token.after-exchange=stop") as child:
        go(child)
        await until(lambda: state_of(child.pid) == "T")
        assert ["GrantRevoked"] == await stage.ask("other")
        assert EXPIRED == await stage.status()
        child.send_signal(signal.SIGCONT)
        assert ["2"] == json.loads(await heard(child, lambda line: line.startswith("[")))

    assert VALID == await stage.status()


# The other process


def settings_of(order: dict[str, Any]) -> Settings:
    """Return the settings of a gateway over the given database, folder and vendor."""
    url = order["vendor_url"]
    vendors = {**for_tiktok(url=url), **for_highlevel(url=url)}
    return make_settings(order["database_url"], Path(order["folder"]), database_pool_size=12, **vendors)


async def ask(tokens: Tokens, order: dict[str, Any]) -> str:
    """Ask once, and return the version of the token or the name of the error."""
    try:
        return str((await tokens.fresh(order["location"], order["connection"])).version)
    except ProviderError as error:
        return type(error).__name__


async def main(order: dict[str, Any]) -> None:
    """Start as a gateway does (spills are saved), print "ready", wait for a line, ask, and print the answers."""
    timing = Timing(
        lease=timedelta(seconds=1), grace=timedelta(seconds=order["grace"]), save_retry=timedelta(milliseconds=50)
    )
    async with built(settings_of(order), timing=timing) as (_, domain):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        answers = await asyncio.gather(*(ask(domain.tokens, order) for _ in range(order["callers"])))
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
