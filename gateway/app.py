"""The whole gateway in one process: what is made from what, in which order it starts, and in which it ends.

Owns the one place that knows everything. Decides nothing that a caller could notice; holds no globals, so that several
gateways live in one process side by side.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway import ids, log
from gateway.bootstrap import Resources, is_migrated, open_resources, verify_keys, wait_for_schema
from gateway.clock import Clock, now
from gateway.domain import api_keys
from gateway.domain.connections import agencies
from gateway.domain.context import Domain
from gateway.domain.credentials.tokens import Tokens
from gateway.domain.locations import Owners
from gateway.domain.watchers import Watchers
from gateway.errors import GatewayUnavailable
from gateway.http.app import Edge
from gateway.http.serving import HttpServer
from gateway.interceptors.limits import Limits
from gateway.interceptors.pipeline import Steps
from gateway.jobs.runner import Jobs, Pace
from gateway.readiness import Readiness
from gateway.rpc import services
from gateway.server import GrpcServer, build_server, steps_for
from gateway.settings import Settings, unknown_names
from providers import registry
from providers.checked import checked
from providers.http.fetch import Fetcher
from providers.interface import Provider
from providers.models.grants import Grant
from providers.models.secret import Secret
from storage import keys, posts
from storage.blobs import BlobStore
from storage.connections import ConnectionRow
from storage.keys import Sealer
from storage.listener import Listener

_log = log.get("gateway")

SCHEMA_SENTENCE = "Its database awaits a migration."

MAX_FETCHES = 16
"""Media that one process fetches at once, each holding 16 MiB."""

Seams = Mapping[str, Mapping[str, Any]]
"""By provider, what replaces its own surroundings: tests give a transport."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What this process does: answer calls, run jobs, or both."""

    calls: bool = True
    jobs: bool = True


@dataclass(slots=True)
class Gateway:
    """A running gateway; `stop` ends it, once."""

    settings: Settings
    resources: Resources
    domain: Domain
    readiness: Readiness
    grpc: GrpcServer | None
    http: HttpServer | None
    jobs: Jobs | None
    _stack: AsyncExitStack = field(repr=False)

    async def stop(self, *, delay: float | None = None, grace: float | None = None) -> None:
        """End in order: NOT_SERVING, `delay` seconds, no new calls, streams and steps at hand end within `grace`
        seconds, then everything is given back. Both are the settings' by default; 0 and 0 is at once.
        """
        delay = self.settings.drain_delay_seconds if delay is None else delay
        grace = self.settings.drain_seconds if grace is None else grace
        _log.info("stopping", delay_seconds=delay, grace_seconds=grace)
        self.readiness.draining = True
        try:
            ends = [self.grpc.drain(delay=delay, grace=grace)] if self.grpc else []
            # New steps wait for another process from now on, whatever the balancers still send here.
            ends += [self.jobs.stop(grace)] if self.jobs else []
            await asyncio.gather(*ends)
            # A consent that came back during the drain was still taken; from here on its rules lose their resources.
            if self.http:
                await self.http.stop()
        finally:
            await self._stack.aclose()
        _log.info("stopped")


