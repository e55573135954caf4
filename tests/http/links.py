"""An upload behind a media link of the real HTTP edge, for the tests of `/media/…`.

Owns the setting. Knows nothing of what is asked of the link.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from sqlalchemy import text

from gateway.domain.media import links, uploads
from storage.posts import PostRow
from storage.uploads import UploadRow
from tests.fixtures.clock import START
from tests.fixtures.domain import LOCATION, Stage, edge_of, opened
from tests.fixtures.rows import post_row

HOUR = timedelta(hours=1)
# More than one part, and no two kilobytes are equal.
DATA = b"".join(number.to_bytes(4, "big") * 16 for number in range(150_000))


@dataclass
class Linked:
    """A domain with one upload behind one link, and a visitor of the edge."""

    stage: Stage
    visitor: httpx.AsyncClient
    upload: UploadRow
    post: PostRow
    path: str

    async def fetches(self) -> list[tuple[int, int, int, str]]:
        """Return the recorded fetches: (status, first, size, user agent), in order."""
        query = text("SELECT status, first, size, user_agent FROM media_fetches ORDER BY id")
        async with self.stage.domain.db.read() as tx:
            return [tuple(row) for row in (await tx.execute(query)).all()]


def post_of(id: str = "p1") -> PostRow:
    """Return a post that is not in the database."""
    return post_row(START, id=id)


@asynccontextmanager
async def linking(database_url: str, folder: Path, data: bytes = DATA) -> AsyncIterator[Linked]:
    """Yield an upload with a link, and a visitor of the real edge, in process, for the length of a block."""
    async with opened(database_url, folder) as stage:
        upload = await uploads.get(stage.domain, LOCATION, await stage.upload(data, "image/jpeg", media=None))
        [link] = await links.create(stage.domain, post_of(), 1, [upload], stage.clock(), HOUR)
        transport = httpx.ASGITransport(edge_of(stage.domain).app(), client=("203.0.113.7", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as visitor:
            yield Linked(stage, visitor, upload, post_of(), urlsplit(link.reveal()).path)
