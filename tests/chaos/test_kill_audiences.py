"""A gateway killed at every step of an audience's members on their way to TikTok: no member is lost, none sent twice.

Owns the places, in the order in which one audience comes by them: each process goes on where the one before it died.
The simulated book of audiences is the judge.
"""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from gateway.domain.ads.audience_sending import LEASE
from providers.simulators.serving import serve
from providers.simulators.tiktok_business import SimulatorConfig, create_app
from socialgateway.ads.v1.audience_pb2 import Audience
from tests.chaos import business, processes
from tests.chaos.forks import Ahead, nursery
from tests.chaos.test_kill_publish import KILLED
from tests.fixtures.audiences import digest, members, stream
from tests.fixtures.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

STREAMED = (
    "audiences.before-commit.part",
    "audiences.after-commit.part",
    "audiences.after-commit.UPLOADING",
)
"""Where the stream of a caller breaks, who then goes on after the members that are stored."""

SENT = (
    "audiences.after-call.upload",
    "audiences.after-commit.SUBMITTED",
    "audiences.after-call.submit",
    "audiences.after-commit.NONE",
)
"""Where the background dies, by itself."""

PLACES = (*STREAMED, *SENT)
ONCE = 1_000


class Chain:
    """One audience, and the processes that die of it one after the other, each later than the leases of the others."""

    def __init__(self, gateway: processes.Gateway, ahead: Ahead) -> None:
        self.gateway, self._ahead, self._deaths = gateway, ahead, 0
        self.name = ""

    async def get(self) -> Audience:
        """Return the audience."""
        async with self.gateway.client() as client:
            found: Audience = await client.call("AudienceService/GetAudience", name=self.name)
        return found

    async def add(self, first: int, end: int) -> None:
        """Add the members from one number to another, after those that are stored, and finish."""
        stored = (await self.get()).pending_members
        rest = members(first + stored, end)
        async with self.gateway.client() as client:
            with suppress(grpc.aio.AioRpcError):
                await client.stream("AudienceService/AppendAudienceMembers", stream(self.name, rest, offset=stored))

    async def dies(self, place: str, *span: int) -> None:
        """Run a process that dies at a place, of members that are added if a span of them is given."""
        self.later()
        async with processes.running(self.gateway, failpoint=f"{place}=kill"):
            if span:
                await self.add(*span)
            assert KILLED == await self.gateway.died(processes.PATIENCE_SECONDS), f"{place} was not reached"

    def later(self) -> None:
        """Let the leases of the dead end."""
        self._deaths += 1
        self._ahead.be(self._deaths * (LEASE + timedelta(minutes=1)))

    async def is_sent(self) -> bool:
        """Return whether the vendor has every member."""
        return not (await self.get()).sending


async def test_a_kill_at_any_place_loses_no_member(database_url: str, tmp_path: Path) -> None:
    """Of an audience that is made, and gets more members later: one creation, one append, and everybody is in it."""
    ahead = Ahead(tmp_path / "clock")
    app = create_app(SimulatorConfig(rate_limits=False), clock=ahead)
    book = app.state.vendor.audiences
    async with serve(app) as vendor_url, nursery(ahead) as forks:
        settings = business.settings(vendor_url, app.state.vendor)
        gateway = processes.Gateway(database_url, vendor_url, tmp_path, settings=settings, nursery=forks)
        chain = Chain(gateway, ahead)
        async with processes.running(gateway), gateway.client() as client:
            account = await business.connect_advertiser(client)
            made = await client.call(
                "AudienceService/CreateAudience", parent=account, audience={"display_name": "VIPs"}
            )
            chain.name = made.name
        for place in STREAMED:
            await chain.dies(place, 0, ONCE)
        for place in SENT:
            await chain.dies(place)
        await chain.dies(STREAMED[-1], ONCE, 2 * ONCE)
        for place in SENT:
            await chain.dies(place)
        chain.later()
        async with processes.running(gateway):
            await until(chain.is_sent, processes.PATIENCE_SECONDS)
            found = await chain.get()

    [theirs] = book.audiences.values()
    assert {digest(number) for number in range(2 * ONCE)} == theirs.identifiers
    counted = Counter(kind for kind, _, _ in book.written)
    assert (1, 1) == (counted["create"], counted["append"])
    assert (0, 0) == (found.pending_members, found.error.code)
