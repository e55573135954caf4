"""(c) A thousand watchers and two hundred event streams: what an idle one keeps in memory, and how late an event is.

Owns the streams and what is written while they listen. Event streams are each of one location, watchers of one post.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from gateway.clock import now
from gateway.domain.publishing import journal
from socialgateway.v1 import event_service_pb2, post_service_pb2
from storage import posts
from storage.states import PostState
from tests.bench.rounds import at_most
from tests.bench.scale.ground import quantile
from tests.bench.scale.line import Line, Tell
from tests.bench.servers import LOCATIONS, Bench
from tests.bench.usage import resident_mib
from tests.fixtures.client import Client
from tests.fixtures.rows import post_row

SHARE = 5
"""For so many watchers there is one event stream."""

CHANNELS = 10
WRITES = 300
PAUSE_SECONDS = 0.05
SETTLE_SECONDS = 3.0
PATIENCE_SECONDS = 300.0
LIMITS = {"GATEWAY_MAX_CALLS_PER_KEY": "8192", "GATEWAY_MAX_STREAMS_PER_KEY": "8192"}


async def measure(bench: Bench, sizes: Sequence[int], tell: Tell) -> list[Line]:
    """Open each number of watchers, with a gateway of its own, and write what they wait for."""
    time = now()
    async with bench.domain.db.transaction() as tx:
        for number in range(LOCATIONS):
            far = time + timedelta(days=1)
            await posts.insert(tx, post_row(time, location=f"bench{number}", id="watched", due_at=far))
    idle, watched, streamed = list[float](), list[float](), list[float]()
    for size in sizes:
        memory, post_lags, event_lags = await _one(bench, size, tell)
        idle.append(memory)
        watched.append(quantile(post_lags, 0.99))
        streamed.append(quantile(event_lags, 0.99))
    at = tuple(sizes)
    return [
        Line("c", "Memory of an idle stream", "KiB", at, tuple(idle), at_most(64)),
        Line("c", "A watcher hears of a change, p99", "ms", at, tuple(watched)),
        Line("c", "A stream hears of an event, p99", "ms", at, tuple(streamed)),
    ]


async def _one(bench: Bench, size: int, tell: Tell) -> tuple[float, list[float], list[float]]:
    """Return the KiB of an idle stream, and the milliseconds from a change to those who wait for it."""
    post_lags: list[float] = []
    event_lags: list[float] = []
    begun = 0

    async def watch(call: Any) -> None:
        nonlocal begun
        known = False
        async for message in call:
            if not message.HasField("post"):
                continue
            begun += not known
            # The first is the post as it was, not a change.
            if known:
                post_lags.append((now() - message.post.update_time.ToDatetime(now().tzinfo)).total_seconds() * 1e3)
            known = True

    async def stream(call: Any) -> None:
        async for message in call:
            for event in message.events:
                event_lags.append((now() - event.create_time.ToDatetime(now().tzinfo)).total_seconds() * 1e3)

    async with bench.gateway("--no-jobs", **LIMITS) as gateway:
        clients = [bench.client(gateway) for _ in range(CHANNELS)]
        tasks = list[asyncio.Task[None]]()
        await _open(clients, CHANNELS, watch, stream, tell, tasks)
        await asyncio.sleep(SETTLE_SECONDS)
        before = resident_mib(gateway.pid)
        calls = await _open(clients, size, watch, stream, tell, tasks)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while begun < size + CHANNELS:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE_SECONDS)
        memory = (resident_mib(gateway.pid) - before) * 1024 / calls
        post_lags.clear()
        event_lags.clear()
        tell(f"{size:,} watchers: writing {WRITES} changes")
        for number in range(WRITES):
            await _change(bench, f"bench{number * 7 % min(size, LOCATIONS)}")
            await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.sleep(SETTLE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            await client.channel.close()
    assert len(post_lags) >= WRITES, f"{len(post_lags)} of {WRITES} changes were heard"
    return memory, post_lags, event_lags


async def _open(
    clients: list[Client], size: int, watch: Any, stream: Any, tell: Tell, tasks: list[asyncio.Task[None]]
) -> int:
    """Open watchers, and an event stream for every few of them, and return how many calls that is."""
    tell(f"{size:,} watchers: opening")
    calls = 0
    for number in range(size):
        client, place = clients[number % len(clients)], f"locations/bench{number % LOCATIONS}"
        request = post_service_pb2.WatchPostRequest(name=f"{place}/posts/watched")
        opened = [watch(client.posts.WatchPost(request, timeout=3600))]
        if number % SHARE == 0:
            events = event_service_pb2.StreamEventsRequest(parent=place)
            opened.append(stream(client.events.StreamEvents(events, timeout=3600)))
        calls += len(opened)
        tasks += [asyncio.create_task(each) for each in opened]
        if number % 50 == 0:
            await asyncio.sleep(0.05)
    return calls


async def _change(bench: Bench, place: str) -> None:
    """Change a post as a step does: its row, its event, and a notification, in one transaction."""
    async with bench.domain.db.transaction() as tx:
        row = await posts.get(tx, place, "watched", lock=True)
        time = now()
        expect = (PostState.QUEUED,)
        changed = await posts.change(tx, place, row.id, time, expect=expect, sent_bytes=row.sent_bytes + 1)
        assert changed is not None
        await journal.record_event(tx, changed, time)
