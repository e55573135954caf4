"""The ground of the measurements: a real PostgreSQL, a gateway process over it, a thousand locations, bare servers.

Owns starting and ending all of it, and the rows; every process that was started is ended.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc

from gateway.domain import api_keys
from storage import accounts, connections, keys, locations, posts
from storage.accounts import AccountRow
from storage.blobs import BlobStore
from storage.connections import ConnectionRow
from storage.database import Database
from storage.embedded import start_embedded
from storage.key_ring import KeyRing
from storage.listener import Listener
from storage.posts import PostRow
from storage.states import ConnectionStatus, PostState
from tests.chaos import processes

LOCATIONS = 1000
AGENCY = "default"
CAPABILITIES = dict.fromkeys(
    ("can_read_profile", "can_list_videos", "can_read_video_metrics", "can_publish", "can_upload_drafts"), True
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that stands while measuring: addresses, the key of an ordinary caller, the database, the blobs."""

    target: str
    echo: str
    sink: str
    raw_port: int
    key: str
    db: Database
    blobs: BlobStore
    folder: Path

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a caller sends with each call."""
        return (("authorization", f"Bearer {self.key}"),)


@asynccontextmanager
async def standing() -> AsyncIterator[Bench]:
    """Start everything; the vendor is never called."""
    with tempfile.TemporaryDirectory(prefix="social-gateway-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        database = await start_embedded(folder / "database")
        process = processes.Gateway(database.url, "http://127.0.0.1:9", folder, settings={"GATEWAY_DRAIN_SECONDS": "1"})
        try:
            async with (
                processes.running(process),
                _bare("echo") as echo,
                _bare("sink") as sink,
                _bare("raw") as raw,
                _pool(database.url) as db,
            ):
                key = await _caller(db)
                await _rows(db)
                blobs = BlobStore.open((folder / "blobs").as_uri())
                target, own = f"127.0.0.1:{process.grpc_port}", "127.0.0.1:"
                yield Bench(target, f"{own}{echo}", f"{own}{sink}", raw, key, db, blobs, folder)
        finally:
            await database.release()


@asynccontextmanager
async def _pool(url: str) -> AsyncIterator[Database]:
    db = await Database.connect(url, pool_size=4)
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def _bare(kind: str) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.bare", kind, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await asyncio.wait_for(process.stdout.readline(), 30))
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _caller(db: Database) -> str:
    """Make an API key as an operator would: looked up by its hash in PostgreSQL, then in a coherent cache."""
    pepper = await keys.get_secret(db, KeyRing.parse("k1:" + "A" * 43 + "="), api_keys.PEPPER)
    # A listener that was not started: what is made here is not looked up here.
    store = api_keys.open_store(db, Listener(db.url), pepper=pepper, clock=lambda: datetime.now(UTC))
    made = await api_keys.create(
        store, agency=AGENCY, locations=None, scopes=api_keys.SCOPES, random=os.urandom, expire_time=None
    )
    return made.secret.reveal()


async def _rows(db: Database) -> None:
    """Write a thousand locations with a connection, an account and a published post each."""
    now = datetime.now(UTC) - timedelta(hours=1)
    async with db.transaction() as tx:
        for number in range(LOCATIONS):
            place = f"bench{number}"
            await locations.claim(tx, place, AGENCY, now)
            await connections.insert(tx, _connection(place, now))
            await accounts.attach(tx, _account(place, now))
            await posts.insert(tx, _post(place, now))


def _connection(place: str, now: datetime) -> ConnectionRow:
    row = ConnectionRow(location=place, id="c", provider="tiktok", create_time=now, update_time=now)
    row.status, row.capabilities, row.reason_code = ConnectionStatus.VALID, dict(CAPABILITIES), "VERIFICATION_OK"
    row.grant_kind, row.granted_scopes = "USER", ["user.info.basic", "video.list", "video.publish", "video.upload"]
    row.requested_scopes, row.last_verify_time = list(row.granted_scopes), now
    row.provider_subject = f"open-{place}"
    return row


def _account(place: str, now: datetime) -> AccountRow:
    return AccountRow(
        location=place,
        id="a",
        connection="c",
        provider="tiktok",
        platform="tiktok",
        provider_account_id=f"open-{place}",
        username=f"user.{place}",
        create_time=now,
        update_time=now,
    )


def _post(place: str, now: datetime) -> PostRow:
    return PostRow(
        location=place,
        id="p",
        account="a",
        connection="c",
        provider="tiktok",
        mode="direct",
        caption="A caption as people write them, with #some #tags and a link.",
        content={"kind": "video"},
        uploads=["u"],
        options={"privacy_level": "public"},
        labels={"campaign": "spring"},
        state=PostState.PUBLISHED,
        provider_post_id="7512345678901234567",
        public_uri=f"https://www.tiktok.com/@user.{place}/video/7512345678901234567",
        attempt=1,
        sent_bytes=30_000_000,
        total_bytes=30_000_000,
        queue_time=now,
        create_time=now,
        update_time=now,
        publish_time=now,
        due_at=None,
    )


def channel(target: str) -> grpc.aio.Channel:
    """Return a connection of its own to a server."""
    return grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)])
