"""What goes wrong around a publish, on a stage: a vendor that says little, a store and a database that are away.

Owns the props; what follows from each trouble is the business of the tests. Nothing of the gateway's own is replaced
but the store of bytes and the pause between two tries.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import psycopg
from psycopg import sql

from gateway.domain import announcing, journal, publishing, sources, steps
from gateway.domain.sources import Source
from storage import attempts
from storage.attempts import AttemptRow
from storage.blobs import BlobStore
from storage.posts import PostRow
from tests.flows.stage import Stage
from tests.flows.test_webhooks import Telling, edge_of

URI = "https://media.example/video.mp4"
PUBLIC = {"privacy_level": "public"}
ONLY_ME = {"privacy_level": "only_me"}
FOREVER = 100_000


def status(**data: Any) -> str:
    """Give an answer of the vendor's that it is still receiving, with whatever else it says."""
    answer = {"status": "PROCESSING_UPLOAD", "publicaly_available_post_id": [], **data}
    return json.dumps({"data": answer, "error": {"code": "ok", "message": "", "log_id": "1"}})


async def pulled(stage: Stage, account: str, caption: str = "one", **changes: Any) -> PostRow:
    """Create a post whose video the vendor fetches from the caller's own address; only its creator sees it."""
    content = sources.content("video", [Source(uri=URI, vendor_pull=True)])
    return await stage.post(account, "", caption, **{"content": content, "uploads": [], "options": ONLY_ME, **changes})


async def attempt_of(stage: Stage, post: PostRow, number: int = 1) -> AttemptRow:
    """Give an attempt of a post."""
    async with stage.domain.db.read() as tx:
        found = await attempts.find(tx, post.location, post.id, number)
    assert found is not None
    return found


async def carried(stage: Stage, post: PostRow, to_attempt: int) -> PostRow:
    """Carry a post on until its newest attempt is the given one."""
    for _ in range(200):
        post = await stage.step(post)
        if post.attempt >= to_attempt:
            return post
        assert post.due_at is not None, f"{post.state} at attempt {post.attempt}"
        stage.clock.time = max(stage.clock.time, post.due_at)
    raise AssertionError(f"still at attempt {post.attempt}")


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


@contextmanager
def telling(stage: Stage) -> Iterator[Telling]:
    """Give the vendor's way to tell something by itself."""
    manager = edge_of(stage)
    transport = httpx.ASGITransport(stage.way.edge.app())
    del manager
    yield Telling(stage, httpx.AsyncClient(transport=transport, base_url="http://edge"))


class Store(BlobStore):
    """The stage's store of bytes, which does `before` ahead of giving any: it may raise, or take its time."""

    before: Callable[[], None] = staticmethod(lambda: None)

    async def stream(self, key: str, start: int, end: int, chunk: int = 1 << 20) -> AsyncIterator[bytes]:
        """Give bytes, after whatever is to happen first."""
        self.before()
        async for piece in super().stream(key, start, end, chunk):
            yield piece


def with_store(stage: Stage, url: str, before: Callable[[], None]) -> Stage:
    """Give the stage with a store that does `before` ahead of giving bytes."""
    store = Store.open(url)
    assert isinstance(store, Store)
    store.before = before  # type: ignore[method-assign]
    return replace(stage, domain=replace(stage.domain, blobs=store))
