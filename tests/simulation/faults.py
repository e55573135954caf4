"""What goes wrong in a simulated run: which kinds, how often, and the wires on which it does.

Owns the choice by seed and the counts. Knows requests and answers, and not what they mean; `heal` ends all of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import httpx

from providers.http.post import Answer
from tests.simulation.loop import NODE

KINDS = {
    "vendor refuses the connection": (0.02, 0.1),
    "vendor loses the request": (0.02, 0.15),
    "vendor loses the answer": (0.02, 0.15),
    "vendor is slow": (0.02, 0.15),
    "vendor answers late": (0.02, 0.15),
    "vendor answers 503": (0.02, 0.15),
    "vendor answers 503 after the effect": (0.02, 0.1),
    "vendor forgets a chunk": (0.01, 0.1),
    "upload address expires": (0.005, 0.03),
    "caller leaves": (0.05, 0.3),
    "death at a failpoint": (0.002, 0.03),
    "death anywhere": (0.00005, 0.0008),
    "frozen at a failpoint": (0.02, 0.2),
    "frozen anywhere": (0.00005, 0.0008),
    "connection cut": (0.0001, 0.002),
    "database away": (0.00002, 0.0002),
    "clock stepped": (0.00002, 0.0005),
    "grants expired": (0.00005, 0.0005),
    "notification lost": (0.01, 0.2),
    "webhook late": (0.1, 0.5),
    "webhook twice": (0.1, 0.5),
    "receiver refuses": (0.02, 0.3),
    "receiver loses the answer": (0.02, 0.2),
}
"""By kind the least and the greatest chance, of a call or of a step of the loop."""

SWARM = 0.5
"""The share of kinds that a seed has: with all at once, few posts would get far."""

SLOWEST = 50.0
"""Seconds that a vendor takes at most: more than a caller waits."""


class Faults:
    """The faults of one seed."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        chosen = {kind: bounds for kind, bounds in KINDS.items() if rng.random() < SWARM}
        self.rates = {kind: least * (most / least) ** rng.random() for kind, (least, most) in chosen.items()}
        self.met: Counter[str] = Counter()

    def happens(self, kind: str) -> bool:
        """Return whether this time a fault happens, and count it."""
        rate = self.rates.get(kind, 0.0)
        if not rate or self.rng.random() >= rate:
            return False
        self.met[kind] += 1
        return True

    def among(self, *kinds: str) -> str:
        """Return the first of these kinds that happens now, or ""."""
        return next((kind for kind in kinds if self.happens(kind)), "")

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        self.rates = {}


class VendorWire(httpx.AsyncBaseTransport):
    """A node's way to a vendor, who works on a call whatever becomes of its caller."""

    def __init__(self, app: Any, vendor: Any, faults: Faults, world: Any) -> None:
        self._asgi = httpx.ASGITransport(app)
        self._vendor, self._faults, self._world = vendor, faults, world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request, and its answer."""
        await here()
        faults = self._faults
        if faults.happens("vendor refuses the connection"):
            raise httpx.ConnectError("refused")
        body = await request.aread()
        await here()
        token = request.url.path.endswith("/token/") or request.url.path.endswith("/oauth/token")
        fault = "" if token and self._world.strict else self._fault(request)
        if fault == "vendor loses the request":
            raise httpx.RemoteProtocolError("dropped before the effect")
        if fault == "vendor answers 503":
            return httpx.Response(503, request=request)
        delays = [faults.rng.uniform(0.01, 0.3), faults.rng.uniform(0.0, 0.3)]
        if fault in ("vendor is slow", "vendor answers late"):
            delays[fault == "vendor answers late"] = faults.rng.uniform(1, SLOWEST)
        work = self._world.outside(self._answer(request, body, delays))
        response: httpx.Response = await asyncio.shield(work)
        await here()
        if fault == "vendor loses the answer":
            raise httpx.RemoteProtocolError("dropped after the effect")
        if fault == "vendor answers 503 after the effect":
            return httpx.Response(503, request=request)
        return response

    def _fault(self, request: httpx.Request) -> str:
        if request.method == "PUT" and self._faults.happens("vendor forgets a chunk"):
            self._vendor.faults.add(self._world.fault("upload", "lose_progress"))
        if request.method == "PUT" and self._faults.happens("upload address expires"):
            self._vendor.faults.add(self._world.fault("upload", "expire_upload"))
        lost = ("vendor loses the request", "vendor loses the answer")
        slow = ("vendor is slow", "vendor answers late")
        return self._faults.among(*lost, *slow, "vendor answers 503", "vendor answers 503 after the effect")

    async def _answer(self, request: httpx.Request, body: bytes, delays: list[float]) -> httpx.Response:
        await asyncio.sleep(delays[0])
        again = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        response = await self._asgi.handle_async_request(again)
        content = await response.aread()
        await asyncio.sleep(delays[1])
        return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)


class EdgeWire(httpx.AsyncBaseTransport):
    """A vendor's way to whichever node is there, for webhooks and media."""

    def __init__(self, world: Any, faults: Faults) -> None:
        self._world, self._faults = world, faults

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request, which may come late and once more."""
        await asyncio.sleep(self._faults.rng.uniform(0.001, 0.2))
        if self._faults.happens("webhook late"):
            await asyncio.sleep(self._faults.rng.uniform(1, 90))
        body = await request.aread()
        if self._faults.happens("webhook twice"):
            self._world.begin(self._once(request, body))
        return await self._once(request, body)

    async def _once(self, request: httpx.Request, body: bytes) -> httpx.Response:
        again = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        try:
            response: httpx.Response = await self._world.call(lambda node: node.carry(again))
        except self._world.Lost:
            raise httpx.ConnectError("nobody is there") from None
        return response


class Receiver:
    """The server behind a webhook endpoint, in place of a node's `Poster`: it remembers what it was sent."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.allow_loopback = True
        self.received: Counter[str] = Counter()

    async def post(self, uri: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Take a delivery, or not."""
        await here()
        await asyncio.sleep(self._faults.rng.uniform(0.01, 0.5))
        await here()
        if self._faults.happens("receiver refuses"):
            return Answer(503, "answered 503")
        self.received[headers["webhook-id"]] += 1
        return Answer(0, "lost") if self._faults.happens("receiver loses the answer") else Answer(200)

    async def close(self) -> None:
        """Close nothing."""


async def here() -> None:
    """Return on a living node; a dead one gets no further."""
    node = NODE.get()
    if node is not None and node.dead:
        await asyncio.get_running_loop().create_future()