async def start(
    settings: Settings,
    *,
    clock: Clock = now,
    roles: Roles = Roles(),
    seams: Seams | None = None,
    new_id: Callable[[], str] = ids.new_id,
    environment: Mapping[str, str] | None = None,
) -> Gateway:
    """Start everything and return when calls are served; what was started is ended again when something fails.

    `environment` is looked through for misspelt settings. Raises SettingsError, DatabaseUnavailable,
    EmbeddedUnavailable, KeyMissing, KeyWrong, OSError (an address in use), RuntimeError (the same, from gRPC).
    """
    log.hide(settings.secrets())
    for name in unknown_names(environment or {}):
        _log.warning("unknown setting: is it misspelt?", name=name)
    async with AsyncExitStack() as stack:
        resources = await stack.enter_async_context(open_resources(settings))
        readiness = Readiness(resources)
        edge = Edge(readiness.look, settings.allowed_redirect_uris, clock=clock, draining=lambda: readiness.draining)
        http = await stack.enter_async_context(_http(settings, edge)) if roles.calls else None
        await _schema(resources, settings, roles, clock, edge)
        await verify_keys(resources)
        domain = await build_domain(
            stack, resources, clock=clock, new_id=new_id, seams=seams or {}, public_url=_public_url(settings, http)
        )
        readiness.listener = domain.listener
        grpc = None
        if roles.calls:
            steps, owners = await _steps(resources, domain), Owners(domain.db, domain.clock)
            grpc = await _grpc(stack, domain, resources, steps, owners)
            edge.steps, edge.owners = steps, owners
        edge.domain = domain
        jobs = await _jobs(stack, domain, settings) if roles.jobs else None
        readiness.jobs_healthy = (lambda: jobs.healthy) if jobs else None
        if grpc is not None:
            await grpc.set_ready(await readiness.serving())
            grpc.watch(readiness.serving)
        gateway = Gateway(settings, resources, domain, readiness, grpc, http, jobs, stack.pop_all())
    _banner(gateway)
    return gateway


async def build_domain(
    stack: AsyncExitStack,
    resources: Resources,
    *,
    clock: Clock,
    new_id: Callable[[], str],
    seams: Seams,
    public_url: str,
) -> Domain:
    """Build the domain on open resources; `stack` closes what is opened here. Spilled tokens are saved."""
    settings = resources.settings
    listener = Listener(resources.db.url)
    await listener.start()
    stack.push_async_callback(listener.stop)
    found = build_providers(settings, clock, seams)
    for provider in found.values():
        stack.push_async_callback(provider.close)
    sealer = Sealer(resources.db, resources.ring)
    folder = settings.data_dir.expanduser() / "spills"

    async def renew_from_parent(connection: ConnectionRow) -> Grant:
        return await agencies.derive_grant(domain, connection)

    tokens = Tokens(
        resources.db,
        sealer,
        listener,
        found,
        clock=clock,
        spill_folder=folder,
        renew_from_parent=renew_from_parent,
    )
    stack.push_async_callback(tokens.close)
    fetcher = build_fetcher(settings)
    stack.push_async_callback(fetcher.close)
    replayed = await tokens.replay()
    if replayed:
        _log.warning("tokens of an earlier process were saved", count=replayed)
    domain = Domain(
        db=resources.db,
        sealer=sealer,
        blobs=BlobStore.open(settings.blobs),
        listener=listener,
        providers=found,
        tokens=tokens,
        fetcher=fetcher,
        post_watchers=Watchers(listener, posts.TOPIC),
        clock=clock,
        new_id=new_id,
        public_url=public_url,
        oauth_secret=await keys.get_secret(resources.db, resources.ring, "oauth"),
        allowed_redirect_uris=frozenset(settings.allowed_redirect_uris),
        loopback_vendors=settings.allow_loopback_vendors,
    )
    return domain


