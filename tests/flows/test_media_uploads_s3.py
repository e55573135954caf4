"""Uploads in an object store that fails: what was deleted is deleted later, and a missing bucket loses no bytes.

Owns the proofs of what `gateway/domain/media/uploads.py` does with the store's faults.
"""

from pathlib import Path

import pytest

from gateway.domain.media import uploads
from gateway.errors import GatewayUnavailable
from tests.fixtures import logs
from tests.fixtures.domain import LOCATION, opened
from tests.fixtures.s3 import S3


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
        await uploads.sweep_orphans(stage.domain, stage.clock().replace(year=2100))

    assert ([f"uploads/{LOCATION}/{upload}/0"], []) == (left, s3.names())
    assert "the store does not answer" in lines.getvalue()


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
