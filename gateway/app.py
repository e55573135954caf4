"""The composition root: builds the gateway from its settings, starts its parts in order, and stops them in order.

Owns the only place that knows every part. Makes no decision that a caller could notice, and keeps no global state, so
that several gateways can run side by side in one process.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gateway import data_folder, ids, key_watch, log, upload_store
from gateway.audit import chain
from gateway.bootstrap import (
    Resources,
    is_migrated,
    keep_partitions,
    open_listener,
    open_resources,
    verify_keys,
    wait_for_schema,
)
from gateway.clock import Clock, now
from gateway.domain.connections import agencies
from gateway.domain.context import Domain
from gateway.domain.credentials.tokens import Tokens
from gateway.domain.leases import Leases
from gateway.media.probe import Prober
from gateway.readiness import Readiness
from gateway.settings import Settings, unknown_names
from gateway.shutdown import Part, Patience, Shutdown
from gateway.siblings import Siblings
from gateway.telemetry import opening
from gateway.telemetry.recorder import OFF, Telemetry
from providers import registry
from providers.capabilities import Capability
from providers.checked import checked
from providers.http.fetch import Fetcher
from providers.http.post import Poster
from providers.interface import Provider
from providers.models.grants import Grant
from providers.registry import providers_with
from storage import keys, posts
from storage.connections import ConnectionRow
from storage.fair import FairPlaces
from storage.keys import Sealer
from storage.listener import Listener
from storage.watchers import Watchers

if TYPE_CHECKING:
    from gateway.http.serving import HttpServer
    from gateway.jobs.runner import Jobs
    from gateway.server import GrpcServer
    from gateway.servers import Servers

_log = log.get("gateway")

VERIFICATIONS, SYNCS, ADS = 8, 4, 4
MAX_FETCHES = 16  # Media that one process fetches at the same time; each fetch buffers 16 MiB.

ProviderOverrides = Mapping[str, Mapping[str, Any]]
"""By provider, keyword arguments for its `build`: tests pass a transport."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Which roles this process has: it serves calls, runs jobs, or does both."""

    calls: bool = True
    jobs: bool = True


@dataclass(slots=True)
class Gateway:
    """A running gateway. Call `stop` once."""

    settings: Settings
    resources: Resources
    domain: Domain
    readiness: Readiness
    grpc: "GrpcServer | None"
    http: "HttpServer | None"
    jobs: "Jobs | None"
    metrics: "HttpServer | None"
    shutdown: Shutdown = field(repr=False)
    admin: "GrpcServer | None" = None

    async def stop(self, *, delay: float | None = None, grace: float | None = None) -> None:
        """Stop everything in the order of `shutdown.ORDER`: after `delay` seconds new calls are refused, running calls
        and jobs get `grace` seconds. Both default to the settings; 0 and 0 stops at once.
        """
        delay = self.settings.drain_delay_seconds if delay is None else delay
        grace = self.settings.drain_seconds if grace is None else grace
        _log.info("stopping", delay_seconds=delay, grace_seconds=grace)
        await self.shutdown.run(Patience(delay, grace))
        _log.info("stopped")


def load(roles: Roles) -> None:
    """Import what these roles need: a worker has neither server, a process without jobs no queue, and the libraries of
    each and the rules that only it follows take a third of a start.
    """
    if roles.calls:
        import_module("gateway.servers")
    if roles.jobs:
        import_module("gateway.jobs.runner")
        import_module("gateway.rpc.event_to_proto")


