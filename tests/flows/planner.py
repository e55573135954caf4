"""The stage of a planner: a gateway's rules, both simulated vendors in process, and a clock that is moved by hand.

Owns the connection of a location with its accounts. Posts are carried on as on the stage of TikTok.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from gateway import app
from gateway.bootstrap import Resources, read_ring
from gateway.domain.context import Domain
from providers.highlevel.capabilities import SCOPES
from providers.models.grants import Grant
from providers.models.secret import Secret
from providers.simulators import tiktok
from providers.simulators.faults import Fault
from providers.simulators.highlevel import Published, SimulatorConfig, create_app
from providers.simulators.highlevel import Vendor as Planner
from providers.simulators.highlevel.tenants import BAKERY, COMPANY, OWNER
from storage import accounts, connections, locations
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Database
from storage.posts import PostRow
from storage.states import ConnectionStatus
from tests.fixtures.waiting import no_time
from tests.flows.stage import LOCATION, Clock, EdgeTransport, Stage, make_settings

CAPABILITIES = {"can_read_profile": True, "can_publish": True}
PUBLIC = {"privacy_level": "public"}
PLATFORMS = {"tiktok": "tiktok", "tiktok-business": "tiktok_business", "facebook": "facebook"}


@dataclass
class PlannerStage(Stage):
    """The stage with a planner behind it."""

    planner: Planner = None  # type: ignore[assignment]

    async def connect(self, connection: str = "c1", account: str = "a1", user: int = 0) -> str:
        """Make a verified connection of the bakery, with an account for each network; give TikTok's id."""
        await connected(self.domain, self.planner, LOCATION, "agency", connection, account)
        return f"{account}-tiktok"

    async def planned(self, account: str, upload: str, caption: str = "", **changes: Any) -> PostRow:
        """Create a public post."""
        return await self.post(account, upload, caption, **{"options": PUBLIC, **changes})

    async def finish(self, post: PostRow, *, within: timedelta = timedelta(hours=2)) -> PostRow:
        """Carry the post on to its end."""
        return await super().finish(post, within=within)

    async def connect_direct(self, connection: str = "direct", account: str = "direct") -> str:
        """Connect a user of TikTok's own API; give the account's id."""
        return await super().connect(connection, account)

    async def name(self, account: str, username: str) -> None:
        """Let an account have this handle."""
        async with self.domain.db.transaction() as tx:
            await accounts.change(tx, LOCATION, account, self.clock(), username=username)

    @property
    def published(self) -> list[Published]:
        """What is on a network now."""
        return self.planner.posts

    def fail(self, operation: str, kind: str, **more: Any) -> None:
        """Order a fault."""
        self.planner.faults.add(Fault(match=operation, kind=kind, **more))


async def connected(
    domain: Domain, planner: Planner, location: str, agency: str, connection: str, account: str
) -> list[str]:
    """Make a verified connection of the bakery in a location of ours, with an account for each network; give their ids,
    which end with the network.
    """
    grant, now = planner.grant(BAKERY), domain.clock()
    settings = {"location_id": BAKERY, "company_id": COMPANY, "user_id": OWNER}
    async with domain.db.transaction() as tx:
        await locations.claim(tx, location, agency, now)
        row = ConnectionRow(location=location, id=connection, provider="highlevel", create_time=now, update_time=now)
        row.status, row.capabilities, row.granted_scopes = ConnectionStatus.VALID, CAPABILITIES, list(SCOPES)
        row.provider_subject, row.provider_settings = BAKERY, settings
        await connections.insert(tx, row)
        made = [
            await accounts.attach(
                tx,
                AccountRow(
                    location=location,
                    id=f"{account}-{each.platform}",
                    connection=connection,
                    provider="highlevel",
                    platform=PLATFORMS[each.platform],
                    provider_account_id=each.id,
                    create_time=now,
                    update_time=now,
                ),
            )
            for each in planner.accounts.of(BAKERY)
        ]
    await domain.tokens.save(location, connection, _as_grant(grant, now), read_version=0)
    return [each.id for each in made]


def _as_grant(values: dict[str, Any], now: datetime) -> Grant:
    return Grant(
        access_token=Secret(values["access_token"]),
        access_expire_time=now + timedelta(seconds=values["expires_in"]),
        refresh_token=Secret(values["refresh_token"]),
        refresh_expire_time=now + timedelta(days=365),
        scopes=tuple(values["scope"].split()),
        subject=BAKERY,
    )


@asynccontextmanager
async def planning(
    database_url: str, folder: Path, config: SimulatorConfig | None = None
) -> AsyncIterator[PlannerStage]:
    """Set the stage for the length of a block."""
    clock, transport = Clock(), EdgeTransport()
    settings = config or SimulatorConfig()
    simulator = create_app(settings, clock=clock, transport=transport)
    direct = tiktok.create_app(tiktok.SimulatorConfig(), clock=clock, transport=transport)
    named = make_settings(database_url, folder).model_copy(
        update={
            "highlevel_client_id": settings.client_id,
            "highlevel_client_secret": SecretStr(settings.client_secret),
            "highlevel_api_url": "http://127.0.0.1",
            "highlevel_authorize_url": "http://127.0.0.1/v2/oauth/chooselocation",
        }
    )
    db = await Database.connect(database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(db.close)
        stack.push_async_callback(simulator.state.vendor.aclose)
        stack.push_async_callback(direct.state.vendor.aclose)
        domain = await app.build_domain(
            stack,
            Resources(named, db, read_ring(named), None),
            clock=clock,
            new_id=iter(f"id{number}" for number in count()).__next__,
            seams={
                "highlevel": {"transport": httpx.ASGITransport(simulator)},
                "tiktok": {"transport": httpx.ASGITransport(direct)},
            },
            public_url="http://127.0.0.1",
        )
        domain = replace(domain, sleep=no_time)
        transport.edge.domain = domain
        yield PlannerStage(domain, direct.state.vendor, clock, transport, planner=simulator.state.vendor)
