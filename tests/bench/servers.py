"""What the measurements run on: a real PostgreSQL, a simulated TikTok, a thousand locations, bare servers, gateways.

Owns starting and ending all of it, and the rows; every process that was started is ended.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from gateway import servers
from gateway.domain import api_keys
from gateway.domain.api_keys import DEFAULT_AGENCY
from gateway.domain.context import Domain
from providers.simulators.serving import serve
from providers.simulators.tiktok import SimulatorConfig, Vendor, create_app
from storage import accounts, connections, locations, migrate, posts
from storage.database import Database
from storage.embedded import start_embedded
from tests.chaos import processes
from tests.fixtures import client as client_keys
from tests.fixtures.client import Client
from tests.fixtures.domain import built
from tests.fixtures.rows import CAPABILITIES, account_row, connection_row, post_row
from tests.fixtures.settings import for_tiktok, make_settings

LOCATIONS = 1000
PROCESSING_SECONDS = 4.0
SCOPES = ("user.info.basic", "video.list", "video.publish", "video.upload")
PUBLISHED = {
    "state": "PUBLISHED",
    "caption": "A caption as people write them, with #some #tags and a link.",
    "content": {"kind": "video"},
    "uploads": ["u"],
    "options": {"privacy_level": "public"},
    "labels": {"campaign": "spring"},
    "provider_post_id": "7512345678901234567",
    "public_uri": "https://www.tiktok.com/@user/video/7512345678901234567",
    "attempt": 1,
    "sent_bytes": 30_000_000,
    "total_bytes": 30_000_000,
}
# The tests' own gateways look for dead workers every second, which costs more than the defaults do.
SETTINGS = {
    "GATEWAY_DRAIN_SECONDS": "1",
    "GATEWAY_WORKER_HEARTBEAT_SECONDS": "3",
    "GATEWAY_WORKER_STALE_SECONDS": "10",
}


@dataclass(frozen=True, slots=True)
class Program:
    """A process of a measurement: its pid, and the port or the line that it printed first."""

    pid: int
    port: int
    process: asyncio.subprocess.Process

    async def ask(self, line: str) -> str:
        """Send a line, and return the one that it answers with."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line.encode() + b"\n")
        return (await self.process.stdout.readline()).decode().strip()


@dataclass(frozen=True, slots=True)
class Serving:
    """A gateway process: its pid, and its gRPC port."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements share: PostgreSQL, the key of an ordinary caller, and a domain over the database."""

    database_url: str
    postmaster: int
    key: str
    domain: Domain
    folder: Path
    vendor: Vendor
    vendor_url: str
    gib: int
    keys: api_keys.KeyStore

    async def new_key(self, agency: str = DEFAULT_AGENCY) -> str:
        """Create an ordinary key of an agency: all its locations, all scopes."""
        return (await client_keys.new_key(self.keys, agency)).secret.reveal()

    @asynccontextmanager
    async def gateway(self, *options: str, **settings: str) -> AsyncIterator[Serving]:
        """Run a fresh gateway, so that no measurement has what another one left behind; it ends with the block."""
        with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            process = processes.Gateway(
                self.database_url, self.vendor_url, folder, settings={**SETTINGS, **settings}, options=options
            )
            async with processes.running(process):
                assert process.process is not None
                yield Serving(process.process.pid, process.grpc_port)

    def client(self, gateway: Serving, **options: Any) -> Client:
        """Return a client of a gateway."""
        return client(gateway.port, self.key, **options)


def client(port: int, key: str = "", **options: Any) -> Client:
    """Return a client of a server on this machine."""
    return Client(f"127.0.0.1:{port}", key, **options)


def vendor_config(processing_seconds: float) -> SimulatorConfig:
    """Return a vendor without limits: what is measured is the gateway."""
    return SimulatorConfig(
        processing_seconds=processing_seconds, moderation_seconds=0, rate_limits=False, posts_per_day=None
    )


@asynccontextmanager
async def running(gib: int = 1) -> AsyncIterator[Bench]:
    """Start PostgreSQL and the simulated vendor, and write the rows; the large video has `gib` GiB."""
    # Longer than the gateway waits before it first asks, by far: it asks twice, as the script does.
    simulator = create_app(vendor_config(processing_seconds=PROCESSING_SECONDS))
    with tempfile.TemporaryDirectory(prefix="social-gateway-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        database = await start_embedded(folder / "database")
        try:
            await _migrate(database.url)
            settings = make_settings(database.url, folder, database_pool_size=12, **for_tiktok())
            async with serve(simulator) as vendor_url, built(settings) as (ground, domain):
                # The gateway looks the key up by its hash in PostgreSQL, then in a coherent cache.
                store = await servers.open_keys(ground, domain)
                made = await client_keys.new_key(store, DEFAULT_AGENCY)
                await _rows(domain.db)
                yield Bench(
                    database.url,
                    await _postmaster(domain.db),
                    made.secret.reveal(),
                    domain,
                    folder,
                    simulator.state.vendor,
                    vendor_url,
                    gib,
                    store,
                )
        finally:
            await database.release()


@asynccontextmanager
async def program(module: str, *arguments: str) -> AsyncIterator[Program]:
    """Run `python -m MODULE`, which prints a number first and ends with its standard input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Program(process.pid, int(await asyncio.wait_for(process.stdout.readline(), 30)), process)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _migrate(url: str) -> None:
    db = await Database.connect(url)
    await migrate.upgrade(db)
    await db.close()


async def _postmaster(db: Database) -> int:
    async with db.read() as tx:
        first = await tx.execute(text("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"))
        return int(first.scalar_one())


async def _rows(db: Database) -> None:
    """Insert a thousand locations with a connection, an account and a published post each."""
    now = datetime.now(UTC) - timedelta(hours=1)
    async with db.transaction() as tx:
        for number in range(LOCATIONS):
            place, subject = {"location": f"bench{number}"}, f"open-{number}"
            granted = {"granted_scopes": list(SCOPES), "requested_scopes": list(SCOPES), "grant_kind": "USER"}
            verified = {"capabilities": CAPABILITIES, "reason_code": "VERIFICATION_OK", "last_verify_time": now}
            await locations.claim(tx, place["location"], DEFAULT_AGENCY, now)
            await connections.insert(tx, connection_row(now, provider_subject=subject, **granted, **verified, **place))
            named = {"provider_account_id": subject, "username": f"user.{number}"}
            await accounts.attach(tx, account_row(now, **named, **place))
            await posts.insert(tx, post_row(now, **PUBLISHED, publish_time=now, due_at=None, **place))
