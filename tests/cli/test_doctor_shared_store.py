"""`doctor` about a store of uploads that is not that of the other processes."""

import asyncio
from pathlib import Path

import pytest

from storage import database
from storage.database import Transaction
from tests.cli.command import Ran
from tests.cli.test_doctor import examine, wrong
from tests.fixtures.domain import opened


async def _upload(database_url: str, folder: Path) -> None:
    """Store an upload as a gateway does whose store is a folder of its own."""
    async with opened(database_url, folder) as stage:
        await stage.upload(b"bytes")


def _examine(database_url: str, folder: Path, store: Path) -> Ran:
    return examine(database_url, folder, blob_url=store.as_uri())


def test_uploads_that_are_stored_elsewhere_are_missed(database_url: str, tmp_path: Path) -> None:
    """A store without the newest uploads is another one than that of the process which received them."""
    asyncio.run(_upload(database_url, tmp_path / "one"))
    same = _examine(database_url, tmp_path, tmp_path / "one" / "blobs")
    other = _examine(database_url, tmp_path, tmp_path / "other")

    assert (0, []) == (same.code, wrong(same)), same.out
    [line] = wrong(other)
    assert "1 of the 1 newest uploads are not in" in line
    assert "GATEWAY_BLOB_URL" in line


def test_gateways_on_other_machines_beside_a_folder_are_named(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder can be mounted everywhere, so that processes at other addresses are only a note."""
    here = database.client_addresses

    async def with_another(tx: Transaction) -> list[str]:
        return [*await here(tx), "192.0.2.7"]

    monkeypatch.setattr(database, "client_addresses", with_another)
    ran = _examine(database_url, tmp_path, tmp_path / "blobs")
    assert (0, []) == (ran.code, wrong(ran)), ran.out
    [line] = [line for line in ran.out.splitlines() if "has gateways at" in line]
    assert line.startswith("note ")
    assert "127.0.0.1, 192.0.2.7" in line
