"""A gateway's rules on a stage: a real database, the simulated vendor in process, and a clock that is moved by hand.

Owns the setting and its props (a connected account, an upload). There are no workers: a test carries posts on itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from gateway import app
from gateway.bootstrap import Resources, read_ring
from gateway.domain.context import Domain
from gateway.domain.posts import create
from gateway.domain.posts.create import NewPost
from gateway.domain.publishing import step
from gateway.http.app import Edge
from gateway.media.facts import MediaFacts
from gateway.readiness import Report
from gateway.settings import Settings
from providers.models.grants import Grant
from providers.models.secret import Secret
from providers.simulators.tiktok import SimulatorConfig, Vendor, create_app
from storage import accounts, connections, locations, uploads
from storage import posts as rows
from storage.accounts import AccountRow
from storage.connections import ConnectionRow
from storage.database import Database
from storage.posts import PostRow
from storage.states import ConnectionStatus, UploadState
from storage.uploads import UploadPartRow, UploadRow
from tests.fixtures.waiting import no_time

LOCATION = "l1"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PART = 8 * 1024 * 1024
SCOPES = ("user.info.basic", "user.info.profile", "user.info.stats", "video.list", "video.publish", "video.upload")
GOOD = MediaFacts("mp4", "h264", 1000, 30.0, 360, 640)
"""What a look into a small video finds: most tests are not about what is inside the bytes."""

CAPABILITIES = dict.fromkeys(
    ("can_read_profile", "can_list_videos", "can_read_video_metrics", "can_publish", "can_upload_drafts"), True
)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        """Return the present."""
        return self.time

    def advance(self, span: timedelta) -> None:
        """Move on."""
        self.time += span


async def _ready() -> Report:
    return Report(database=True, migrations=True, listener=True)


class EdgeTransport(httpx.AsyncBaseTransport):
    """The vendor's way to the gateway's own edge, in process; while `open` is not set, requests wait on it."""

    def __init__(self) -> None:
        self.edge = Edge(_ready)
        self.open = asyncio.Event()
        self.open.set()
        self._inner = httpx.ASGITransport(self.edge.app())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request to the edge."""
        await self.open.wait()
        return await self._inner.handle_async_request(request)


@dataclass
class Stage:
    """The rules, the vendor, the clock, and what a test does with them."""

    domain: Domain
    vendor: Vendor
    clock: Clock
    way: EdgeTransport = field(default_factory=EdgeTransport)
    numbers: Any = field(default_factory=count)

    async def connect(self, connection: str = "c1", account: str = "a1", user: int = 0) -> str:
        """Make a verified connection of one of the vendor's users, with its account; give the account's id."""
        grant = self.vendor.grant(list(self.vendor.users)[user])
        now = self.clock()
        async with self.domain.db.transaction() as tx:
            await locations.claim(tx, LOCATION, "agency", now)
            row = ConnectionRow(location=LOCATION, id=connection, provider="tiktok", create_time=now, update_time=now)
            row.status, row.capabilities, row.granted_scopes = ConnectionStatus.VALID, CAPABILITIES, list(SCOPES)
            row.provider_subject = grant["open_id"]
            await connections.insert(tx, row)
            await accounts.attach(
                tx,
                AccountRow(
                    location=LOCATION,
                    id=account,
                    connection=connection,
                    provider="tiktok",
                    platform="tiktok",
                    provider_account_id=grant["open_id"],
                    username="creator",
                    create_time=now,
                    update_time=now,
                ),
            )
        await self.domain.tokens.save(LOCATION, connection, as_grant(grant, now), read_version=0)
        return account

    async def upload(self, data: bytes, mime_type: str = "video/mp4", media: MediaFacts | None = GOOD) -> str:
        """Store a complete upload, in which somebody found `media` before (None: nobody has looked); give its id."""
        id = f"u{next(self.numbers)}"
        async with self.domain.db.transaction() as tx:
            row = UploadRow(
                location=LOCATION,
                id=id,
                mime_type=mime_type,
                size_bytes=len(data),
                committed_size=len(data),
                sha256=sha256(data).hexdigest(),
                state=UploadState.COMPLETE,
                media=None if media is None else media.to_json(),
                create_time=self.clock(),
                expire_time=self.clock() + timedelta(days=7),
            )
            await uploads.insert(tx, row)
            for first in range(0, len(data), PART):
                key = f"uploads/{LOCATION}/{id}/{first}"
                await self.domain.blobs.put(key, data[first : first + PART])
                size = len(data[first : first + PART])
                tx.add(UploadPartRow(location=LOCATION, upload=id, first=first, size=size, key=key))
        return id

    async def post(self, account: str, upload: str, caption: str = "", **changes: Any) -> PostRow:
        """Create a direct post that only its creator sees."""
        values: dict[str, Any] = {
            "location": LOCATION,
            "id": f"p{next(self.numbers)}",
            "account": account,
            "mode": "direct",
            "caption": caption,
            "content": {"kind": "video"},
            "uploads": [upload],
            "options": {"privacy_level": "only_me"},
        }
        return await create.create(self.domain, NewPost(**{**values, **changes}), None)

    async def step(self, post: PostRow) -> PostRow:
        """Carry the post one step on, as a worker would; give it as it is then."""
        await step.step(self.domain, post.location, post.id)
        return await self.read(post)

    async def read(self, post: PostRow) -> PostRow:
        """Return the post as it is."""
        async with self.domain.db.read() as tx:
            return await rows.get(tx, post.location, post.id)

    async def wait_out(self, post: PostRow, span: timedelta) -> PostRow:
        """Carry the post on for ten minutes, let `span` pass without us, and carry it to its end."""
        post = await self.finish(post, within=timedelta(minutes=10))
        self.clock.advance(span)
        return await self.finish(post)

    async def finish(self, post: PostRow, *, within: timedelta = timedelta(hours=2)) -> PostRow:
        """Carry the post on, moving the clock to each time it is due, until it is final or the time is over."""
        end = self.clock() + within
        while self.clock() <= end:
            post = await self.step(post)
            if post.state in ("PUBLISHED", "FAILED", "INDETERMINATE", "AWAITING_CREATOR", "CANCELLED"):
                return post
            assert post.due_at is not None, "an unfinished post is not due: it would be stuck"
            self.clock.time = max(self.clock.time, post.due_at)
        return post


