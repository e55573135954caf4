"""The gRPC server: the pipeline, the services, health, reflection, limits, TLS, and a graceful shutdown.

Owns the server's lifecycle. Does not know what the services do, nor what makes the process ready: `watch` gets a probe.
How it stops: docs/decisions/0018-the-stop.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc  # type: ignore[import-untyped]

from gateway import addresses, log, sockets
from gateway.interceptors.pipeline import CallPipeline, CallPolicy
from gateway.interceptors.scopes import ADMIN_SCOPES, METHOD_SCOPES
from gateway.rpc import health, reflection
from gateway.rpc.health import HealthService
from gateway.rpc.service import Service
from gateway.settings import Settings
from gateway.sockets import ServerSockets
from gateway.tls import CertificateFiles, TlsFiles

_log = log.get("gateway.server")

READY_EVERY_SECONDS = 1.0
KEYS_EVERY_SECONDS = 0.5
"""How often the keys of open streams and uploads are checked."""

TICK_SECONDS = 0.05
FLUSH_SECONDS = 2.0
"""How long a client may take to receive its last answers, once no call runs any more."""

WATCHED_SECONDS = 5.0
"""How long clients that watch health get to send their calls elsewhere, unless the operator says how long."""

HANDSHAKE_SECONDS = 10.0
"""How long a new connection may take to become an HTTP/2 one, including TLS."""

_SCHEMES = ("unix", "unix-abstract", "vsock")
"""Addresses that are no host and port, and that gRPC binds itself."""

MIN_PING_SECONDS = 10
"""Clients that send HTTP/2 pings more often, with or without calls, are disconnected: docs/clients.md."""

IDLE_SECONDS = 600.0
"""After this time without a call the connection is closed; the client's library reconnects at its next call."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class GrpcServer:
    """A server bound to its port. Call `start`, then `watch`, then `drain` once."""

    server: grpc.aio.Server
    pipeline: CallPipeline
    health: HealthService
    descriptors: tuple[Any, ...]
    port: int
    sockets: ServerSockets
    ready: bool = False
    draining: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The full names of the services."""
        return tuple(descriptor.full_name for descriptor in self.descriptors)

    async def start(self) -> None:
        """Accept calls; health reports NOT_SERVING until `set_ready`."""
        self.health.set_status(("", *self.names), serving=False)
        await self.server.start()
        self._tasks.append(asyncio.create_task(self._check_keys(), name="keys of open calls"))

    async def set_ready(self, ready: bool) -> None:
        """Publish through health whether calls can be served; a draining server stays NOT_SERVING."""
        if self.draining or ready == self.ready:
            return
        self.ready = ready
        _log.info("ready" if ready else "not ready")
        self.health.set_status(("", *self.names), serving=ready)

    def watch(self, probe: Callable[[], Awaitable[bool]], *, sleep: Sleep = asyncio.sleep) -> None:
        """Run the probe every second until the drain; a probe that raises means not ready."""
        self._tasks.append(asyncio.create_task(self._watch(probe, sleep), name="readiness"))

    async def _watch(self, probe: Callable[[], Awaitable[bool]], sleep: Sleep) -> None:
        while True:
            try:
                await self.set_ready(await probe())
            except Exception as error:
                _log.warning("the readiness probe failed", error=type(error).__name__)
                await self.set_ready(False)
            await sleep(READY_EVERY_SECONDS)

    async def _check_keys(self) -> None:
        while True:
            await asyncio.sleep(KEYS_EVERY_SECONDS)
            await self.pipeline.check_keys()

    async def drain(self, *, delay: float | None, grace: float, sleep: Sleep = asyncio.sleep) -> None:
        """Shut down gracefully: report NOT_SERVING, wait `delay` seconds for load balancers, accept no more
        connections and refuse new calls, end streams, let running calls finish within `grace` seconds, and end the
        rest. Every call that does not finish ends with UNAVAILABLE.

        A `delay` of None is WATCHED_SECONDS while anybody watches health, and no delay otherwise.
        """
        if delay is None:
            delay = WATCHED_SECONDS if self.health.watchers else 0.0
        self.draining = True
        for task in self._tasks:
            task.cancel()
        self.health.set_status(("", *self.names), serving=False)
        await sleep(delay)
        self.sockets.stop_listening()
        self.pipeline.open.refuse()
        await self._leave(grace)
        await self.pipeline.open.end_all()
        await self._leave(FLUSH_SECONDS)
        # Closed by us, connection by connection: at the stop itself none is left on which a call could arrive.
        self.sockets.close_idle((), flush=False)
        await self.server.stop(0)

    async def _leave(self, seconds: float) -> None:
        """Close each connection as soon as no call runs on it, so that its client connects elsewhere; return when none
        is left, or after `seconds`.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            busy = self.pipeline.open.busy()
            if not self.sockets.close_idle(busy) and not busy:
                return
            await asyncio.sleep(TICK_SECONDS)


