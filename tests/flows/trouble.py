"""What goes wrong around a publish, on a stage: a vendor that says little, a store and a database that are away.

Owns the props; what follows from each trouble is the business of the tests. Nothing of the gateway's own is replaced
but the store of bytes and the pause between two tries.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from gateway.domain import publishing, sources
from gateway.domain.sources import Source
from storage import attempts
from storage.attempts import AttemptRow
from storage.blobs import CHUNK_BYTES, BlobStore
from storage.posts import PostRow
from tests.fixtures.domain import Stage
from tests.flows.test_webhooks import Telling, edge_of

URI = "https://media.example/video.mp4"
PUBLIC = {"privacy_level": "public"}
ONLY_ME = {"privacy_level": "only_me"}


def status(**data: Any) -> str:
    """Return an answer of the vendor's that it is still receiving, with whatever else it says."""
    answer = {"status": "PROCESSING_UPLOAD", "publicaly_available_post_id": [], **data}
    return json.dumps({"data": answer, "error": {"code": "ok", "message": "", "log_id": "1"}})


async def pulled(stage: Stage, account: str, caption: str = "one", **changes: Any) -> PostRow:
    """Create a post whose video the vendor fetches from the caller's own address; only its creator sees it."""
    content = sources.content("video", [Source(uri=URI, vendor_pull=True)])
    return await stage.post(account, "", caption, **{"content": content, "uploads": [], "options": ONLY_ME, **changes})


async def attempt_of(stage: Stage, post: PostRow, number: int = 1) -> AttemptRow:
    """Return an attempt of a post."""
    async with stage.domain.db.read() as tx:
        found = await attempts.find(tx, post.location, post.id, number)
    assert found is not None
    return found


async def announced(stage: Stage, post: PostRow) -> PostRow:
    """Carry a post up to INIT_OK: its worker is told to stop once the announcement is answered."""
    await publishing.step(stage.domain, post.location, post.id, stopping=iter([False, True]).__next__)
    row = await stage.read(post)
    assert "INIT_OK" == (await attempt_of(stage, row, row.attempt)).state
    return row


def uploads_of(stage: Stage) -> int:
    """Count the chunks that reached the vendor, taken or not."""
    return sum(call.operation == "upload" for call in stage.vendor.requests)


def during(stage: Stage, work: Callable[[], Awaitable[Any]]) -> None:
    """Let `work` happen while the vendor thinks about the next call with a `slow` fault."""

    async def think(seconds: float) -> None:
        await work()

    stage.vendor.sleep = think


@asynccontextmanager
async def telling(stage: Stage) -> AsyncIterator[Telling]:
    """Yield the vendor's way to tell something by itself."""
    async with edge_of(stage) as edge:
        yield Telling(stage, edge)


class Store(BlobStore):
    """A store of bytes that does `before` ahead of giving any: it may raise, or take its time."""

    before: Callable[[], None]

    async def stream(self, key: str, start: int, end: int, chunk: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        """Yield bytes, after whatever is to happen first."""
        self.before()
        async for piece in super().stream(key, start, end, chunk):
            yield piece


def with_store(stage: Stage, folder: Path, before: Callable[[], None]) -> Stage:
    """Return the stage that was opened in `folder` with a store that does `before` ahead of giving bytes."""
    store = Store.open((folder / "blobs").as_uri())
    assert isinstance(store, Store)
    store.before = before
    return replace(stage, domain=replace(stage.domain, blobs=store))


@dataclass
class Outage:
    """The database of a stage, to be taken away and given back: connections end, and new ones are refused.

    On a stage that `survives` it, it comes back when the gateway has paused `pauses` times.
    """

    url: str
    pauses: int = 0
    begun: int = 0

    def begin(self) -> None:
        """Take it away."""
        self.begun += 1
        self._allow(False)
        self._run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}", literal=True)

    def end(self) -> None:
        """Return it back."""
        self._allow(True)

    def at(self, place: str) -> Callable[[str], None]:
        """Return what stands where `reach` is called, and takes the database away at the first visit to the place."""

        def reach(name: str) -> None:
            if name == place and not self.begun:
                self.begin()

        return reach

    def survived(self, stage: Stage) -> Stage:
        """Return the stage with pauses that the outage counts."""

        async def pause(seconds: float) -> None:
            self.pauses -= 1
            if self.pauses == 0:
                self.end()
            await asyncio.sleep(0)

        return replace(stage, domain=replace(stage.domain, sleep=pause))

    def _allow(self, allowed: bool) -> None:
        self._run(f"ALTER DATABASE {{}} ALLOW_CONNECTIONS {str(allowed).lower()}", literal=False)

    def _run(self, statement: str, *, literal: bool) -> None:
        parts = urlsplit(self.url)
        name = parts.path.removeprefix("/")
        quoted = sql.Literal(name) if literal else sql.Identifier(name)
        with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as admin:
            admin.execute(sql.SQL(statement).format(quoted))
