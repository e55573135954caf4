"""A gateway whose location is connected to the simulated HighLevel, with its accounts, over a real gRPC server.

Owns the props of the tests of engagement and of the planner; how a connection comes about is proved elsewhere, so its
rows are put there. Asserts nothing.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
from pydantic import SecretStr

from providers.highlevel.capabilities import SCOPES
from providers.highlevel.connecting import ours
from providers.models.grants import Grant
from providers.models.secret import Secret
from providers.simulators.faults import Fault
from providers.simulators.highlevel import SimulatorConfig, Vendor, create_app
from providers.simulators.highlevel.posts import new_record
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, OWNER
from socialgateway.v1 import upload_pb2, upload_service_pb2
from storage import accounts, attempts, connections, locations, posts
from storage.accounts import AccountRow
from storage.attempts import AttemptRow
from storage.connections import ConnectionRow
from storage.posts import PostRow
from storage.states import AttemptState, ConnectionStatus, PostState
from tests.fixtures.gateway import Clock, World, opened

PARENT, CONNECTION = "locations/l1", "locations/l1/connections/c1"
SETTINGS = {"location_id": BAKERY, "company_id": COMPANY, "user_id": OWNER}
V2, V3 = "2021-07-28", "v3"
PIECE = 1024 * 1024
Fails = grpc.aio.AioRpcError


@dataclass
class Planned:
    """A gateway, and the HighLevel behind the location l1."""

    world: World
    vendor: Vendor

    @property
    def api(self) -> Any:
        """The client with every scope."""
        return self.world.api

    def account(self, platform: str = "tiktok") -> str:
        """Return an account's name."""
        return f"{PARENT}/accounts/{platform}"

    def fault(self, match: str, kind: str = "drop_after", **more: Any) -> None:
        """Let the vendor misbehave on its next call of an operation."""
        self.vendor.faults.add(Fault(match=match, kind=kind, **more))

    def advance(self, **span: float) -> None:
        """Let time go by."""
        self.world.clock.advance(timedelta(**span))
        self.vendor.settle()

    def calls(self, operation: str) -> int:
        """Count the vendor's calls of one operation."""
        return sum(call.operation == operation for call in self.vendor.requests)

    async def upload(self, data: bytes, mime_type: str = "text/csv") -> str:
        """Upload a file."""
        wanted = upload_pb2.Upload(mime_type=mime_type, size_bytes=len(data))
        made = await self.api.uploads.CreateUpload(upload_service_pb2.CreateUploadRequest(parent=PARENT, upload=wanted))

        async def messages() -> AsyncIterator[upload_service_pb2.WriteUploadRequest]:
            for start in range(0, len(data), PIECE):
                piece = data[start : start + PIECE]
                yield upload_service_pb2.WriteUploadRequest(
                    name=made.name, write_offset=start, data=piece, finish=start + len(piece) == len(data)
                )

        await self.api.uploads.WriteUpload(messages())
        return str(made.name)

    async def post(self, id: str = "p1", platform: str = "tiktok", *, vendor_id: str | None = None) -> str:
        """Let there be a post of ours that the vendor has, or with an empty id has not; give the vendor's id."""
        found = next(each for each in self.vendor.accounts.of(BAKERY) if each.platform == platform)
        if vendor_id is None:
            media = [{"url": "https://media.example/a.mp4", "type": "video/mp4"}]
            body = {"accountIds": [found.id], "type": "post", "userId": OWNER, "media": media, "summary": "Bread"}
            vendor_id = new_record(self.vendor, BAKERY, {**body, "status": "draft"}).id
        now = self.world.clock()
        times: dict[str, Any] = {"create_time": now, "update_time": now}
        row = PostRow(
            location="l1",
            id=id,
            account=platform,
            connection="c1",
            provider="highlevel",
            mode="direct",
            state=PostState.PUBLISHED,
            attempt=1,
            queue_time=now,
            **times,
        )
        attempt = AttemptRow(
            location="l1", post=id, number=1, state=AttemptState.PUBLISHED, publish_id=vendor_id, **times
        )
        async with self.world.domain.db.transaction() as tx:
            await posts.insert(tx, row)
            await attempts.insert(tx, attempt)
        return vendor_id


@asynccontextmanager
async def planned(database_url: str, folder: Path, *, version: str = V3, **config: Any) -> AsyncIterator[Planned]:
    """Open a gateway whose location l1 is connected to the simulator's bakery."""
    clock = Clock()
    settings = SimulatorConfig(rate_limits=False, **config)
    simulator = create_app(settings, clock=clock)
    vendor: Vendor = simulator.state.vendor
    more: dict[str, Any] = {
        "highlevel_client_id": settings.client_id,
        "highlevel_client_secret": SecretStr(settings.client_secret),
        "highlevel_api_version": version,
    }
    seams = {"highlevel": {"transport": httpx.ASGITransport(simulator)}}
    async with opened(database_url, folder, clock=clock, seams=seams, **more) as world:
        await _connect(world, vendor)
        yield Planned(world, vendor)
    await vendor.aclose()


async def _connect(world: World, vendor: Vendor) -> None:
    now, tokens = world.clock(), vendor.grant(BAKERY)
    row = ConnectionRow(
        location="l1",
        id="c1",
        provider="highlevel",
        granted_scopes=list(SCOPES),
        provider_settings=SETTINGS,
        provider_subject=BAKERY,
        status=ConnectionStatus.VALID,
        create_time=now,
        update_time=now,
    )
    grant = Grant(
        Secret(tokens["access_token"]),
        now + timedelta(seconds=tokens["expires_in"]),
        Secret(tokens["refresh_token"]),
        now + timedelta(days=365),
        SCOPES,
        BAKERY,
        SETTINGS,
    )
    async with world.domain.db.transaction() as tx:
        await locations.claim(tx, "l1", "default", now)
        await connections.insert(tx, row)
    await world.domain.tokens.save("l1", "c1", grant, read_version=0)
    async with world.domain.db.transaction() as tx:
        for found in vendor.accounts.of(BAKERY):
            data = {"profile_id": found.profile_id, "origin_id": found.origin_id, "oauth_id": found.oauth_id}
            account = AccountRow(
                location="l1",
                id=found.platform,
                connection="c1",
                provider="highlevel",
                platform=ours(found.platform),
                provider_account_id=found.id,
                kind=found.type,
                provider_data=data,
                create_time=now,
                update_time=now,
            )
            await accounts.attach(tx, account)
