"""Keys: one data key per location, rotation of the ring, and wrong or missing keys that fail closed."""

import asyncio
import base64

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.key_ring import KeyMissing, KeyRing, KeyRingInvalid, KeyWrong
from storage.key_rotation import count_by_key, rewrap, verify_ring
from storage.keys import Sealer, get_secret
from storage.seal import SealBroken

PLACE = ("tokens", "c1", "access", 1)


def ring(*entries: str) -> KeyRing:
    """Return a ring; each entry is an id, or id=letter for a key that repeats that letter."""
    return KeyRing.parse(",".join(_entry(*entry.split("=")) for entry in entries))


def _entry(key_id: str, letter: str = "") -> str:
    return f"{key_id}:{base64.b64encode((letter or key_id)[0].encode() * 32).decode()}"


async def seal(db: Database, keys: KeyRing, location: str, value: bytes = b"secret") -> bytes:
    """Seal a value in its own transaction."""
    async with db.transaction() as tx:
        return (await Sealer(db, keys).for_location(tx, location)).seal(*PLACE, value)


async def opened(db: Database, keys: KeyRing, location: str, sealed: bytes) -> bytes:
    """Open a value with nothing cached."""
    async with db.read() as tx:
        return (await Sealer(db, keys).for_location(tx, location)).open(*PLACE, sealed)


async def test_the_first_key_is_active_and_all_unwrap() -> None:
    """A ring wraps with its first key and unwraps with any."""
    both = ring("new", "old")
    assert "new" == both.active == (await both.wrap(b"x", aad="a"))[0]
    assert b"x" == await both.unwrap(*await ring("old").wrap(b"x", aad="a"), aad="a")


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ("", "entry 1: not of the form"),
        ("canary-no-colon", "entry 1: not of the form"),
        (f"{_entry('a')},b:canary!!", "entry 2 ('b'): the key is not base64"),
        ("a:Y2FuYXJ5", "entry 1 ('a'): the key has 6 bytes instead of 32"),
        (f"{_entry('a')},", "entry 2: not of the form"),
        (f"{_entry('a')},{_entry('a', 'b')}", "entry 2: the id 'a' is there twice"),
        ("no space:YQ==", "entry 1: the id is"),
        (":YQ==", "entry 1: the id is"),
    ],
)
def test_a_bad_ring_says_which_entry_and_never_its_value(entries: str, says: str) -> None:
    """Each error names the entry and never contains the key."""
    with pytest.raises(KeyRingInvalid) as error:
        KeyRing.parse(entries)
    assert says in str(error.value)
    assert "canary" not in repr(error.value)
    assert "Y2Fu" not in repr(error.value)


def test_a_ring_prints_no_key() -> None:
    """The repr shows the active id only."""
    assert "KeyRing(active='a')" == repr(ring("a", "b"))


async def test_a_value_opens_on_another_replica(database: Database) -> None:
    """A value sealed by one process can be opened by another with the same ring."""
    sealed = await seal(database, ring("a"), "loc1")
    assert b"secret" == await opened(database, ring("a"), "loc1", sealed)


async def test_each_location_has_a_key_of_its_own(database: Database) -> None:
    """A value copied to another location cannot be opened there."""
    sealed = await seal(database, ring("a"), "loc1")
    await seal(database, ring("a"), "loc2")
    with pytest.raises(SealBroken):
        await opened(database, ring("a"), "loc2", sealed)


async def test_first_use_by_many_at_once_makes_one_key(database: Database) -> None:
    """Sixteen transactions that are the first to seal for a location can open each other's values."""
    sealed = await asyncio.gather(*(seal(database, ring("a"), "loc1") for _ in range(16)))
    assert {"a": 1} == await count_by_key(database)
    assert {b"secret"} == {await opened(database, ring("a"), "loc1", value) for value in sealed}


async def test_a_key_of_an_undone_transaction_is_never_used_again(database: Database) -> None:
    """A data key that was rolled back is not cached: values sealed afterwards can be opened after a restart."""
    sealer = Sealer(database, ring("a"))
    with pytest.raises(RuntimeError, match="undone"):  # noqa: PT012
        async with database.transaction() as tx:
            await sealer.for_location(tx, "loc1")
            await sealer.for_location(tx, "loc1")
            raise RuntimeError("undone")
    async with database.transaction() as tx:
        sealed = (await sealer.for_location(tx, "loc1")).seal(*PLACE, b"kept")
    assert b"kept" == await opened(database, ring("a"), "loc1", sealed)


async def test_the_cache_of_data_keys_is_bounded(database: Database) -> None:
    """With more locations than the cache holds all values still open, and the cache stays bounded."""
    sealer = Sealer(database, ring("a"), size=3)
    for number in range(8):
        await seal(database, ring("a"), f"loc{number}")
        async with database.read() as tx:
            await sealer.for_location(tx, f"loc{number}")
    assert 3 == len(sealer._sealers)


