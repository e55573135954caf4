"""A real server in process, with services of the test's own, and a real channel to it.

Owns starting and stopping both. Does not know the rules behind real services.
"""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc

from gateway.caller import Caller
from gateway.clock import Clock
from gateway.domain.api_keys import SCOPES
from gateway.errors import Unauthenticated
from gateway.interceptors.auth import Authenticate
from gateway.interceptors.limits import Limits
from gateway.rpc.service import Service
from gateway.server import GrpcServer, build_server, call_policy
from gateway.settings import Settings
from socialgateway.v1 import (
    post_service_pb2,
    post_service_pb2_grpc,
    provider_service_pb2,
    provider_service_pb2_grpc,
    upload_service_pb2,
    upload_service_pb2_grpc,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = "good-key-" + "0" * 32
AUTH = (("authorization", f"Bearer {KEY}"),)
CALLER = Caller("k1", "agency", None, SCOPES)


@dataclass(frozen=True, slots=True)
class Served:
    """A running server and a channel to it."""

    server: GrpcServer
    channel: grpc.aio.Channel


async def authenticate(key: str) -> Caller:
    """Know one key."""
    if key != KEY:
        raise Unauthenticated()
    return CALLER


def settings(**values: Any) -> Settings:
    """Make settings that a test server needs."""
    ring = "k1:" + base64.b64encode(b"0" * 32).decode()
    return Settings(**{"encryption_keys": ring, "grpc_address": "127.0.0.1:0", **values})


def providers(servicer: Any) -> Service:
    """Serve ProviderService by `servicer`."""
    return Service(
        provider_service_pb2.DESCRIPTOR.services_by_name["ProviderService"],
        provider_service_pb2_grpc.add_ProviderServiceServicer_to_server,
        servicer,
    )


def posts(servicer: Any) -> Service:
    """Serve PostService by `servicer`."""
    return Service(
        post_service_pb2.DESCRIPTOR.services_by_name["PostService"],
        post_service_pb2_grpc.add_PostServiceServicer_to_server,
        servicer,
    )


def uploads(servicer: Any) -> Service:
    """Serve UploadService by `servicer`."""
    return Service(
        upload_service_pb2.DESCRIPTOR.services_by_name["UploadService"],
        upload_service_pb2_grpc.add_UploadServiceServicer_to_server,
        servicer,
    )


@asynccontextmanager
async def serving(
    *services: Service,
    known: Authenticate = authenticate,
    credentials: grpc.ChannelCredentials | None = None,
    channel_options: Sequence[tuple[str, Any]] = (),
    clock: Clock = lambda: NOW,
    **values: Any,
) -> AsyncIterator[Served]:
    """Serve the services until the block ends; `values` are settings."""
    chosen = settings(**values)
    limits = Limits(chosen.max_calls_per_key, chosen.max_streams_per_key, clock)
    steps = call_policy(chosen, authenticate=known, limits=limits, clock=clock)
    server = build_server(chosen, services, steps)
    await server.start()
    target = f"localhost:{server.port}"
    if credentials is None:
        channel = grpc.aio.insecure_channel(target, options=list(channel_options))
    else:
        channel = grpc.aio.secure_channel(target, credentials, options=list(channel_options))
    try:
        yield Served(server, channel)
    finally:
        await channel.close()
        await server.drain(delay=0, grace=0)


async def raw_call(served: Served, method: str, body: bytes, *, metadata: Any = AUTH) -> Any:
    """Call a unary method with these very bytes."""
    call: Any = served.channel.unary_unary(method)
    return await call(body, metadata=metadata)