def build_fetcher(settings: Settings) -> Fetcher:
    """Build what fetches from callers' addresses: it never takes more than half of the workers, nor 16 of them."""
    places = max(1, min(settings.worker_concurrency // 2, MAX_FETCHES))
    return Fetcher(allow_loopback=settings.pull_allow_loopback, places=places)


def build_providers(settings: Settings, clock: Clock, seams: Seams) -> dict[str, Provider]:
    """Build every registered provider, held to its own table."""
    return {
        name: checked(registry.build(name, settings.provider(name), clock=clock, **seams.get(name, {})))
        for name in registry.PROVIDERS
    }


async def open_keys(resources: Resources, domain: Domain) -> api_keys.KeyStore:
    """Open the store of API keys, with the bootstrap key of the settings."""
    bootstrap = resources.settings.bootstrap_api_key
    return api_keys.open_store(
        resources.db,
        domain.listener,
        pepper=await keys.get_secret(resources.db, resources.ring, api_keys.PEPPER),
        clock=domain.clock,
        bootstrap_key=Secret(bootstrap.get_secret_value()) if bootstrap else None,
    )


async def _schema(resources: Resources, settings: Settings, roles: Roles, clock: Clock, edge: Edge) -> None:
    """Return when the schema is right; until then calls are answered, with UNAVAILABLE."""
    if await is_migrated(resources):
        return
    if not roles.calls:
        await wait_for_schema(resources)
        return

    async def authenticate(key: str) -> Any:
        raise GatewayUnavailable(SCHEMA_SENTENCE)

    limits = Limits(settings.max_calls_per_key, settings.max_streams_per_key, clock)
    steps = edge.steps = steps_for(settings, authenticate=authenticate, limits=limits, clock=clock)
    server = build_server(settings, services.waiting(SCHEMA_SENTENCE), steps)
    await server.start()
    try:
        await wait_for_schema(resources)
    finally:
        edge.steps = None
        await server.drain(delay=0, grace=0)


@asynccontextmanager
async def _http(settings: Settings, edge: Edge) -> AsyncIterator[HttpServer]:
    """Serve the HTTP edge until the block ends."""
    server = await HttpServer.start(edge.app(), settings.http_address)
    try:
        yield server
    finally:
        await server.stop()


async def _jobs(stack: AsyncExitStack, domain: Domain, settings: Settings) -> Jobs:
    """Start the workers."""
    pace = Pace(
        concurrency=settings.worker_concurrency,
        heartbeat=settings.worker_heartbeat_seconds,
        stale=settings.worker_stale_seconds,
        grace=settings.drain_seconds,
    )
    jobs = Jobs(domain, pace)
    # A second stop does nothing: this one is for a start that fails further on.
    stack.push_async_callback(jobs.stop, 0)
    await jobs.start()
    return jobs


async def _steps(resources: Resources, domain: Domain) -> Steps:
    """Make the steps that a call goes through, whichever way it comes: what a key may have running counts over both."""
    settings, store = resources.settings, await open_keys(resources, domain)
    limits = Limits(settings.max_calls_per_key, settings.max_streams_per_key, domain.clock)
    return steps_for(
        settings, authenticate=lambda key: api_keys.authenticate(store, key), limits=limits, clock=domain.clock
    )


async def _grpc(
    stack: AsyncExitStack, domain: Domain, resources: Resources, steps: Steps, owners: Owners
) -> GrpcServer:
    """Serve gRPC; health says NOT_SERVING until it is told otherwise."""
    settings = resources.settings
    page_secret = await keys.get_secret(resources.db, resources.ring, "pages")
    served = services.services(domain, owners, page_secret=page_secret)
    server = build_server(settings, served, steps)
    # Drained already when the gateway stops in order: this is for a start that fails, and for a stop in a hurry.
    stack.push_async_callback(server.drain, delay=0, grace=0)
    await server.start()
    return server


def _public_url(settings: Settings, http: HttpServer | None) -> str:
    """Return the public URL; one that nobody set follows the port that was really taken."""
    if http is None or "public_url" in settings.model_fields_set:
        return settings.public_url
    return f"http://localhost:{http.port}"


def _banner(gateway: Gateway) -> None:
    """Say in one line what runs where; outside checks and people read it."""
    settings, grpc, http = gateway.settings, gateway.grpc, gateway.http
    _log.info(
        "serving" if grpc else "working",
        grpc=f"{_host(settings.grpc_address)}:{grpc.port}" if grpc else "",
        tls=settings.tls_cert is not None,
        http=f"{_host(settings.http_address)}:{http.port}" if http else "",
        public_url=gateway.domain.public_url,
        jobs=gateway.jobs is not None,
        database=gateway.resources.place,
        data_dir=str(settings.data_dir),
        providers=sorted(gateway.domain.providers),
        simulators_allowed=settings.allow_loopback_vendors,
        bootstrap_key=settings.bootstrap_api_key is not None,
    )


def _host(address: str) -> str:
    return address.rpartition(":")[0]