async def test_rewrapping_moves_everything_to_the_active_key(database: Database) -> None:
    """After rewrap nothing needs the old key, and all values still open without it."""
    sealed = [await seal(database, ring("old"), f"loc{number}") for number in range(5)]
    secret = await get_secret(database, ring("old"), "pepper")
    progress: list[tuple[int, int]] = []
    moved = await rewrap(database, ring("new", "old"), lambda done, total: progress.append((done, total)))
    assert 6 == moved
    assert (6, 6) == progress[-1]
    assert {"new": 6} == await count_by_key(database)
    for number, value in enumerate(sealed):
        assert b"secret" == await opened(database, ring("new"), f"loc{number}", value)
    assert secret == await get_secret(database, ring("new"), "pepper")
    assert 0 == await rewrap(database, ring("new", "old"))


async def test_rewrapping_can_be_stopped_and_run_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a rewrap is killed between batches a ring of both keys opens every value, and a second run finishes."""
    monkeypatch.setattr("storage.key_rotation.BATCH", 2)
    sealed = [await seal(database, ring("old"), f"loc{number}") for number in range(5)]

    def stop(done: int, _total: int) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rewrap(database, ring("new", "old"), stop)
    assert {"new": 2, "old": 3} == await count_by_key(database)
    for number, value in enumerate(sealed):
        assert b"secret" == await opened(database, ring("new", "old"), f"loc{number}", value)
    assert 3 == await rewrap(database, ring("new", "old"))


async def test_two_rewraps_at_once_share_the_work(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replicas that rewrap at the same time move each row once."""
    monkeypatch.setattr("storage.key_rotation.BATCH", 3)
    for number in range(20):
        await seal(database, ring("old"), f"loc{number}")
    moved = await asyncio.gather(*(rewrap(database, ring("new", "old")) for _ in range(2)))
    assert 20 == sum(moved)
    assert {"new": 20} == await count_by_key(database)


async def test_a_missing_key_fails_closed_by_name(database: Database) -> None:
    """Without the key that wrapped the data key nothing opens, and the error names the missing id."""
    sealed = await seal(database, ring("old"), "loc1")
    with pytest.raises(KeyMissing) as error:
        await opened(database, ring("new"), "loc1", sealed)
    assert "old" == error.value.key_id
    with pytest.raises(KeyMissing, match="old"):
        await verify_ring(database, ring("new"))
    with pytest.raises(KeyMissing, match="old"):
        await rewrap(database, ring("new"))


async def test_a_wrong_key_under_a_known_id_is_found_at_start(database: Database) -> None:
    """A different key with the same id is refused, whether or not anything was sealed yet."""
    await verify_ring(database, ring("a"))
    with pytest.raises(KeyWrong, match="'a'"):
        await verify_ring(database, ring("a=b"))
    sealed = await seal(database, ring("a"), "loc1")
    with pytest.raises(KeyWrong):
        await opened(database, ring("a=b"), "loc1", sealed)
    await verify_ring(database, ring("a"))


async def test_a_wrong_key_is_found_even_when_the_checks_are_gone(database: Database) -> None:
    """A wrong key is detected by the data keys even if no check value was stored."""
    await seal(database, ring("a"), "loc1")
    with pytest.raises(KeyWrong):
        await verify_ring(database, ring("a=b"))
    await verify_ring(database, ring("a"))


async def test_a_key_that_nothing_needs_may_leave_the_ring(database: Database) -> None:
    """After a rewrap the ring is valid without the old key."""
    await verify_ring(database, ring("old"))
    await seal(database, ring("old"), "loc1")
    await verify_ring(database, ring("new", "old"))
    await rewrap(database, ring("new", "old"))
    await verify_ring(database, ring("new"))


async def test_a_secret_is_made_once_for_all_replicas(database: Database) -> None:
    """The first call creates the secret; all calls return the same 32 bytes, different for each name."""
    asked = await asyncio.gather(*(get_secret(database, ring("a"), "pepper") for _ in range(12)))
    assert 1 == len(set(asked))
    assert 32 == len(asked[0])
    assert asked[0] != await get_secret(database, ring("a"), "other")


async def test_a_wrapped_key_moved_to_another_location_does_not_unwrap(database: Database) -> None:
    """A data key copied over another location's is refused."""
    await seal(database, ring("a"), "loc1")
    sealed = await seal(database, ring("a"), "loc2")
    async with database.transaction() as tx:
        copy = "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE location = 'loc1')"
        await tx.execute(text(f"{copy} WHERE location = 'loc2'"))
    with pytest.raises(KeyWrong):
        await opened(database, ring("a"), "loc2", sealed)
