"""A real server in process, with services of the test's choice, and a real channel to it.

Owns starting and stopping both, and the API keys that it knows. Does not know the rules behind real services.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import grpc

from gateway.caller import Caller
from gateway.clock import Clock
from gateway.domain.api_keys import SCOPES
from gateway.errors import Unauthenticated
from gateway.interceptors.auth import Authenticate, Recognize
from gateway.interceptors.limits import Limits
from gateway.rpc.service import Service
from gateway.server import GrpcServer, build_server, call_policy
from gateway.settings import Settings
from tests.fixtures.clock import START
from tests.fixtures.settings import RING

CALLERS = {
    "good": Caller("k1", "agency", None, SCOPES),
    "owner": Caller("owner", "agency", None, SCOPES),
    "rotated": Caller("rotated", "agency", None, SCOPES),
    "listed": Caller("listed", "agency", frozenset({"elsewhere"}), SCOPES),
    "stranger": Caller("stranger", "rival", None, SCOPES),
    "reader": Caller("reader", "agency", None, frozenset({"posts.read", "uploads.read"})),
}


def as_(name: str) -> Any:
    """Return the metadata with which one of the callers calls."""
    return (("authorization", f"Bearer {name}{'0' * 32}"),)


AUTH = as_("good")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server and a channel to it."""

    server: GrpcServer
    channel: grpc.aio.Channel


async def authenticate(key: str) -> Caller:
    """Return the caller with this key; raise Unauthenticated."""
    name = key.removesuffix("0" * 32)
    if name == key or name not in CALLERS:
        raise Unauthenticated()
    return CALLERS[name]


def _service(noun: str, servicer: Any) -> Service:
    """Serve one noun's service by `servicer`."""
    name = f"{noun.capitalize()}Service"
    contract = import_module(f"socialgateway.v1.{noun}_service_pb2").DESCRIPTOR.services_by_name[name]
    stubs = import_module(f"socialgateway.v1.{noun}_service_pb2_grpc")
    return Service(contract, getattr(stubs, f"add_{name}Servicer_to_server"), servicer)


providers, posts, uploads = (partial(_service, noun) for noun in ("provider", "post", "upload"))


@asynccontextmanager
async def serving(
    *services: Service,
    known: Authenticate = authenticate,
    recognize: Recognize | None = None,
    credentials: grpc.ChannelCredentials | None = None,
    channel_options: Sequence[tuple[str, Any]] = (),
    clock: Clock = lambda: START,
    **values: Any,
) -> AsyncIterator[Served]:
    """Serve the services until the block ends; `values` are settings."""
    chosen = Settings(**{"encryption_keys": RING, "grpc_address": "127.0.0.1:0", **values})
    limits = Limits(chosen.max_calls_per_key, chosen.max_streams_per_key, clock)
    policy = call_policy(chosen, authenticate=known, recognize=recognize, limits=limits, clock=clock)
    server = build_server(chosen, services, policy)
    await server.start()
    target, options = f"localhost:{server.port}", list(channel_options)
    channel = (
        grpc.aio.insecure_channel(target, options=options)
        if credentials is None
        else grpc.aio.secure_channel(target, credentials, options=options)
    )
    try:
        yield Served(server, channel)
    finally:
        await channel.close()
        await server.drain(delay=0, grace=0)


async def raw_call(served: Served, method: str, body: bytes, *, metadata: Any = AUTH) -> Any:
    """Call a unary method with a serialized request."""
    call: Any = served.channel.unary_unary(method)
    return await call(body, metadata=metadata)
