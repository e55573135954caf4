"""Media links in the database: concurrent fetches and closes, and pruning.

Tests what needs two transactions, or rows that the domain never creates.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import media, uploads
from storage.database import Database, Transaction
from storage.media import MediaFetchRow, MediaLinkRow
from storage.states import UploadState
from storage.uploads import UploadRow

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ATTEMPT = ("l1", "p1", 1)


def link(digest: bytes = b"d1", position: int = 0, **values: Any) -> MediaLinkRow:
    """Return a link that is valid for one hour."""
    filled: dict[str, Any] = {
        "location": "l1",
        "post": "p1",
        "attempt": 1,
        "upload": "u1",
        "mime_type": "image/jpeg",
        "size_bytes": 9,
    }
    times = {"create_time": NOW, "expire_time": NOW + HOUR}
    return MediaLinkRow(digest=digest, position=position, **{**filled, **times, **values})


@pytest.fixture
async def db(database: Database) -> Database:
    """Return a database with one complete upload."""
    async with database.transaction() as tx:
        times: dict[str, Any] = {"create_time": NOW, "expire_time": NOW + HOUR}
        row = UploadRow(
            location="l1", id="u1", mime_type="image/jpeg", size_bytes=9, state=UploadState.COMPLETE, **times
        )
        row.sha256 = "ab"
        await uploads.insert(tx, row)
    return database


async def make(db: Database, *rows: MediaLinkRow) -> bool:
    """Replace the links of the attempt."""
    async with db.transaction() as tx:
        await media.lock(tx, *ATTEMPT)
        return await media.replace(tx, *ATTEMPT, rows, NOW)


async def close_unfetched(db: Database) -> bool:
    """Close the attempt if none of its links was fetched, as the domain does."""
    async with db.transaction() as tx:
        await media.lock(tx, *ATTEMPT)
        if await media.count_fetched(tx, *ATTEMPT):
            return False
        await media.close(tx, *ATTEMPT, b"mark", NOW)
    return True


async def opens(tx: Transaction, digest: bytes = b"d1", now: datetime = NOW) -> bool:
    """Return whether a fetch may begin."""
    return await media.open_for_fetch(tx, digest, now)


async def test_a_close_waits_for_a_fetch_that_began(db: Database) -> None:
    """A close waits for an uncommitted fetch, and then sees it."""
    await make(db, link(), link(b"d2", 1))
    async with db.transaction() as tx:
        assert await opens(tx, b"d2")
        closing = asyncio.create_task(close_unfetched(db))
        done, _ = await asyncio.wait([closing], timeout=0.3)
        assert not done
    assert not await closing
    async with db.read() as tx:
        assert (True, True) == (
            await media.find(tx, b"d1", NOW) is not None,
            await media.find(tx, b"d2", NOW) is not None,
        )


async def test_a_fetch_waits_for_a_close_that_began(db: Database) -> None:
    """A fetch waits for an uncommitted close, and then finds no valid link."""
    await make(db, link())

    async def fetch() -> bool:
        async with db.transaction() as tx:
            return await opens(tx)

    async with db.transaction() as tx:
        await media.lock(tx, *ATTEMPT)
        await media.close(tx, *ATTEMPT, b"mark", NOW)
        fetching = asyncio.create_task(fetch())
        done, _ = await asyncio.wait([fetching], timeout=0.3)
        assert not done
    assert not await fetching


async def test_links_wait_for_a_close_that_began(db: Database) -> None:
    """An attempt without links can be closed too, and links that are created concurrently are refused."""
    async with db.transaction() as tx:
        await media.lock(tx, *ATTEMPT)
        await media.close(tx, *ATTEMPT, b"mark", NOW)
        making = asyncio.create_task(make(db, link()))
        done, _ = await asyncio.wait([making], timeout=0.3)
        assert not done
    assert not await making
    async with db.read() as tx:
        assert await media.find(tx, b"d1", NOW) is None


async def test_the_marker_of_a_closed_attempt_is_not_valid(db: Database) -> None:
    """The marker row of a closed attempt is not a valid link, and is written once."""
    assert await close_unfetched(db)
    assert await close_unfetched(db)
    async with db.transaction() as tx:
        assert not await opens(tx, b"mark", NOW - HOUR)
        assert await media.find(tx, b"mark", NOW - HOUR) is None


async def test_a_link_lives_until_its_time_and_with_its_upload(db: Database) -> None:
    """A link is invalid from the moment it expires, and without the bytes of its upload."""
    await make(db, link())
    async with db.transaction() as tx:
        found = await media.find(tx, b"d1", NOW + HOUR - timedelta(microseconds=1))
        assert found is not None
        assert "ab" == found[1]
        assert (None, False) == (await media.find(tx, b"d1", NOW + HOUR), await opens(tx, now=NOW + HOUR))
        await uploads.expire(tx, "l1", "u1", NOW)
        assert (None, False) == (await media.find(tx, b"d1", NOW), await opens(tx))


async def test_fetches_are_counted_by_link(db: Database) -> None:
    """A link that was fetched three times counts once, with the time of the first fetch."""
    await make(db, link(), link(b"d2", 1))
    async with db.transaction() as tx:
        for minutes in (1, 2, 3):
            assert await opens(tx, now=NOW + timedelta(minutes=minutes))
    async with db.read() as tx:
        assert 1 == await media.count_fetched(tx, *ATTEMPT)
        assert [0, 0] == [await media.count_fetched(tx, "l2", "p1", 1), await media.count_fetched(tx, "l1", "p1", 2)]
        row = await media.find(tx, b"d1", NOW)
    assert row is not None
    assert (3, NOW + timedelta(minutes=1)) == (row[0].fetches, row[0].first_fetch_time)


async def test_an_upload_is_kept_longer_and_never_shorter(db: Database) -> None:
    """Extending only postpones the expiry, and only of complete uploads in the same location."""
    async with db.transaction() as tx:
        await uploads.extend(tx, "l1", ["u1", "none"], NOW + 2 * HOUR)
        await uploads.extend(tx, "l1", ["u1"], NOW)
        await uploads.extend(tx, "l2", ["u1"], NOW + 3 * HOUR)
    async with db.read() as tx:
        assert NOW + 2 * HOUR == (await uploads.get(tx, "l1", "u1")).expire_time


async def test_what_ended_is_forgotten(db: Database) -> None:
    """Links are pruned by their expiry, fetches by their time, each strictly before the given time."""
    await make(db, link(), link(b"d2", 1, expire_time=NOW))
    async with db.transaction() as tx:
        for id, time in (("f1", NOW), ("f2", NOW - HOUR)):
            row = MediaFetchRow(id=id, digest=b"d1", time=time, remote="", user_agent="", first=0, size=0, status=200)
            await media.log_fetch(tx, row)
        await media.prune(tx, NOW)
        assert (True, True) == (await opens(tx), await opens(tx, b"d2", NOW - HOUR))
        assert {"f1": True, "f2": False} == {
            id: await tx.get(MediaFetchRow, id, populate_existing=True) is not None for id in ("f1", "f2")
        }
        await media.prune(tx, NOW + timedelta(seconds=1))
        assert (True, False) == (await opens(tx), await opens(tx, b"d2", NOW - HOUR))
