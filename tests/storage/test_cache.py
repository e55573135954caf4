"""The coherent cache: bounded in age and size, and bypassed while notifications may be missed."""

import asyncio
from collections.abc import Callable

import pytest

from storage.cache import CoherentCache


class Notifications:
    """A fake listener that sends the notifications that the test asks for."""

    def __init__(self) -> None:
        self.healthy = True
        self.callback: Callable[[str], None] = lambda _key: None
        self.reset: Callable[[], None] | None = None

    def subscribe(
        self, topic: str, callback: Callable[[str], None], *, reset: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Store the only subscriber."""
        assert topic == "things"
        self.callback, self.reset = callback, reset
        return lambda: None


class Clock:
    """A monotonic clock that the test advances."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def heard() -> Notifications:
    """Return the cache's listener."""
    return Notifications()


@pytest.fixture
def clock() -> Clock:
    """Return the cache's clock."""
    return Clock()


@pytest.fixture
def cache(heard: Notifications, clock: Clock) -> CoherentCache[str, str]:
    """Return a cache of three values that live 30 seconds."""
    return CoherentCache(heard, "things", size=3, ttl_seconds=30, monotonic=clock)


async def put(cache: CoherentCache[str, str], key: str, value: str = "value") -> str:
    """Load a value with a loader that returns at once."""

    async def load() -> str:
        return value

    return await cache.load(key, load)


async def test_a_loaded_value_is_kept(cache: CoherentCache[str, str]) -> None:
    """A loaded value is cached until it is invalidated."""
    assert cache.get("a") is None
    assert "value" == await put(cache, "a")
    assert "value" == cache.get("a")


async def test_a_notification_drops_its_key_only(cache: CoherentCache[str, str], heard: Notifications) -> None:
    """A notification of one key leaves the others cached."""
    await put(cache, "a")
    await put(cache, "b")
    heard.callback("a")
    assert cache.get("a") is None
    assert "value" == cache.get("b")


async def test_a_value_is_never_older_than_its_time(cache: CoherentCache[str, str], clock: Clock) -> None:
    """The age counts from before the load."""

    async def slow() -> str:
        clock.seconds += 20
        return "value"

    await cache.load("a", slow)
    clock.seconds += 9.9
    assert "value" == cache.get("a")
    clock.seconds += 0.1
    assert cache.get("a") is None


async def test_nothing_is_served_or_kept_while_nothing_is_heard(
    cache: CoherentCache[str, str], heard: Notifications
) -> None:
    """While notifications may be missed the cache is neither read nor written."""
    await put(cache, "a")
    heard.healthy = False
    assert cache.get("a") is None
    assert "new" == await put(cache, "b", "new")
    heard.healthy = True
    assert cache.get("b") is None


@pytest.mark.parametrize("how", ["notification", "reset", "deaf"])
async def test_a_value_invalidated_while_it_was_loaded_is_not_kept(
    cache: CoherentCache[str, str], heard: Notifications, how: str
) -> None:
    """A value whose key is invalidated during its load is returned but not cached."""
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def load() -> str:
        reading.set()
        await go_on.wait()
        return "old"

    task = asyncio.create_task(cache.load("a", load))
    await reading.wait()
    if how == "notification":
        heard.callback("a")
    elif how == "reset":
        assert heard.reset is not None
        heard.reset()
    else:
        heard.healthy = False
    go_on.set()
    assert "old" == await task
    heard.healthy = True
    assert cache.get("a") is None


async def test_a_newer_load_is_not_spoiled_by_an_older_invalidation(
    cache: CoherentCache[str, str], heard: Notifications
) -> None:
    """A value whose load began after the notification is cached."""
    heard.callback("a")
    await put(cache, "a")
    assert "value" == cache.get("a")


async def test_the_least_recently_used_goes_first(cache: CoherentCache[str, str]) -> None:
    """The cache is bounded and evicts the least recently used value."""
    for key in ("a", "b", "c"):
        await put(cache, key)
    cache.get("a")
    await put(cache, "d")
    assert ["value", None, "value", "value"] == [cache.get(key) for key in ("a", "b", "c", "d")]
    assert 3 == len(cache)


async def test_a_failed_load_leaves_nothing_behind(cache: CoherentCache[str, str]) -> None:
    """The loader's error reaches the caller, and the next load starts over."""

    async def fail() -> str:
        raise KeyError

    with pytest.raises(KeyError):
        await cache.load("a", fail)
    await put(cache, "a")
    assert "value" == cache.get("a")
