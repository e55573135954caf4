"""Keys that a service keeps: what is bound, what is shared, and what happens while the service is away.

Owns the proofs of `storage/key_encryption.py`, with a service in memory; the real ones are `test_key_services.py`.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from storage import key_encryption
from storage.database import Database
from storage.key_encryption import CiphertextRefused, KeyUnavailable, KeyWrong, ServiceAway, ServiceKey
from storage.key_ring import KeyRing
from storage.key_rotation import count_by_key, rewrap, verify_ring
from storage.keys import Sealer
from tests.fixtures.logs import capture

PLACE = ("tokens", "c1", "access", 1)
MASK = 0x5A


@dataclass
class Service:
    """A service that turns bits; it counts its calls, and is away, or silent, when told."""

    place: str = "the service"
    calls: int = 0
    away: bool = False
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def encrypt(self, plaintext: bytes) -> bytes:
        """Turn the bits."""
        self.calls += 1
        self.gate.wait()
        if self.away:
            raise ServiceAway("AccessDenied")
        return b"c" + bytes(byte ^ MASK for byte in plaintext)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Turn them back."""
        if ciphertext[:1] != b"c":
            raise CiphertextRefused
        return self.encrypt(ciphertext[1:])[1:]


@dataclass
class Kept:
    """A key, its service, and the time that the key goes by."""

    service: Service
    key: ServiceKey
    time: list[float]

    @property
    def ring(self) -> KeyRing:
        """A ring of this key alone."""
        return KeyRing("kms", {"kms": self.key})


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    """Yield a key of a service that answers."""
    service, time = Service(), [0.0]
    made = Kept(service, ServiceKey("kms", service, monotonic=lambda: time[0]), time)
    yield made
    service.gate.set()
    made.key.close()


async def refusal(work: Callable[[], object]) -> str:
    """Return the text with which a key is unavailable."""
    with pytest.raises(KeyUnavailable) as caught:
        await work()  # type: ignore[misc]
    return str(caught.value)


async def test_what_is_wrapped_is_bound_to_its_place(kept: Kept) -> None:
    """The service binds nothing, and yet a wrapped key opens in its own place alone."""
    wrapped = await kept.key.wrap(b"data key", aad="data_keys|l1|1")
    assert b"data key" == await kept.key.unwrap(wrapped, aad="data_keys|l1|1")
    for other in ("data_keys|l2|1", "data_keys|l1|2", ""):
        with pytest.raises(KeyWrong):
            await kept.key.unwrap(wrapped, aad=other)
    with pytest.raises(KeyWrong):
        await kept.key.unwrap(b"garbage", aad="data_keys|l1|1")


async def test_many_at_once_make_one_call(kept: Kept) -> None:
    """Whoever needs the same wrapped key at the same time shares one call; one that goes does not end it."""
    wrapped = await kept.key.wrap(b"data key", aad="a")
    kept.service.calls = 0
    kept.service.gate.clear()
    waiting = [asyncio.create_task(kept.key.unwrap(wrapped, aad="a")) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    kept.service.gate.set()
    assert [b"data key"] * 19 == await asyncio.gather(*waiting[1:])
    assert 1 == kept.service.calls


async def test_a_service_that_is_away_is_left_alone(kept: Kept) -> None:
    """After a failed call all fail at once, without a call, until the pause is over; then one tries for all."""
    kept.service.away = True
    with capture() as lines:
        assert "the service: AccessDenied" in await refusal(lambda: kept.key.wrap(b"x", aad="a"))
        for _ in range(50):
            assert "AccessDenied" in await refusal(lambda: kept.key.wrap(b"x", aad="a"))
        assert 1 == kept.service.calls
        kept.time[0] += key_encryption.PAUSE_SECONDS
        kept.service.gate.clear()
        trial = asyncio.create_task(kept.key.wrap(b"x", aad="a"))
        await asyncio.sleep(0)
        assert await refusal(lambda: kept.key.wrap(b"x", aad="a"))
        kept.service.away = False
        kept.service.gate.set()
        assert await trial
        assert ("", 2) == (kept.key.away, kept.service.calls)
        assert await kept.key.wrap(b"x", aad="a")
    told = [line for line in lines.getvalue().splitlines() if "key_service" in line]
    assert [True, True] == ["key_service.away" in told[0], "key_service.back" in told[1]]
    assert 2 == len(told)


async def test_a_silent_service_has_an_end(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that nobody answers ends by itself, off the event loop, and those that wait behind it too."""
    monkeypatch.setattr(key_encryption, "CALL_SECONDS", 0.05)
    kept.service.gate.clear()
    ended = await asyncio.gather(*(kept.key.wrap(b"x", aad="a") for _ in range(20)), return_exceptions=True)
    assert {KeyUnavailable} == {type(each) for each in ended}
    assert "does not answer within" in kept.key.away


async def test_a_wrong_ciphertext_is_no_absence(kept: Kept) -> None:
    """A service that refuses one ciphertext answers: others go on."""
    with pytest.raises(KeyWrong):
        await kept.key.unwrap(b"garbage", aad="a")
    assert "" == kept.key.away


async def test_a_cached_data_key_needs_no_service(database: Database, kept: Kept) -> None:
    """While the service is away, what was opened before is opened and sealed; another location is said to be closed."""
    sealer = Sealer(database, kept.ring)
    async with database.transaction() as tx:
        sealed = (await sealer.for_location(tx, "l1")).seal(*PLACE, b"token")
        await sealer.for_location(tx, "l2")
    async with database.read() as tx:
        await sealer.for_location(tx, "l1")
    kept.service.away = True
    for _ in range(100):
        async with database.read() as tx:
            assert b"token" == (await sealer.for_location(tx, "l1")).open(*PLACE, sealed)
    async with database.read() as tx:
        assert await refusal(lambda: sealer.for_location(tx, "l2"))
    async with database.transaction() as tx:
        assert await refusal(lambda: sealer.for_location(tx, "new"))
    kept.service.away = False
    kept.time[0] += key_encryption.PAUSE_SECONDS
    async with database.read() as tx:
        await sealer.for_location(tx, "l2")


async def test_a_ring_moves_into_a_service_and_back(database: Database, kept: Kept) -> None:
    """`keys rotate` wraps every data key with the service's key, stops where it is while that is away, and goes on."""
    local = KeyRing.parse("old:" + "A" * 43 + "=")
    async with database.transaction() as tx:
        for number in range(5):
            await Sealer(database, local).for_location(tx, f"l{number}")
    both = KeyRing("kms", {**kept.ring.keys, **local.keys})
    await verify_ring(database, both)
    kept.service.away = True
    with pytest.raises(KeyUnavailable):
        await rewrap(database, both)
    assert {"old": 5} == await count_by_key(database)
    kept.service.away = False
    kept.time[0] += key_encryption.PAUSE_SECONDS
    assert 5 == await rewrap(database, both)
    await verify_ring(database, kept.ring)
    assert 5 == await rewrap(database, KeyRing("old", both.keys))
    await verify_ring(database, local)
