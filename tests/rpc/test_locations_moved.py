"""A location that an operator gives away while a call of its former owner is under way.

Owns the proofs that nothing of the former owner gets into it afterwards, and that neither side ends in a deadlock.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from gateway.domain import locations
from socialgateway.v1 import engagement_pb2, planner_pb2, post_pb2
from socialgateway.v1.connection_service_pb2 import ReauthorizeConnectionRequest, StartAccountAuthorizationRequest
from socialgateway.v1.engagement_service_pb2 import CreateCommentRequest
from socialgateway.v1.planner_service_pb2 import CreatePostImportRequest
from socialgateway.v1.post_service_pb2 import CreatePostRequest
from storage import agencies, schema, uploads
from storage import locations as rows
from storage.database import Database, Transaction
from storage.location_contents import KEPT
from storage.states import LocationClaim
from storage.uploads import UploadPartRow, UploadRow
from tests.fixtures.clock import START
from tests.fixtures.waiting import until
from tests.rpc.answers import assert_error
from tests.rpc.planning import CONNECTION, PARENT, Planned, planned


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Planned]:
    """Yield a gateway whose location l1 is connected to HighLevel."""
    async with planned(database_url, tmp_path) as opened:
        yield opened


def creating_post(stage: Planned) -> Awaitable[Any]:
    """Create a post, whose media the vendor fetches."""
    post = post_pb2.Post(account=stage.account("facebook"), mode=post_pb2.POST_MODE_DIRECT)
    post.video.source.uri, post.video.source.vendor_pull = "https://media.example/a.mp4", True
    created: Awaitable[Any] = stage.api.posts.CreatePost(CreatePostRequest(parent=PARENT, post=post))
    return created


def commenting(stage: Planned) -> Awaitable[Any]:
    """Reply to a comment."""
    account = stage.account("facebook")
    comment = engagement_pb2.Comment(text="Thanks!", reply_to=f"{account}/comments/c9")
    request = CreateCommentRequest(parent=account, comment=comment)
    written: Awaitable[Any] = stage.api.engagement.CreateComment(request)
    return written


def reauthorizing(stage: Planned) -> Awaitable[Any]:
    """Open a consent page."""
    opened: Awaitable[Any] = stage.api.connections.ReauthorizeConnection(ReauthorizeConnectionRequest(name=CONNECTION))
    return opened


def consenting(stage: Planned) -> Awaitable[Any]:
    """Start the consent of an account's owner."""
    request = StartAccountAuthorizationRequest(parent=CONNECTION, platform="facebook")
    started: Awaitable[Any] = stage.api.connections.StartAccountAuthorization(request)
    return started


async def waiting_or_done(database: Database, task: asyncio.Task[Any]) -> None:
    """Return when the task is done, or somebody waits for a lock in the test's database."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    async def waits() -> bool:
        async with database.read() as tx:
            return task.done() or (await tx.execute(text(query))).first() is not None

    await until(waits)


async def refused_while_moved(stage: Planned, call: Awaitable[Any]) -> None:
    """Make a call that passes its checks while an operator moves its location, and must be refused after all."""
    database = stage.world.domain.db

    async def calling() -> Any:
        return await call

    async with database.transaction() as tx:
        await locations.assign(tx, "l1", "rival", stage.world.clock(), former="default", discard=True)
        task = asyncio.create_task(calling())
        await waiting_or_done(database, task)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await task
    assert_error(caught.value, grpc.StatusCode.PERMISSION_DENIED, "LOCATION_FORBIDDEN", location=PARENT)


async def contents(database: Database) -> dict[str, int]:
    """Return how many rows of the location each table has that has any, but those that are kept."""
    names = [name for name, table in schema.metadata().tables.items() if "location" in table.c and name not in KEPT]
    async with database.read() as tx:
        counts = {
            name: (await tx.execute(text(f"SELECT count(*) FROM {name} WHERE location = 'l1'"))).scalar_one()
            for name in names
        }
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("call", [creating_post, commenting, reauthorizing, consenting])
async def test_a_call_that_was_authorised_before_does_not_write_into_another_agency_s_location(
    stage: Planned, call: Any
) -> None:
    """It is refused as a new call would be, and the location is as empty as its new owner got it."""
    await refused_while_moved(stage, call(stage))

    assert {} == await contents(stage.world.domain.db)


async def test_an_import_does_not_either(stage: Planned) -> None:
    """An import of a file that was there when the call was authorised is refused, and nothing is sent."""
    upload = await stage.upload(b"date,content\n")
    wanted = planner_pb2.PostImport(upload=upload, accounts=[stage.account()])

    await refused_while_moved(
        stage, stage.api.planner.CreatePostImport(CreatePostImportRequest(parent=PARENT, post_import=wanted))
    )

    assert ({}, {}) == (await contents(stage.world.domain.db), stage.vendor.imports)


async def grown(tx: Transaction) -> None:
    """Store a further part, which needs another step of room."""
    part = UploadPartRow(location="l1", upload="u1", first=uploads.STEP, size=1, key="k2")
    assert await uploads.commit_part(tx, part, START)


async def completed(tx: Transaction) -> None:
    """Complete the upload, whose size is known now."""
    assert await uploads.complete(tx, "l1", "u1", size=uploads.STEP, sha256="", expire_time=START)


async def expired(tx: Transaction) -> None:
    """Let the upload expire."""
    assert ["u1"] == [row.id for row in await uploads.expired(tx, START, START, 1)]
    await uploads.expire(tx, "l1", "u1", START)


async def removed(tx: Transaction) -> None:
    """Delete the upload."""
    await uploads.remove(tx, "l1", "u1")


@pytest.mark.parametrize("change", [grown, completed, expired, removed])
async def test_a_change_of_an_upload_and_a_move_do_not_deadlock(database: Database, change: Any) -> None:
    """The move waits for the change; then the location is empty, and nobody's bytes are counted."""
    async with database.transaction() as tx:
        await rows.claim(tx, "l1", "acme", START, LocationClaim.NAMED)
        own: dict[str, Any] = {"location": "l1", "id": "u1", "mime_type": "video/mp4", "size_bytes": 0}
        await uploads.insert(tx, UploadRow(**own, create_time=START, expire_time=START))
        part = UploadPartRow(location="l1", upload="u1", first=0, size=uploads.STEP, key="k1")
        await uploads.commit_part(tx, part, START)

    async def move() -> None:
        async with database.transaction() as tx:
            await locations.assign(tx, "l1", "rival", START, former="acme")

    async with database.transaction() as tx:
        await change(tx)
        task = asyncio.create_task(move())
        await waiting_or_done(database, task)
        # As who needs more room does, before the commit that counts.
        await agencies.reserved_bytes(tx, "l1")
    await task

    async with database.read() as tx:
        counted = (await tx.execute(text("SELECT agency, upload_bytes FROM agencies WHERE upload_bytes > 0"))).all()
    assert ({}, []) == (await contents(database), counted)
