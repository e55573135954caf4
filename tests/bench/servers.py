"""What the measurements run on: a real PostgreSQL, a gateway process over it, a thousand locations, bare servers.

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

from gateway import app
from gateway.domain import api_keys
from gateway.domain.api_keys import DEFAULT_AGENCY
from gateway.domain.context import Domain
from storage import accounts, connections, locations, posts
from storage.database import Database
from storage.embedded import start_embedded
from tests.chaos import processes
from tests.fixtures.client import Client
from tests.fixtures.domain import built
from tests.fixtures.rows import CAPABILITIES, account_row, connection_row, post_row
from tests.fixtures.settings import for_tiktok, make_settings

LOCATIONS = 1000
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


@dataclass(frozen=True, slots=True)
class Bench:
    """What runs while measuring: ports, the key of an ordinary caller, and a domain over the gateway's database."""

    gateway: int
    echo: int
    sink: int
    raw: int
    key: str
    domain: Domain
    folder: Path

    def client(self) -> Client:
        """Return a client of the gateway."""
        return client(self.gateway, self.key)


def client(port: int, key: str = "") -> Client:
    """Return a client of a server on this machine."""
    return Client(f"127.0.0.1:{port}", key)


@asynccontextmanager
async def running() -> AsyncIterator[Bench]:
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
                built(make_settings(database.url, folder, database_pool_size=12, **for_tiktok())) as (ground, domain),
            ):
                # The process looks the key up by its hash in PostgreSQL, then in a coherent cache.
                store = await app.open_keys(ground, domain)
                made = await api_keys.create(
                    store, agency=DEFAULT_AGENCY, locations=None, scopes=api_keys.SCOPES, random=os.urandom
                )
                await _rows(domain.db)
                yield Bench(process.grpc_port, echo, sink, raw, made.secret.reveal(), domain, folder)
        finally:
            await database.release()


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
