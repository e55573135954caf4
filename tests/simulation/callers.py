"""The callers of a simulated run: they create, cancel and read posts until they have an answer, and follow the events.

Owns what they want and what they were told; a caller whose answer is lost asks again with the same request id. What
must hold of it is `invariants.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gateway.domain.endpoints import manage
from gateway.domain.endpoints.manage import NewEndpoint
from gateway.domain.events import stream
from gateway.domain.idempotency import RequestKey
from gateway.domain.posts import cancel, create, read
from gateway.domain.posts.create import NewPost
from gateway.status import INTERNAL, error_facts
from providers.models.secret import Secret
from storage.events import EventRow
from tests.simulation.world import AGENCY, LOCATIONS, Lost, Node, World

SPREAD = 60.0
"""Seconds in which all posts are asked for."""

SIZES = (1_000, 20_000, 150_000)
"""Bytes of a video: up to one chunk, and three, by the bounds that a run sets."""


@dataclass
class Wish:
    """A post that a caller wants once; `ids` is what answers named, `refused` why it was not made."""

    number: int
    location: str
    account: str
    privacy: str
    size: int
    at: float
    ids: set[str] = field(default_factory=set)
    refused: str = ""
    done: bool = False

    @property
    def caption(self) -> str:
        """The caption, by which vendors' ledgers show the post."""
        return f"post {self.number}"


@dataclass
class Reader:
    """A stream's reader: the positions that it saw, and the events with them."""

    location: str
    position: int = 0
    seen: list[tuple[int, str, int]] = field(default_factory=list)

    async def follow(self, node: Node) -> None:
        """Read on a node for as long as it lives."""
        feeds = node.feeds
        feed = feeds.of_location(self.location, AGENCY) if self.location else feeds.of_agency(AGENCY, None)
        async for batch in stream.stream(node.domain, feed, self.position):
            self.seen += [(position, row.location, row.number) for position, row in batch.events]
            self.position = batch.position


class Callers:
    """All callers of one run; `faults` are answers that no caller should get."""

    def __init__(self, world: World, count: int) -> None:
        self.world = world
        self.faults: list[str] = []
        self.wishes = [self._wish(number) for number in range(count)]
        self.readers = [Reader(LOCATIONS[0]), Reader("")]
        self.tasks: list[asyncio.Task[None]] = []

    def _wish(self, number: int) -> Wish:
        rng = self.world.rng
        at, size = rng.uniform(0, SPREAD), rng.choice(SIZES)
        if rng.random() < 0.35:
            return Wish(number, "l1", "h-tiktok", "public", size, at)
        creator = rng.randrange(3)
        return Wish(number, LOCATIONS[creator % 2], f"a{creator}", "only_me", size, at)

    async def prepare(self, domain: Any) -> None:
        """Store the uploads and make the endpoint, while nothing goes wrong yet."""
        for wish in self.wishes:
            await self.world.upload(domain, wish.location, f"u{wish.number}", wish.size)
        hook = NewEndpoint(LOCATIONS[0], "hook", Secret("http://127.0.0.1/hook"), max_per_second=100, position=0)
        await manage.create(domain, hook, None, agency=AGENCY)

    def start(self) -> None:
        """Begin everything."""
        for wish in self.wishes:
            self.tasks += [self.world.outside(self._want(wish)) for _ in range(self.world.rng.choice((1, 1, 2)))]
            if self.world.rng.random() < 0.2:
                self.world.begin(self._cancel(wish))
        for reader in self.readers:
            self.world.begin(self._follow(reader))

    async def _want(self, wish: Wish) -> None:
        await asyncio.sleep(wish.at + self.world.rng.uniform(0, 2))
        while not wish.refused:
            with suppress(Lost):
                row = await self._ask(lambda node: self._create(node, wish))
                if row is not None:
                    wish.ids.add(row.id)
                    break
            await asyncio.sleep(self.world.rng.uniform(0.5, 15))
            if self.world.loop.now - wish.at > 5000:
                wish.refused = "not made within an hour"
        wish.done = True

    async def _create(self, node: Node, wish: Wish) -> Any:
        new = NewPost(
            location=wish.location,
            id=node.domain.new_id(),
            account=wish.account,
            mode="direct",
            caption=wish.caption,
            content={"kind": "video"},
            uploads=[f"u{wish.number}"],
            options={"privacy_level": wish.privacy},
        )
        key = RequestKey(AGENCY, wish.location, "CreatePost", f"request-{wish.number}", b"body")
        return await create.create(node.domain, new, key, agency=AGENCY)

    async def _cancel(self, wish: Wish) -> None:
        await asyncio.sleep(wish.at + self.world.rng.expovariate(0.1))
        for _ in range(3):
            for id in sorted(wish.ids):
                with suppress(Lost):
                    await self._ask(partial(self._change, wish.location, id))
            await asyncio.sleep(self.world.rng.uniform(1, 20))

    async def _change(self, location: str, id: str, node: Node) -> Any:
        if self.world.rng.random() < 0.5:
            return await read.refresh(node.domain, location, id)
        return await cancel.cancel(node.domain, location, id, None)

    async def _ask(self, work: Callable[[Node], Coroutine[Any, Any, Any]]) -> Any:
        """Make a call; None after an answer that is an error."""
        try:
            return await self.world.call(work)
        except Lost:
            raise
        except Exception as error:
            if error_facts(error) is INTERNAL:
                self.faults.append(f"a caller got INTERNAL: {error!r}")
            return None

    async def _follow(self, reader: Reader) -> None:
        while True:
            with suppress(Lost):
                await self._ask(reader.follow)
            await asyncio.sleep(self.world.rng.uniform(0.1, 2))

    def received(self, event: EventRow) -> bool:
        """Return whether the endpoint got an event."""
        return self.world.receiver.received[f"locations/{event.location}/events/{event.number}"] > 0