def build_server(
    settings: Settings,
    services: Sequence[Service],
    policy: CallPolicy,
    *,
    address: str = "",
    shared: bool = False,
    admin: bool = False,
) -> GrpcServer:
    """Build the server and bind its port (0 picks a free one); nothing is served before `start`.

    With `shared`, other processes listen on the same port, and the kernel deals connections out to all of them; with
    `admin` it is the port of the Admin API. Raises SettingsError for bad certificates, RuntimeError with the address
    that cannot be bound, and for a method that is missing from the port's table of scopes.
    """
    _check_scopes(services, admin=admin)
    pipeline = CallPipeline(policy)
    server = grpc.aio.server(
        handlers=(pipeline,), options=_options(settings, shared), maximum_concurrent_rpcs=settings.max_calls
    )
    for service in services:
        service.add(service.servicer, pipeline)
    descriptors = tuple(service.descriptor for service in services)
    names = tuple(descriptor.full_name for descriptor in descriptors)
    servicer = HealthService()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, pipeline)
    reflection.add_to((*names, health.NAME), pipeline)
    name = "GATEWAY_ADMIN_ADDRESS" if admin else "GATEWAY_GRPC_ADDRESS"
    address = address or (settings.admin_address if admin else settings.grpc_address)
    port = _bind(server, settings, (name, address), shared)
    return GrpcServer(server, pipeline, servicer, descriptors, port, sockets.of_address(address, port))


def call_policy(settings: Settings, **needs: Any) -> CallPolicy:
    """Build the pipeline's policy from the settings; `needs` are the fields that the settings do not have."""
    return CallPolicy(deadline_seconds=settings.deadline_seconds, max_message_bytes=settings.max_message_bytes, **needs)


def _check_scopes(services: Sequence[Service], *, admin: bool) -> None:
    """Raise RuntimeError for a method that has no scope in the table of its port."""
    name, table = ("ADMIN_SCOPES", ADMIN_SCOPES) if admin else ("METHOD_SCOPES", METHOD_SCOPES)
    for service in services:
        for method in service.descriptor.methods:
            if f"/{service.descriptor.full_name}/{method.name}" not in table:
                raise RuntimeError(f"{method.full_name} has no row in {name}")


def _options(settings: Settings, shared: bool) -> list[tuple[str, Any]]:
    """Return the channel options: limits, keepalive, and whether the port is shared."""
    options: list[tuple[str, Any]] = [
        # Twice what the pipeline accepts, so that a slightly larger message is refused with one of our reasons.
        ("grpc.max_receive_message_length", 2 * settings.max_message_bytes),
        # As many as one key may have running; the client queues the rest.
        ("grpc.max_concurrent_streams", settings.max_calls_per_key + settings.max_streams_per_key),
        ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_SECONDS * 1000)),
        ("grpc.max_connection_idle_ms", int(IDLE_SECONDS * 1000)),
        ("grpc.max_send_message_length", -1),
        # With the probe a window becomes as large as the file, and the bytes of streams that wait for their turn pile
        # up in memory (2026-11-30, grpcio 1.85: 40 waiting files of 24 MiB took 1.4 GiB, without it some 3 MiB each).
        ("grpc.http2.bdp_probe", 0),
        # By default two gateways could share a port by mistake, each getting half of the calls.
        ("grpc.so_reuseport", int(shared)),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_SECONDS * 1000),
    ]
    if settings.max_connection_age_seconds:
        options.append(("grpc.max_connection_age_ms", int(settings.max_connection_age_seconds * 1000)))
        options.append(("grpc.max_connection_age_grace_ms", int(settings.drain_seconds * 1000)))
    return options


def _bind(server: grpc.aio.Server, settings: Settings, named: tuple[str, str], shared: bool) -> int:
    """Bind everything that the address of a setting stands for, with TLS if there is a certificate; return the port.

    gRPC itself is content with one of the addresses of a name, so each is bound by itself.
    """
    add: Callable[[str], int] = server.add_insecure_port
    if settings.tls_cert is not None and settings.tls_key is not None:
        credentials = _credentials(CertificateFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca))
        add = partial(server.add_secure_port, server_credentials=credentials)
    setting, address = named
    scheme, separator, _ = address.partition(":")
    if separator and scheme in _SCHEMES:
        return add(address)
    try:
        first, *others = addresses.free(address, setting, shared=shared)
    except OSError as error:
        # As gRPC raises itself, should another process be faster than this check.
        raise RuntimeError(str(error)) from error
    port = add(first)
    for other in others:
        add(f"{other.rpartition(':')[0]}:{port}")
    return port


def _credentials(files: CertificateFiles) -> grpc.ServerCredentials:
    """Return credentials that check the files at every handshake, and clients' certificates if there are authorities
    for them.
    """

    def configuration(found: TlsFiles) -> Any:
        return grpc.ssl_server_certificate_configuration([(found.key, found.chain)], found.client_ca or None)

    def fetch() -> Any:
        found = files.changed()
        return None if found is None else configuration(found)

    return grpc.dynamic_ssl_server_credentials(
        configuration(files.load()), fetch, require_client_authentication=files.client_ca is not None
    )
