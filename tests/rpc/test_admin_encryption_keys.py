"""EncryptionKeyService: the state of the keys, and rewrapping everything under load.

Owns the proofs of `gateway/rpc/admin_encryption_keys.py` and `gateway/domain/admin/encryption_keys.py`.
"""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.domain.admin import jobs
from socialgateway.admin.v1.encryption_key_pb2 import EncryptionKey
from storage.database import Database
from storage.key_ring import KeyRing
from tests.fixtures.admin import Admin, refused, serve
from tests.fixtures.gateway import opened
from tests.fixtures.settings import RING
from tests.storage.sealed import Readers, seal_many

NEW = "k2:" + base64.b64encode(b"2" * 32).decode()
ROWS = 1500


async def _states(admin: Admin) -> dict[str, tuple[str, int]]:
    found = await admin.call("EncryptionKeyService/ListEncryptionKeys")
    return {
        each.name.rpartition("/")[2]: (EncryptionKey.State.Name(each.state), each.wrapped_count)
        for each in found.encryption_keys
    }


async def test_everything_is_rewrapped_under_load_without_a_failed_read(database_url: str, tmp_path: Path) -> None:
    """While the job runs readers without any cache open every row, and at its end the old key is needed for nothing."""
    old = await Database.connect(database_url, pool_size=2)
    sealed = await seal_many(old, KeyRing.parse(RING), ROWS)
    await old.close()
    async with opened(database_url, tmp_path, encryption_keys=f"{NEW},{RING}") as world:
        admin = await serve(world, database_url, encryption_keys=f"{NEW},{RING}")
        before = await _states(admin)
        readers = Readers(world.domain.db, world.domain.sealer.ring, sealed)
        async with readers.reading(3):
            begun = await admin.call("EncryptionKeyService/RotateEncryptionKey", name="encryptionKeys/k2")
            again = await admin.call("EncryptionKeyService/RotateEncryptionKey", name="encryptionKeys/k2")
            await jobs.run_due(world.domain)
        done = await admin.call("EncryptionKeyService/GetEncryptionKey", name="encryptionKeys/k2")
        after = await _states(admin)

    assert (0, True) == (readers.failed, readers.reads > 50)
    assert ("ACTIVE", "RETIRING") == (before["k2"][0], before["k1"][0])
    assert before["k1"][1] >= ROWS
    assert begun.rewrap.create_time == again.rewrap.create_time
    assert (done.rewrap.done_count, done.rewrap.total_count) == (before["k1"][1], before["k1"][1])
    assert done.rewrap.HasField("end_time")
    assert {"k1": ("RETIRED", 0), "k2": ("ACTIVE", before["k1"][1] + before["k2"][1])} == after


async def test_only_the_active_key_is_rotated_to(admin: Admin) -> None:
    """One that is not first in the configuration is refused with what to do, one that does not exist not found."""
    await refused(
        admin.call("EncryptionKeyService/RotateEncryptionKey", name="encryptionKeys/k9"), "RESOURCE_NOT_FOUND"
    )
    for name in ("k1", "encryptionKeys/", "encryptionKeys/a/b"):
        await refused(admin.call("EncryptionKeyService/RotateEncryptionKey", name=name), "FIELD_INVALID")
    done = await admin.call("EncryptionKeyService/RotateEncryptionKey", name="encryptionKeys/k1")
    await jobs.run_due(admin.world.domain)
    ended = await admin.call("EncryptionKeyService/GetEncryptionKey", name="encryptionKeys/k1")
    assert (False, True) == (done.rewrap.HasField("end_time"), ended.rewrap.HasField("end_time"))


async def test_a_process_with_other_keys_leaves_the_job_to_others(database_url: str, tmp_path: Path) -> None:
    """In a key change a worker whose first key is still the old one does nothing, and says so; another one ends it."""
    both: dict[str, Any] = {"encryption_keys": f"{NEW},{RING}"}
    async with opened(database_url, tmp_path / "old", encryption_keys=f"{RING},{NEW}") as former:
        await former.connect()
        async with opened(database_url, tmp_path / "new", clock=former.clock, **both) as world:
            admin = await serve(world, database_url, **both)
            old = await serve(former, database_url, encryption_keys=f"{RING},{NEW}")
            name = "encryptionKeys/k2"
            await refused(
                old.call("EncryptionKeyService/RotateEncryptionKey", name=name), "STATE_FORBIDS", state="RETIRED"
            )
            await admin.call("EncryptionKeyService/RotateEncryptionKey", name=name)
            await jobs.run_due(former.domain)
            waiting = await admin.call("EncryptionKeyService/GetEncryptionKey", name=name)
            former.clock.advance(timedelta(seconds=5))
            await jobs.run_due(world.domain)
            done = await admin.call("EncryptionKeyService/GetEncryptionKey", name=name)
            found = await former.api.call("ConnectionService/ListConnections", parent="locations/l1")
            read = await former.domain.tokens.fresh("l1", found.connections[0].name.rpartition("/")[2])
    assert "does not have this key first" in waiting.rewrap.last_error
    assert read.value.reveal()
    assert (True, "") == (done.rewrap.HasField("end_time"), done.rewrap.last_error)
