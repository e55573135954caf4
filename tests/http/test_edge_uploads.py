"""`/readyz` about the store of uploads: probed in the background, named when it fails, ready when it is back."""

import time
from pathlib import Path

import httpx
import pytest

from gateway.app import Gateway
from gateway.upload_store import GOOD_SECONDS, StoreWatch
from tests.fixtures import disks
from tests.fixtures.app import CALLS, base_of, running
from tests.fixtures.s3 import S3
from tests.fixtures.waiting import until


def watch_of(gateway: Gateway) -> StoreWatch:
    """Return what watches the store."""
    assert gateway.readiness.uploads is not None
    return gateway.readiness.uploads


def later(watch: StoreWatch, seconds: float) -> None:
    """Let the watch's clock be ahead by so much."""
    watch.monotonic = lambda: time.monotonic() + seconds


async def answer(client: httpx.AsyncClient, gateway: Gateway) -> tuple[int, list[str]]:
    """Return the status of `/readyz` and the parts that are wrong."""
    found = await client.get(f"{base_of(gateway)}/readyz")
    return found.status_code, [name for name, good in found.json()["parts"].items() if not good]


@pytest.mark.parametrize("how", ["bucket", "server"])
async def test_a_store_that_fails_is_named_until_it_works(
    how: str, s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """A bucket that goes, or a server that is down, turns `/readyz`, not gRPC's health; back again, it is ready."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    break_, mend = (s3.remove_bucket, s3.make_bucket) if how == "bucket" else (s3.leave, s3.come_back)
    async with (
        running(database_url, tmp_path, roles=CALLS, blob_url=s3.url) as gateway,
        httpx.AsyncClient(trust_env=False) as client,
    ):

        async def is_(*expected: object) -> bool:
            return expected == await answer(client, gateway)

        await until(lambda: is_(200, []))
        break_()
        later(watch_of(gateway), GOOD_SECONDS)
        await until(lambda: is_(503, ["uploads"]))
        assert await gateway.readiness.serving()
        mend()
        later(watch_of(gateway), 2 * GOOD_SECONDS)
        await until(lambda: is_(200, []))


async def test_a_probe_of_readiness_costs_no_write(
    s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """Many probes within a minute are answered from one look at the store, and none waits for it."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    async with (
        running(database_url, tmp_path, roles=CALLS, blob_url=s3.url) as gateway,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        assert watch_of(gateway).works()
        s3.leave()
        answers = [await answer(client, gateway) for _ in range(20)]
        s3.come_back()

    assert {200} == {status for status, _ in answers}


async def test_a_store_that_is_away_does_not_keep_a_gateway_from_starting(
    s3: S3, monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> None:
    """A fleet restarts while its store is down: it serves, is not ready, and is ready when the store is back."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    s3.leave()
    async with (
        running(database_url, tmp_path, roles=CALLS, blob_url=s3.url) as gateway,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        assert await gateway.readiness.serving()
        assert (503, ["uploads"]) == await answer(client, gateway)
        s3.come_back()

        async def ready() -> bool:
            return (200, []) == await answer(client, gateway)

        await until(ready)


@pytest.mark.parametrize("way", disks.WAYS)
async def test_a_folder_that_cannot_be_written_is_named_until_it_can(
    way: str, database_url: str, tmp_path: Path
) -> None:
    """A local folder is tried in the same way: full, read-only, or no folder any more."""
    async with (
        running(database_url, tmp_path, roles=CALLS) as gateway,
        httpx.AsyncClient(trust_env=False) as client,
    ):

        async def is_(*expected: object) -> bool:
            return expected == await answer(client, gateway)

        await until(lambda: is_(200, []))
        with disks.broken(tmp_path / "blobs", way):
            later(watch_of(gateway), GOOD_SECONDS)
            await until(lambda: is_(503, ["uploads"]))
        later(watch_of(gateway), 2 * GOOD_SECONDS)
        await until(lambda: is_(200, []))
