"""A gateway whose location is connected to the simulated HighLevel, with its accounts, over a real gRPC server.

Owns what the tests of engagement and of the planner share; how a connection comes about is tested elsewhere, so its
rows are inserted. Asserts nothing.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc

from gateway.domain.api_keys import DEFAULT_AGENCY
from providers.simulators.faults import Fault
from providers.simulators.highlevel.posts import new_record
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from storage import attempts, posts
from storage.attempts import AttemptRow
from storage.states import AttemptState
from tests.fixtures.highlevel import HighWorld, opened
from tests.fixtures.rows import connect_bakery, post_row

PARENT, CONNECTION = "locations/l1", "locations/l1/connections/c1"
V2, V3 = "2021-07-28", "v3"
Fails = grpc.aio.AioRpcError


@dataclass
class Planned(HighWorld):
    """A gateway, and the HighLevel behind the location l1."""

    def account(self, platform: str = "tiktok") -> str:
        """Return an account's name."""
        return f"{PARENT}/accounts/{platform}"

    def fault(self, match: str, kind: str = "drop_after", **more: Any) -> None:
        """Add a fault to the vendor's next call of an operation."""
        self.vendor.faults.add(Fault(match=match, kind=kind, **more))

    def advance(self, **span: float) -> None:
        """Move the clock on, and let the vendor do what is due."""
        self.world.clock.advance(timedelta(**span))
        self.vendor.settle()

    async def upload(self, data: bytes, mime_type: str = "text/csv") -> str:
        """Upload a file and return its name."""
        return await self.api.upload(data, mime_type)

    async def post(self, id: str = "p1", platform: str = "tiktok", *, vendor_id: str | None = None) -> str:
        """Insert a published post that the vendor has (with an empty id: has not), and return the vendor's id."""
        found = next(each for each in self.vendor.accounts.of(BAKERY) if each.platform == platform)
        if vendor_id is None:
            media = [{"url": "https://media.example/a.mp4", "type": "video/mp4"}]
            body = {"accountIds": [found.id], "type": "post", "userId": OWNER, "media": media, "summary": "Bread"}
            vendor_id = new_record(self.vendor, BAKERY, {**body, "status": "draft"}).id
        now = self.world.clock()
        row = post_row(now, id=id, account=platform, provider="highlevel", state="PUBLISHED", attempt=1)
        own: dict[str, Any] = {"publish_id": vendor_id, "create_time": now, "update_time": now}
        async with self.world.domain.db.transaction() as tx:
            await posts.insert(tx, row)
            await attempts.insert(tx, AttemptRow(location="l1", post=id, number=1, state=AttemptState.PUBLISHED, **own))
        return vendor_id


@asynccontextmanager
async def planned(database_url: str, folder: Path, *, version: str = V3, **config: Any) -> AsyncIterator[Planned]:
    """Open a gateway whose location l1 is connected to the simulator's bakery."""
    async with opened(database_url, folder, version=version, **config) as high:
        await connect_bakery(high.world.domain, high.vendor, agency=DEFAULT_AGENCY)
        yield Planned(high.world, high.vendor, high.browser)
