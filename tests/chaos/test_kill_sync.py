"""A gateway that dies while it reads an account of 500 videos and 20,000 comments.

Owns the kills: SIGKILL at calls of the vendor that a seed picks, before and after their answers. The vendor counts the
calls; what is stored is read from the database.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.clock import now
from gateway.domain.engagement.sync_run import LEASE
from providers.simulators.faults import swallow
from providers.simulators.serving import serve
from providers.simulators.tiktok_business import SimulatorConfig, create_app
from socialgateway.v1.engagement_pb2 import EngagementSync
from socialgateway.v1.engagement_service_pb2 import CreateEngagementSyncRequest
from tests.chaos import business, processes
from tests.chaos.forks import Ahead, nursery
from tests.fixtures.business import fill
from tests.fixtures.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

VIDEOS, COMMENTS = 500, 40
UNDISTURBED = 2 + VIDEOS // 20 + 2 * VIDEOS
"""Profile and figures, pages of videos, and two pages of comments for each video, with their replies."""

KILLS = 10
LIMIT = 1.1 * UNDISTURBED
SECOND = 0.05 * UNDISTURBED


@dataclass
class Deadly:
    """The vendor's app, which kills its caller at the calls in `fatal`: before an answer, or right after it."""

    app: ASGIApp
    fatal: dict[int, bool] = field(default_factory=dict)
    kill: Callable[[], None] = lambda: None
    calls: int = 0
    deaths: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, count it if it reads the account, and kill its caller if it is one of the fatal ones."""
        if scope["type"] != "http" or "/business/" not in scope["path"]:
            await self.app(scope, receive, send)
            return
        self.calls += 1
        answered = self.fatal.get(self.calls)
        if answered is None:
            await self.app(scope, receive, send)
            return
        self.deaths += 1
        if answered:
            await self.app(scope, receive, send)
            self.kill()
        else:
            self.kill()
            await self.app(scope, receive, swallow)


async def stored(database_url: str) -> tuple[int, list[str]]:
    """Return how many videos are stored, and the ids of all stored comments."""
    async with await psycopg.AsyncConnection.connect(database_url) as database:
        [videos] = await (await database.execute("SELECT count(*) FROM engagement_videos")).fetchone() or [0]
        rows = await (await database.execute("SELECT comment FROM engagement_comments")).fetchall()
    return int(videos), [str(comment) for (comment,) in rows]


async def begin(gateway: processes.Gateway) -> str:
    """Make a sync of the account, which is never read by itself; return its name."""
    wanted = EngagementSync(sync_interval=Duration())
    request = CreateEngagementSyncRequest(parent=processes.LOCATION, engagement_sync=wanted)
    async with gateway.client() as client:
        return str((await client.engagement.CreateEngagementSync(request)).name)


async def ended(gateway: processes.Gateway, name: str) -> EngagementSync:
    """Wait for the end of a sync, and return it."""
    found: list[EngagementSync] = []
    async with gateway.client() as client:

        async def has_ended() -> bool:
            found.append(await client.call("EngagementService/GetEngagementSync", name=name))
            return found[-1].state != EngagementSync.RUNNING

        await until(has_ended, 240)
    return found[-1]


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_sync_that_is_killed_ten_times_ends_complete(seed: int, database_url: str, tmp_path: Path) -> None:
    """Each comment is stored once, with at most a tenth more calls than undisturbed; a second sync without changes
    costs at most a twentieth of them.
    """
    picks = Random(seed)
    app = create_app(SimulatorConfig(rate_limits=False))
    vendor, deadly = app.state.vendor, Deadly(app)
    fill(vendor, now() - timedelta(days=30), VIDEOS, COMMENTS)
    ahead = Ahead(tmp_path / "clock")
    async with serve(deadly) as vendor_url, nursery(ahead) as forks:
        settings = business.settings(vendor_url, vendor)
        gateway = processes.Gateway(database_url, vendor_url, tmp_path, settings=settings, nursery=forks)
        async with processes.running(gateway):
            async with gateway.client() as client:
                await business.connect(client)
            deadly.calls = 0
            deadly.fatal = {at: picks.random() < 0.5 for at in picks.sample(range(1, UNDISTURBED), KILLS)}
            deadly.kill = lambda: gateway.process.send_signal(signal.SIGKILL) if gateway.process else None
            name = await begin(gateway)
            for number in range(1, KILLS + 1):
                assert -signal.SIGKILL == await gateway.died(240), f"it did not come to the kill {number}"
                # The lease of the dead process ends.
                ahead.be(number * (LEASE + timedelta(seconds=1)))
                await gateway.start()
            sync, first = await ended(gateway, name), deadly.calls
            videos, comments = await stored(database_url)
            again = await ended(gateway, await begin(gateway))
            second = deadly.calls - first

    existing = {id for video in vendor.account.videos.values() for id in video.comments}
    assert [EngagementSync.SUCCEEDED] * 2 == [sync.state, again.state]
    assert (KILLS, VIDEOS) == (deadly.deaths, videos)
    assert (VIDEOS * COMMENTS, existing) == (len(comments), set(comments))
    assert first <= LIMIT, f"{first} calls, {UNDISTURBED} undisturbed"
    assert second <= SECOND, f"{second} calls, {UNDISTURBED} at first"
