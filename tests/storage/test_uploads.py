"""Uploads in the database: what it costs to find those that nothing needs any more.

Owns the plans. What an upload goes through is tested with the media of the gateway.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from storage import posts, uploads
from storage.database import Database, Transaction
from storage.states import UploadState
from storage.uploads import UploadRow
from tests.fixtures.rows import post_row

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
MANY = 20_000

_COPIES = text("""
INSERT INTO posts SELECT (jsonb_populate_record(p, jsonb_build_object('id', n, 'uploads', ARRAY['v' || n]))).*
FROM posts AS p, generate_series(1, :count) AS n WHERE p.id = 'p1'
""")

_READ = text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'posts'")


def upload(id: str) -> UploadRow:
    """Return an upload whose time is over."""
    complete: dict[str, Any] = {"state": UploadState.COMPLETE, "size_bytes": 1, "committed_size": 1}
    return UploadRow(**complete, location="l1", id=id, mime_type="video/mp4", create_time=NOW, expire_time=NOW)


async def expired(tx: Transaction) -> list[str]:
    """Return the uploads that nothing needs and whose time is over."""
    return [row.id for row in await uploads.expired(tx, NOW, NOW, 10, lock=False)]


@pytest.mark.parametrize("state", posts.UNFINISHED)
async def test_an_upload_that_an_unfinished_post_names_is_needed(database: Database, state: str) -> None:
    """In each state that is not final, and by no post of another location."""
    async with database.transaction() as tx:
        for id in ("mine", "theirs"):
            await uploads.insert(tx, upload(id))
        await posts.insert(tx, post_row(NOW, state=state, uploads=["other", "mine"], due_at=NOW))
        await posts.insert(tx, post_row(NOW, state=state, uploads=["theirs"], due_at=NOW, location="l2"))

    async with database.read() as tx:
        needed = [await uploads.in_use(tx, "l1", id) for id in ("mine", "theirs")]
        assert ([True, False], ["theirs"]) == (needed, await expired(tx))


@pytest.mark.chaos
@pytest.mark.parametrize("state", ["SCHEDULED", "PUBLISHED"])
async def test_no_posts_of_other_uploads_are_read(database: Database, state: str) -> None:
    """Neither for a sweep nor for one upload, beside twenty thousand posts of the location."""
    due: dict[str, Any] = {"due_at": NOW + timedelta(days=1)} if state == "SCHEDULED" else {}
    async with database.transaction() as tx:
        await uploads.insert(tx, upload("u"))
        await posts.insert(tx, post_row(NOW, state=state, uploads=["v"], **due))
        await tx.execute(_COPIES, {"count": MANY})
    async with database.transaction() as tx:
        await tx.execute(text("ANALYZE posts"))
    async with database.transaction() as tx:
        assert (["u"], False) == (await expired(tx), await uploads.in_use(tx, "l1", "u"))
        read = (await tx.execute(_READ)).scalar_one()

    assert 0 == read
