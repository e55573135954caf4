"""Faults around a publish: a vendor that says little, a blob store and a database that fail.

Owns the faults; what follows from each is tested elsewhere. Of the gateway itself only the blob store and the pause
between two attempts are replaced.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from gateway.domain import post_content
from gateway.domain.credentials import connection_status
from gateway.domain.post_content import Source
from gateway.domain.publishing import step
from providers.errors import GrantRevoked
from storage import attempts
from storage.attempts import AttemptRow
from storage.blobs import CHUNK_BYTES, BlobStore
from storage.posts import PostRow
from tests.fixtures.domain import LOCATION, Stage
from tests.fixtures.waiting import until

URI = "https://media.example/video.mp4"
PUBLIC = {"privacy_level": "public"}
ONLY_ME = {"privacy_level": "only_me"}


async def pulled(stage: Stage, account: str, caption: str = "one", **changes: Any) -> PostRow:
    """Create a post whose video the vendor fetches from the caller's own address; only its creator sees it."""
    content = post_content.build_content("video", [Source(uri=URI, vendor_pull=True)])
    return await stage.post(account, "", caption, **{"content": content, "uploads": [], "options": ONLY_ME, **changes})


async def attempt_of(stage: Stage, post: PostRow, number: int = 1) -> AttemptRow:
    """Return an attempt of a post."""
    async with stage.domain.db.read() as tx:
        found = await attempts.find(tx, post.location, post.id, number)
    assert found is not None
    return found


async def submitted(stage: Stage, post: PostRow) -> PostRow:
    """Publish a post up to INIT_OK: its worker stops once the submit has its response."""
    await step.step(stage.domain, post.location, post.id, stopping=chain([False], repeat(True)).__next__)
    row = await stage.read(post)
    assert "INIT_OK" == (await attempt_of(stage, row, row.attempt)).state
    return row


def during(stage: Stage, work: Callable[[], Awaitable[Any]]) -> None:
    """Run `work` while the vendor delays its next call with a `slow` fault."""

    async def think(seconds: float) -> None:
        await work()

    stage.vendor.sleep = think


class Store(BlobStore):
    """A blob store that calls `before` ahead of each read: it may raise, or block."""

    before: Callable[[], None]

    async def stream(self, key: str, start: int, end: int, chunk: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        """Call `before`, then yield the bytes."""
        self.before()
        async for piece in super().stream(key, start, end, chunk):
            yield piece


def with_store(stage: Stage, folder: Path, before: Callable[[], None]) -> Stage:
    """Return the stage that was opened in `folder` with a blob store that calls `before` ahead of each read."""
    store = Store.open((folder / "blobs").as_uri())
    assert isinstance(store, Store)
    store.before = before
    return replace(stage, domain=replace(stage.domain, blobs=store))


@dataclass
class Outage:
    """An outage of a test's database, from `begin` to `end`."""

    url: str

    def begin(self) -> None:
        """Refuse connections, and end those that are open."""
        self._run("ALTER DATABASE {} ALLOW_CONNECTIONS false", sql.Identifier)
        self._run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}", sql.Literal)

    def end(self) -> None:
        """Accept connections again."""
        self._run("ALTER DATABASE {} ALLOW_CONNECTIONS true", sql.Identifier)

    def _run(self, statement: LiteralString, quoted: Callable[[str], sql.Composable]) -> None:
        parts = urlsplit(self.url)
        with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as admin:
            admin.execute(sql.SQL(statement).format(quoted(parts.path.removeprefix("/"))))


async def lose(stage: Stage, connection: str = "c1") -> None:
    """Expire a grant, in every cache too."""
    over = GrantRevoked("The grant is over.")
    async with stage.domain.db.transaction() as tx:
        await connection_status.expire(tx, LOCATION, connection, "TOKEN_REVOKED", over, stage.clock(), at_version=1)

    async def known() -> bool:
        try:
            await stage.domain.tokens.fresh(LOCATION, connection)
        except GrantRevoked:
            return True
        return False

    await until(known)
