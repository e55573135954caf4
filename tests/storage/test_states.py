"""State columns: plain text in PostgreSQL and in JSON, enum members in Python.

Tests that a member and its text are the same for everything outside Python. Knows no state machine.
"""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from storage import locations, posts
from storage.database import Database
from storage.posts import PostRow
from storage.states import PostState

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make_post(state: PostState) -> PostRow:
    """Return a post in a state."""
    return PostRow(
        location="l1",
        id="p1",
        account="a1",
        connection="c1",
        provider="tiktok",
        mode="direct",
        state=state,
        queue_time=NOW,
        create_time=NOW,
        update_time=NOW,
    )


async def test_a_member_is_stored_as_its_text_and_read_as_the_member(database: Database) -> None:
    """The column holds `QUEUED`; a row that is read back has the enum member, and so has the row of an update."""
    async with database.transaction() as tx:
        await posts.insert(tx, make_post(PostState.QUEUED))
    async with database.transaction() as tx:
        stored = (await tx.execute(text("SELECT state FROM posts"))).scalar_one()
        read = await posts.get(tx, "l1", "p1")
        assert ("QUEUED", PostState.QUEUED, PostState) == (stored, read.state, type(read.state))
        changed = await posts.change(tx, "l1", "p1", NOW, expect=[PostState.QUEUED], state="FAILED")
    assert changed is not None
    assert changed.state is PostState.FAILED


async def test_other_text_is_refused_on_the_way_in(database: Database) -> None:
    """A misspelt state never reaches the database."""
    async with database.transaction() as tx:
        await posts.insert(tx, make_post(PostState.QUEUED))
        with pytest.raises(ValueError, match="'QUEUD' is not a valid PostState"):
            await posts.change(tx, "l1", "p1", NOW, expect=[PostState.QUEUED], state="QUEUD")


async def test_other_text_is_refused_on_the_way_out(database: Database) -> None:
    """A state that this version does not know is an error that names it, not a row that nothing handles."""
    async with database.transaction() as tx:
        await posts.insert(tx, make_post(PostState.QUEUED))
        await tx.execute(text("UPDATE posts SET state = 'PAUSED'"))
    async with database.read() as tx:
        with pytest.raises(ValueError, match="'PAUSED' is not a valid PostState"):
            await posts.get(tx, "l1", "p1")


async def test_a_filter_by_an_unknown_name_matches_nothing(database: Database) -> None:
    """A list may be filtered by names that are no states; they add nothing to what is found."""
    async with database.transaction() as tx:
        await locations.claim(tx, "l1", "agency", NOW)
        await posts.insert(tx, make_post(PostState.QUEUED))

    async def count(*states: str) -> int:
        async with database.read() as tx:
            return len(await posts.page(tx, locations=None, agency="agency", states=states, after=None, limit=2))

    assert (0, 1) == (await count("STATE_UNSPECIFIED"), await count("STATE_UNSPECIFIED", "QUEUED"))


def test_a_state_in_json_is_its_text() -> None:
    """What an event or an answer carries is the plain text, however it is written."""
    post = make_post(PostState.AWAITING_CREATOR)
    assert "AWAITING_CREATOR" == post.model_dump(mode="json")["state"]
    assert '{"state": "AWAITING_CREATOR"}' == json.dumps({"state": post.state})
    assert "AWAITING_CREATOR" == str(post.state) == f"{post.state}"
    assert PostRow.model_validate(post.model_dump(mode="json")).state is PostState.AWAITING_CREATOR
