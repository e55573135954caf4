"""Uploads in an object store that fails: what was deleted is deleted later, and a missing bucket loses no bytes.

Owns the proofs of what `gateway/domain/media/uploads.py` does with the store's faults.
"""

import hashlib
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.app import Roles
from gateway.domain.media import upload_sweep, uploads
from gateway.errors import GatewayUnavailable
from socialgateway.v1 import post_pb2, upload_pb2
from socialgateway.v1.upload_service_pb2 import WriteUploadRequest
from tests.chaos import processes
from tests.chaos.processes import connect_by, new_post, pattern
from tests.fixtures import logs
from tests.fixtures.app import CALLS, running, simulated, target_of
from tests.fixtures.client import Client
from tests.fixtures.domain import LOCATION, opened
from tests.fixtures.s3 import S3
from tests.fixtures.waiting import until


async def test_what_an_absent_store_cannot_delete_is_swept(
    s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """An upload is deleted while the store is away: the call succeeds, and the sweeper deletes the bytes."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    async with opened(database_url, tmp_path, blob_url=s3.url) as stage:
        upload = await stage.upload(b"bytes")
        s3.leave()
        with logs.capture() as lines:
            await uploads.delete(stage.domain, LOCATION, upload, None)
        s3.come_back()
        left = s3.names()
        # moto's objects are as old as the real clock says, so the sweep's time is later than any.
        await upload_sweep.orphans(stage.domain, stage.clock().replace(year=2100))

    assert ([f"uploads/{LOCATION}/{upload}/0"], []) == (left, s3.names())
    assert "the store does not answer" in lines.getvalue()


async def test_an_upload_goes_on_at_another_replica(
    s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """A file that two replicas received in halves is published whole by the one that has jobs."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    data = pattern(3_000_000)
    half = len(data) // 2
    async with AsyncExitStack() as stack:
        vendor, settings = await stack.enter_async_context(simulated())
        settings["blob_url"] = s3.url
        one, two = [
            await stack.enter_async_context(running(database_url, tmp_path / name, roles=roles, **settings))
            for name, roles in (("one", CALLS), ("two", Roles()))
        ]
        first, second = [await stack.enter_async_context(Client(target_of(each))) for each in (one, two)]
        account = await connect_by(first)
        wanted = upload_pb2.Upload(mime_type="video/mp4", size_bytes=len(data))
        made = await first.call("UploadService/CreateUpload", parent=processes.LOCATION, upload=wanted)
        await first.uploads.WriteUpload(iter([WriteUploadRequest(name=made.name, data=data[:half])]))
        begin = (await second.call("UploadService/GetUpload", name=made.name)).committed_size
        rest = WriteUploadRequest(name=made.name, write_offset=begin, data=data[begin:], finish=True)
        await second.uploads.WriteUpload(iter([rest]))
        post = await first.posts.CreatePost(new_post(account, made.name, "in halves", "p1"))

        async def published() -> bool:
            found = await first.call("PostService/GetPost", name=post.name)
            return bool(found.state == post_pb2.Post.PUBLISHED)

        await until(published, 30)
    [posted] = vendor.posts
    assert (half, hashlib.sha256(data).hexdigest()) == (begin, posted.sha256)


async def test_a_missing_bucket_is_an_outage_and_no_loss(
    s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """Bytes whose bucket is missing are unavailable, not gone: a post that needs them must wait, not fail."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    async with opened(database_url, tmp_path, blob_url=s3.url) as stage:
        upload = await stage.upload(b"bytes")
        s3.remove_bucket()
        with logs.capture() as lines, pytest.raises(GatewayUnavailable):
            _ = [piece async for piece in uploads.read(stage.domain, LOCATION, upload, 0, 5)]

    assert "there is no such bucket" in lines.getvalue()
    assert "GATEWAY_BLOB_URL" in lines.getvalue()
