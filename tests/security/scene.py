"""A whole gateway as `serve` composes it, before a vendor whose wire is listened to: the scene of the security tests.

Owns its start and end, the wire, and one way to call any method of the contract by its name. Judges nothing.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from os import urandom
from pathlib import Path
from typing import Any

import grpc
import httpx
from google.protobuf.message_factory import GetMessageClass

from gateway import app, clock
from gateway.app import Gateway, Roles
from gateway.domain import api_keys
from gateway.domain.api_keys import NewKey
from gateway.interceptors.scopes import METHOD_SCOPES
from providers.simulators import highlevel
from providers.simulators.highlevel import create_app as create_planner
from providers.simulators.tiktok import SimulatorConfig, Vendor, create_app
from tests.fixtures.highlevel import settings as highlevel_settings
from tests.fixtures.whole import end, settings, target_of

BOOTSTRAP_KEY = "canary-bootstrap-key-of-the-security-tests"
CLIENT_SECRET = "canary-client-secret-of-the-security-tests"
RETURN_URI = "https://app.example/connected"
REDIRECT_URI = "https://app.example/oauth/tiktok"
PACKAGE = "socialgateway.v1."
CONFIG = SimulatorConfig(
    client_secret=CLIENT_SECRET, rate_limits=False, posts_per_day=None, processing_seconds=0, moderation_seconds=0
)
PLANNER = highlevel.SimulatorConfig(client_secret="canary-planner-secret-of-the-security-tests", rate_limits=False)
AGENT = {"User-Agent": "browser-of-tests/1"}


class Clock:
    """The present, and what was added to it by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the time."""
        return clock.now() + self.ahead


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Carries the gateway's calls to the vendor, and keeps every request and answer as it went.

    `instead` may answer in the vendor's place; None from it lets the vendor answer.
    """

    inner: httpx.AsyncBaseTransport
    requests: list[httpx.Request] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    instead: Callable[[httpx.Request], httpx.Response | None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one call."""
        await request.aread()
        self.requests.append(request)
        replaced = self.instead(request) if self.instead else None
        if replaced is not None:
            return replaced
        response = await self.inner.handle_async_request(request)
        body = await response.aread()
        self.answers.append(body)
        return httpx.Response(response.status_code, headers=response.headers, content=body)


@dataclass(frozen=True)
class Method:
    """One method of the contract: `ConnectionService/GetConnection`, its descriptor and its request's class."""

    name: str
    descriptor: Any

    @property
    def path(self) -> str:
        """Where it is on the wire."""
        return f"/{PACKAGE}{self.name}"

    def request(self, **values: Any) -> Any:
        """Make a request."""
        return GetMessageClass(self.descriptor.input_type)(**values)

    def call(self, channel: grpc.aio.Channel) -> Any:
        """Return a function that calls it with raw bytes and gives the answers."""
        parse = GetMessageClass(self.descriptor.output_type).FromString

        async def call(bodies: Iterable[bytes], metadata: Any) -> list[Any]:
            options = {"metadata": metadata, "timeout": 20}
            if self.descriptor.client_streaming:
                stream: Any = channel.stream_unary(self.path, response_deserializer=parse)
                return [await stream(iter(list(bodies)), **options)]
            (body,) = bodies
            if self.descriptor.server_streaming:
                watch: Any = channel.unary_stream(self.path, response_deserializer=parse)
                return [message async for message in watch(body, **options)]
            unary: Any = channel.unary_unary(self.path, response_deserializer=parse)
            return [await unary(body, **options)]

        return call


def methods() -> dict[str, Method]:
    """Return every method of the contract's services by its short name, from their descriptors."""
    return {f"{service.name}/{each.name}": Method(f"{service.name}/{each.name}", each) for service, each in _all()}


def _all() -> Iterator[tuple[Any, Any]]:
    # The gateway serves no method without a row in this table, so its modules are all there are.
    modules = {name.split("/")[1].removeprefix(PACKAGE) for name in METHOD_SCOPES}
    for module in sorted(modules):
        snake = f"{module.removesuffix('Service').lower()}_service_pb2"
        for service in import_module(f"socialgateway.v1.{snake}").DESCRIPTOR.services_by_name.values():
            for each in service.methods:
                yield service, each


METHODS = methods()


@dataclass
class Scene:
    """The gateway, its vendors, the wires between them, and a caller; `heard` is all that callers were answered.

    `vendor` and `wire` are TikTok's, `planner` and `planner_wire` HighLevel's. `browser` reaches TikTok's pages,
    `planner_browser` HighLevel's, `network` the gateway's own.
    """

    gateway: Gateway
    vendor: Vendor
    wire: Wire
    clock: Clock
    channel: grpc.aio.Channel
    browser: httpx.AsyncClient
    network: httpx.AsyncClient
    store: api_keys.KeyStore
    planner: highlevel.Vendor
    planner_wire: Wire
    planner_browser: httpx.AsyncClient
    heard: list[Any] = field(default_factory=list)

    async def call(self, method: str, request: Any = None, *, key: str | None = BOOTSTRAP_KEY, **values: Any) -> Any:
        """Call a method by its short name; `values` make the request, `key` None sends none. Gives its last answer."""
        made = request if request is not None else METHODS[method].request(**values)
        answers = await self.send(method, [made.SerializeToString()], key=key)
        return answers[-1] if answers else None

    async def send(self, method: str, bodies: Iterable[bytes], *, key: str | None = BOOTSTRAP_KEY) -> list[Any]:
        """Call a method with raw bytes; gives all its answers."""
        metadata = (("authorization", f"Bearer {key}"),) if key is not None else ()
        try:
            answers: list[Any] = await METHODS[method].call(self.channel)(bodies, metadata)
        except grpc.aio.AioRpcError as error:
            self.heard.append(error)
            raise
        self.heard += answers
        return answers

    async def refused(self, method: str, bodies: Iterable[bytes], *, key: str | None = BOOTSTRAP_KEY) -> Any:
        """Call as `send` does; gives the error, or None when the call was answered."""
        try:
            await self.send(method, bodies, key=key)
        except grpc.aio.AioRpcError as error:
            return error
        return None

    @contextmanager
    def answering(self, answer: Callable[[httpx.Request], httpx.Response | None]) -> Iterator[None]:
        """Let the vendor answer so until the block ends."""
        self.wire.instead = answer
        try:
            yield
        finally:
            self.wire.instead = None

    async def new_key(self, agency: str = "default", **values: Any) -> NewKey:
        """Make an API key with every scope and location, unless `values` say otherwise."""
        chosen = {"locations": None, "scopes": api_keys.SCOPES, **values}
        return await api_keys.create(self.store, agency=agency, random=urandom, **chosen)

    async def key(self, agency: str = "default", **values: Any) -> str:
        """Make an API key as `new_key` does; gives the key itself."""
        return (await self.new_key(agency, **values)).secret.reveal()


@asynccontextmanager
async def opened(
    database_url: str, folder: Path, *, jobs: bool = False, config: SimulatorConfig = CONFIG, **values: Any
) -> AsyncIterator[Scene]:
    """Open the scene for the length of a block; `values` are settings, `config` is the vendor's."""
    now = Clock()
    simulator = create_app(config, clock=now)
    planner = create_planner(PLANNER, clock=now)
    wire, planner_wire = Wire(httpx.ASGITransport(simulator)), Wire(httpx.ASGITransport(planner))
    chosen = settings(database_url, folder, **{**_SETTINGS, **values})
    gateway = await app.start(
        chosen,
        clock=now,
        roles=Roles(calls=True, jobs=jobs),
        overrides={"tiktok": {"transport": wire}, "highlevel": {"transport": planner_wire}},
    )
    try:
        store = await app.open_keys(gateway.resources, gateway.domain)
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(simulator))
        planner_browser = httpx.AsyncClient(transport=httpx.ASGITransport(planner), headers=AGENT)
        network = httpx.AsyncClient(trust_env=False, verify=False)  # noqa: S501 - nothing but plain HTTP to ourselves
        async with grpc.aio.insecure_channel(target_of(gateway)) as channel, browser, planner_browser, network:
            yield Scene(
                gateway,
                simulator.state.vendor,
                wire,
                now,
                channel,
                browser,
                network,
                store,
                planner.state.vendor,
                planner_wire,
                planner_browser,
            )
    finally:
        await end(gateway)
        await simulator.state.vendor.aclose()
        await planner.state.vendor.aclose()


_SETTINGS: dict[str, Any] = {
    "bootstrap_api_key": BOOTSTRAP_KEY,
    "allowed_redirect_uris": (RETURN_URI, REDIRECT_URI),
    "allow_loopback_vendors": True,
    "tiktok_api_url": "http://127.0.0.1",
    "tiktok_authorize_url": "http://127.0.0.1/v2/auth/authorize/",
    "tiktok_upload_hosts": ("127.0.0.1",),
    "tiktok_client_key": CONFIG.client_key,
    "tiktok_client_secret": CLIENT_SECRET,
    **highlevel_settings(PLANNER),
}
