"""A gateway as `serve` composes it, with a recording of all that it says to vendors and to callers.

Owns its start and end, the recordings, and calls by a method's name with any key. Asserts nothing.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx

from gateway import servers
from gateway.app import Gateway, Roles
from gateway.domain import api_keys
from gateway.domain.api_keys import NewKey
from providers.simulators import highlevel
from providers.simulators.tiktok import SimulatorConfig, Vendor, create_app
from tests.fixtures import client
from tests.fixtures.app import admin_of, running, target_of
from tests.fixtures.client import ADMIN_METHODS, ALL_METHODS
from tests.fixtures.clock import RunningClock
from tests.fixtures.highlevel import AGENT
from tests.fixtures.settings import KEY, for_highlevel, for_tiktok

CLIENT_SECRET = "canary-client-secret-of-the-security-tests"
CONFIG = SimulatorConfig(
    client_secret=CLIENT_SECRET, rate_limits=False, posts_per_day=None, processing_seconds=0, moderation_seconds=0
)
PLANNER = highlevel.SimulatorConfig(client_secret="canary-planner-secret-of-the-security-tests", rate_limits=False)


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """A transport to the vendor that records every request and answer.

    `instead` may answer in place of the vendor; when it returns None, the vendor answers.
    """

    inner: httpx.AsyncBaseTransport
    requests: list[httpx.Request] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    instead: Callable[[httpx.Request], httpx.Response | None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        await request.aread()
        self.requests.append(request)
        replaced = self.instead(request) if self.instead else None
        if replaced is not None:
            return replaced
        response = await self.inner.handle_async_request(request)
        body = await response.aread()
        self.answers.append(body)
        return httpx.Response(response.status_code, headers=response.headers, content=body)


@dataclass
class RecordedGateway:
    """The gateway, its vendors, the wires between them, and a caller; `responses` is everything callers received.

    `vendor` and `wire` are TikTok's, `planner` and `planner_wire` HighLevel's. `browser` reaches TikTok's pages,
    `planner_browser` HighLevel's, `network` the gateway's own.
    """

    gateway: Gateway
    vendor: Vendor
    wire: Wire
    clock: RunningClock
    channel: grpc.aio.Channel
    admin: grpc.aio.Channel
    browser: httpx.AsyncClient
    network: httpx.AsyncClient
    store: api_keys.KeyStore
    planner: highlevel.Vendor
    planner_wire: Wire
    planner_browser: httpx.AsyncClient
    responses: list[Any] = field(default_factory=list)

    async def call(self, method: str, request: Any = None, *, key: str | None = KEY, **values: Any) -> Any:
        """Call a method with a request of `values`, and return its last answer; `key` None sends none."""
        made = request if request is not None else ALL_METHODS[method].request(**values)
        answers = await self.send(method, [made.SerializeToString()], key=key)
        return answers[-1] if answers else None

    async def send(self, method: str, bodies: Iterable[bytes], *, key: str | None = KEY) -> list[Any]:
        """Call a method with serialized requests, and return all its answers."""
        metadata = (("authorization", f"Bearer {key}"),) if key is not None else ()
        try:
            answers: list[Any] = await ALL_METHODS[method].send(self.channel_of(method), bodies, metadata)
        except grpc.aio.AioRpcError as error:
            self.responses.append(error)
            raise
        self.responses += answers
        return answers

    def channel_of(self, method: str) -> grpc.aio.Channel:
        """Return the channel to the port that serves a method."""
        return self.admin if method in ADMIN_METHODS else self.channel

    async def refused(self, method: str, bodies: Iterable[bytes], *, key: str | None = KEY) -> Any:
        """Call as `send` does, and return the error, or None when the call was answered."""
        try:
            await self.send(method, bodies, key=key)
        except grpc.aio.AioRpcError as error:
            return error
        return None

    @contextmanager
    def answering(self, answer: Callable[[httpx.Request], httpx.Response | None]) -> Iterator[None]:
        """Replace the vendor's answers until the block ends."""
        self.wire.instead = answer
        try:
            yield
        finally:
            self.wire.instead = None

    async def new_key(self, agency: str = "default", **values: Any) -> NewKey:
        """Make an API key with every scope and location, unless `values` say otherwise."""
        return await client.new_key(self.store, agency, **values)

    async def key(self, agency: str = "default", **values: Any) -> str:
        """Make an API key as `new_key` does, and return the key itself."""
        return (await self.new_key(agency, **values)).secret.reveal()


async def _nowhere(host: str) -> list[str]:
    """Look a name up without asking anybody."""
    raise OSError(f"no such host: {host}")


def connected(
    gateway: Gateway, credentials: grpc.ChannelCredentials | None = None, target: str = ""
) -> grpc.aio.Channel:
    """Return a channel to the gateway, or to another `target` of it, with a connection of its own if it has TLS."""
    target = target or target_of(gateway)
    if credentials is None:
        return grpc.aio.insecure_channel(target)
    options = (("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1))
    return grpc.aio.secure_channel(target, credentials, options=options)


@asynccontextmanager
async def opened(
    database_url: str,
    folder: Path,
    *,
    jobs: bool = False,
    config: SimulatorConfig = CONFIG,
    credentials: grpc.ChannelCredentials | None = None,
    **values: Any,
) -> AsyncIterator[RecordedGateway]:
    """Open the gateway before both simulated vendors; `values` are settings, `config` is TikTok's, and `credentials`
    those of the caller's channel, if it has TLS.
    """
    clock = RunningClock()
    tiktok, planner = create_app(config, clock=clock), highlevel.create_app(PLANNER, clock=clock)
    direct, other = httpx.ASGITransport(tiktok), httpx.ASGITransport(planner)
    wire, planner_wire = Wire(direct), Wire(other)
    overrides = {"tiktok": {"transport": wire}, "highlevel": {"transport": planner_wire}}
    chosen = {"admin_address": "127.0.0.1:0", **for_tiktok(CONFIG), **for_highlevel(PLANNER), **values}
    async with (
        aclosing(tiktok.state.vendor),
        aclosing(planner.state.vendor),
        running(database_url, folder, roles=Roles(jobs=jobs), overrides=overrides, clock=clock, **chosen) as gateway,
        connected(gateway, credentials) as channel,
        connected(gateway, credentials, admin_of(gateway)) as admin,
        httpx.AsyncClient(transport=direct) as browser,
        httpx.AsyncClient(transport=other, headers=AGENT) as planner_browser,
        httpx.AsyncClient(trust_env=False, verify=False) as network,  # noqa: S501 - nothing but plain HTTP to ourselves
    ):
        gateway.domain.poster._lookup = _nowhere
        yield RecordedGateway(
            gateway=gateway,
            vendor=tiktok.state.vendor,
            wire=wire,
            clock=clock,
            channel=channel,
            admin=admin,
            browser=browser,
            network=network,
            store=await servers.open_keys(gateway.resources, gateway.domain),
            planner=planner.state.vendor,
            planner_wire=planner_wire,
            planner_browser=planner_browser,
        )