async def start(
    settings: Settings,
    *,
    clock: Clock = now,
    roles: Roles = Roles(),
    overrides: ProviderOverrides | None = None,
    new_id: Callable[[], str] = ids.new_id,
    environment: Mapping[str, str] | None = None,
    siblings: Siblings | None = None,
) -> Gateway:
    """Start everything and return once calls are served. If a step fails, everything started so far is stopped.

    `environment` is searched for misspelt settings; `siblings` are the other processes on the same ports. Raises
    SettingsError (also for a data folder that cannot be written, and for a store of uploads that says no),
    DatabaseUnavailable, EmbeddedUnavailable, KeyMissing, KeyWrong, OSError (an address in use), RuntimeError (the same,
    from gRPC).
    """
    log.hide(settings.secrets())
    for name in unknown_names(environment or {}):
        _log.warning("unknown setting: is it misspelt?", name=name)
    await asyncio.to_thread(data_folder.verify, settings)
    uploads_work = await upload_store.verify(settings)
    async with Shutdown() as started:
        resources = await started.enter(Part.DATABASE, open_resources(settings, jobs=roles.jobs))
        readiness = Readiness(resources, siblings=siblings)
        started.add(Part.READINESS, readiness.drain)
        servers = await _servers(started, settings, readiness, clock, siblings) if roles.calls else None
        listener = await started.enter(Part.NOTIFICATIONS, open_listener(resources))
        readiness.listener = listener
        await started.enter(Part.KEY_SERVICES, key_watch.watched(resources.ring))
        await _schema(resources, servers)
        await verify_keys(resources)
        await keep_partitions(resources, clock())
        telemetry, metrics = await _telemetry(started, resources, environment or {}, siblings)
        domain = await build_domain(
            started,
            resources,
            listener,
            clock=clock,
            new_id=new_id,
            overrides=overrides or {},
            public_url=_public_url(settings, servers),
            telemetry=telemetry,
        )
        uploads = readiness.uploads = upload_store.StoreWatch(domain.blobs, uploads_work)
        started.add(Part.STORE_PROBE, lambda _: uploads.close())
        if servers is not None:
            await servers.start_calls(domain, resources)
        jobs = await _jobs(started, domain, resources) if roles.jobs else None
        readiness.jobs_healthy = (lambda: jobs.healthy) if jobs else None
        grpc, http = (servers.grpc, servers.http) if servers else (None, None)
        admin = servers.admin if servers else None
        for server in (grpc, admin):
            if server is not None:
                await server.set_ready(await readiness.serving())
                server.watch(readiness.serving)
        gateway = Gateway(settings, resources, domain, readiness, grpc, http, jobs, metrics, started.take(), admin)
    _banner(gateway)
    return gateway