def as_grant(values: dict[str, Any], now: datetime) -> Grant:
    """Read a grant as the simulator gives it to a test."""
    return Grant(
        access_token=Secret(values["access_token"]),
        access_expire_time=now + timedelta(seconds=values["expires_in"]),
        refresh_token=Secret(values["refresh_token"]),
        refresh_expire_time=now + timedelta(seconds=values["refresh_expires_in"]),
        scopes=tuple(values["scope"].split(",")),
        subject=values["open_id"],
    )


def make_settings(database_url: str, folder: Path) -> Settings:
    """Return the settings of a gateway that talks to the simulated vendor."""
    return Settings(
        database_url=SecretStr(database_url),
        data_dir=folder / "data",
        blob_url=(folder / "blobs").as_uri(),
        encryption_keys=SecretStr("k1:" + "A" * 43 + "="),
        allow_loopback_vendors=True,
        tiktok_client_key="sim-client-key",
        tiktok_client_secret=SecretStr("sim-client-secret"),
        tiktok_api_url="http://127.0.0.1",
        tiktok_authorize_url="http://127.0.0.1/v2/auth/authorize/",
        tiktok_upload_hosts=["127.0.0.1"],
    )


@asynccontextmanager
async def opened(
    database_url: str, folder: Path, config: SimulatorConfig | None = None, clock: Clock | None = None
) -> AsyncIterator[Stage]:
    """Set the stage for the length of a block; what the vendor fetches it fetches from the gateway's edge."""
    clock, transport = clock or Clock(), EdgeTransport()
    simulator = create_app(config or SimulatorConfig(), clock=clock, transport=transport)
    settings = make_settings(database_url, folder)
    db = await Database.connect(database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(db.close)
        stack.push_async_callback(simulator.state.vendor.aclose)
        domain = await app.build_domain(
            stack,
            Resources(settings, db, read_ring(settings), None),
            clock=clock,
            new_id=iter(f"id{number}" for number in count()).__next__,
            seams={"tiktok": {"transport": httpx.ASGITransport(simulator)}},
            public_url="http://127.0.0.1",
        )
        domain = replace(domain, sleep=no_time)
        transport.edge.domain = domain
        yield Stage(domain, simulator.state.vendor, clock, transport)