async def build_domain(
    started: Shutdown,
    resources: Resources,
    listener: Listener,
    *,
    clock: Clock,
    new_id: Callable[[], str],
    overrides: ProviderOverrides,
    public_url: str,
    telemetry: Telemetry = OFF,
) -> Domain:
    """Build the domain on open resources, replaying spilled tokens; what is opened here is added to `started`."""
    settings = resources.settings
    found = _providers(settings, clock, overrides)
    started.add(Part.VENDORS, lambda _: _close_all(found.values()))
    sealer = Sealer(resources.db, resources.ring, listener)

    async def renew_from_parent(connection: ConnectionRow) -> Grant:
        return await agencies.derive_grant(domain, connection)

    tokens = Tokens(
        resources.db,
        sealer,
        listener,
        found,
        clock=clock,
        spill_folder=settings.spill_dir,
        renew_from_parent=renew_from_parent,
        share=settings.agency_share,
        telemetry=telemetry,
    )
    started.add(Part.TOKENS, lambda _: tokens.close())
    # Fetches occupy at most half of the workers.
    places = max(1, min(settings.worker_concurrency // 2, MAX_FETCHES))
    fetcher = Fetcher(allow_loopback=settings.pull_allow_loopback)
    poster = Poster(allow_loopback=settings.pull_allow_loopback)
    started.add(Part.FETCHES, lambda _: _close_both(fetcher, poster))
    replayed = await tokens.replay()
    if replayed:
        _log.warning("tokens of an earlier process were saved", count=replayed)
    domain = Domain(
        db=resources.db,
        sealer=sealer,
        blobs=upload_store.open_store(settings),
        prober=Prober(max_concurrent=settings.media_concurrency, share=settings.agency_share),
        listener=listener,
        providers=found,
        tokens=tokens,
        fetcher=fetcher,
        poster=poster,
        post_watchers=Watchers(listener, posts.TOPIC),
        clock=clock,
        new_id=new_id,
        public_url=public_url,
        oauth_secret=await keys.get_secret(resources.db, resources.ring, "oauth"),
        audit_secret=await keys.get_secret(resources.db, resources.ring, chain.SECRET),
        allowed_redirect_uris=frozenset(settings.allowed_redirect_uris),
        loopback_vendors=settings.allow_loopback_vendors,
        agency_upload_bytes=settings.agency_upload_bytes,
        engagement_retention=timedelta(days=settings.engagement_retention_days),
        upload_retention=timedelta(hours=settings.upload_retention_hours),
        audit_retention=timedelta(days=settings.audit_retention_days),
        leases=Leases(timedelta(seconds=settings.worker_stale_seconds)),
        fetches=FairPlaces(places, share=settings.agency_share),
        verifications=FairPlaces(VERIFICATIONS, share=settings.agency_share),
        syncs=FairPlaces(SYNCS, share=settings.agency_share),
        ads=FairPlaces(ADS, share=settings.agency_share),
        spend_ceilings=settings.spend_ceilings,
        telemetry=telemetry,
    )
    started.add(Part.LOOKS, lambda _: domain.prober.close())
    return domain


def _providers(settings: Settings, clock: Clock, overrides: ProviderOverrides) -> dict[str, Provider]:
    return {
        name: checked(registry.build(name, settings.provider(name), clock=clock, **overrides.get(name, {})))
        for name in registry.PROVIDERS
    }


async def _close_both(fetcher: Fetcher, poster: Poster) -> None:
    await fetcher.close()
    await poster.close()


async def _close_all(found: Iterable[Provider]) -> None:
    for provider in found:
        await provider.close()


async def _servers(
    started: Shutdown, settings: Settings, readiness: Readiness, clock: Clock, siblings: Siblings | None
) -> "Servers":
    """Start the HTTP edge; the gRPC server follows."""
    # Only in this role: see `load`.
    from gateway.servers import Servers

    return await Servers.start(started, settings, readiness, clock, siblings)


async def _telemetry(
    started: Shutdown, resources: Resources, environment: Mapping[str, str], siblings: Siblings | None
) -> "tuple[Telemetry, HttpServer | None]":
    """Open the telemetry that was asked for, and serve `/metrics` if that was."""
    opened = opening.open_telemetry(resources.settings, environment)
    if not opened.telemetry.on:
        return OFF, None
    # Only where it was asked for: neither is needed otherwise.
    from gateway.http import metrics
    from gateway.telemetry.gauges import Gauges

    resources.db.observer = opened.telemetry.database
    gauges = Gauges(resources.db, opened.telemetry)
    started.add(Part.TELEMETRY, lambda _: opened.close())
    started.add(Part.GAUGES, lambda _: gauges.close())
    gauges.start()
    if opened.prometheus is None:
        return opened.telemetry, None
    address = metrics.address_of(resources.settings.metrics_address, siblings.number if siblings else 0)
    server = await metrics.serve(opened.prometheus, address)
    started.add(Part.METRICS, lambda _: server.stop())
    return opened.telemetry, server


async def _schema(resources: Resources, servers: "Servers | None") -> None:
    """Return once the schema is current; until then, every call is answered with UNAVAILABLE."""
    if await is_migrated(resources):
        return
    if servers is None:
        await wait_for_schema(resources)
    else:
        await servers.refuse_until(wait_for_schema(resources))


async def _jobs(started: Shutdown, domain: Domain, resources: Resources) -> "Jobs":
    """Start the workers."""
    # Only in this role: see `load`.
    from gateway.jobs.runner import Jobs, JobsConfig
    from gateway.rpc import event_to_proto

    settings = resources.settings
    config = JobsConfig(
        concurrency=settings.worker_concurrency,
        heartbeat=settings.worker_heartbeat_seconds,
        stale=settings.worker_stale_seconds,
        share=settings.agency_share,
        grace=settings.drain_seconds,
        queue_url=resources.listen_url,
    )
    with_videos = providers_with(domain.providers, Capability.VIDEO_QUERY)
    jobs = Jobs(domain, config, lambda event: event_to_proto.to_json(event, with_videos))
    started.add(Part.JOBS, lambda patience: jobs.stop(patience.grace))
    await jobs.start()
    return jobs


def _public_url(settings: Settings, servers: "Servers | None") -> str:
    """Return the public URL; if it is not set, use the port that the HTTP server really bound."""
    if servers is None or "public_url" in settings.model_fields_set:
        return settings.public_url
    return f"http://localhost:{servers.http.port}"


def _banner(gateway: Gateway) -> None:
    """Log in one line what runs where; operators, the demo and deployment checks read it."""
    settings, grpc, http = gateway.settings, gateway.grpc, gateway.http
    _log.info(
        "serving" if grpc else "working",
        grpc=_bound(settings.grpc_address, grpc.port) if grpc else "",
        admin=_bound(settings.admin_address, gateway.admin.port) if gateway.admin else "",
        tls=settings.tls_cert is not None,
        http=_bound(settings.http_address, http.port) if http else "",
        metrics=gateway.metrics.port if gateway.metrics else "",
        public_url=gateway.domain.public_url,
        jobs=gateway.jobs is not None,
        database=gateway.resources.place,
        data_dir=str(settings.data_dir),
        providers=sorted(gateway.domain.providers),
        simulators_allowed=settings.allow_loopback_vendors,
        bootstrap_key=settings.bootstrap_api_key is not None,
    )


def _bound(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"
