"""The servers of a process that serves calls: the HTTP edge first, then gRPC, with one policy for both.

Owns their order, and what is answered while the schema is too old. Imported only by a process that has this role.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from gateway.audit.trail import Trail
from gateway.bootstrap import Resources
from gateway.caller import Caller
from gateway.callers import directory
from gateway.clock import Clock
from gateway.domain import api_keys
from gateway.domain.context import Domain
from gateway.domain.locations import ClaimLimits, Owners, open_owners
from gateway.domain.media.upload_slots import UploadSlots
from gateway.errors import GatewayUnavailable
from gateway.http.app import Edge
from gateway.http.rest.edge import Calls
from gateway.http.serving import HttpServer
from gateway.interceptors.auth import Authenticate, Recognize
from gateway.interceptors.limits import Limits
from gateway.interceptors.pipeline import CallPolicy
from gateway.readiness import Readiness
from gateway.rpc import admin_services, services
from gateway.rpc.admin_guard import AdminDomain
from gateway.server import GrpcServer, build_server, call_policy
from gateway.settings import Settings
from gateway.shutdown import Part, Shutdown
from gateway.siblings import Siblings
from providers.models.secret import Secret
from storage import keys

SCHEMA_SENTENCE = "Its database is waiting for a migration."


@dataclass(slots=True)
class Servers:
    """The running servers; `grpc` is None until `start_calls`, and what is started is added to `started`. `admin` stays
    None unless the settings have an address for it.
    """

    started: Shutdown
    settings: Settings
    clock: Clock
    siblings: Siblings | None
    edge: Edge
    http: HttpServer
    grpc: GrpcServer | None = None
    admin: GrpcServer | None = None

    @classmethod
    async def start(
        cls, started: Shutdown, settings: Settings, readiness: Readiness, clock: Clock, siblings: Siblings | None
    ) -> "Servers":
        """Start the HTTP edge, which answers probes at once and everything else when it has a domain."""
        edge = Edge(
            readiness.check,
            settings.allowed_redirect_uris,
            clock=clock,
            draining=lambda: readiness.draining,
            origins=settings.cors_origins,
        )
        bound = siblings.http if siblings else ()
        http = await HttpServer.start(edge.app(), settings.http_address, bound=bound)
        started.add(Part.HTTP, lambda _: http.stop())
        return cls(started, settings, clock, siblings, edge, http)

    async def refuse_until(self, ready: Awaitable[None]) -> None:
        """Answer every call with UNAVAILABLE until the schema is current."""
        limits = _limits(self.settings, self.clock)
        recognize = _not_yet if self.settings.tls_client_ca and self.settings.callers_file else None
        policy = self.edge.policy = call_policy(
            self.settings, authenticate=_not_yet, recognize=recognize, limits=limits, clock=self.clock
        )
        shared = self.siblings is not None
        server = build_server(self.settings, services.unavailable(SCHEMA_SENTENCE), policy, shared=shared)
        await server.start()
        try:
            await ready
        finally:
            self.edge.policy = None
            await server.drain(delay=0, grace=0)

    async def start_calls(self, domain: Domain, resources: Resources) -> None:
        """Start the gRPC server, and give the HTTP edge its domain; health reports NOT_SERVING until `set_ready`."""
        trail = Trail(domain.db, domain.clock)
        self.started.add(Part.AUDIT, lambda _: trail.close())
        store = await open_keys(resources, domain)
        policy, owners = self._policy(store, domain, trail), owners_of(self.settings, domain)
        if self.settings.admin_address:
            self.admin = await self._start_admin(domain, resources, policy, AdminDomain(domain, owners, store))
        self.grpc = await self._start_grpc(domain, resources, policy, owners)
        self.edge.policy, self.edge.owners, self.edge.domain = policy, owners, domain
        self.edge.calls = Calls.of(self.grpc.pipeline, self.grpc.descriptors)

    def _policy(self, store: api_keys.KeyStore, domain: Domain, trail: Trail) -> CallPolicy:
        """Build the policy shared by gRPC and HTTP, so that a key's limits count calls over both."""
        settings, clock = self.settings, domain.clock
        authenticate: Authenticate = partial(api_keys.authenticate, store)
        recognize: Recognize | None = None
        if settings.callers_file is not None:
            found = directory.open_directory(settings, settings.callers_file, authenticate, clock)
            self.started.add(Part.ISSUERS, lambda _: found.close())
            authenticate = partial(_of_active_agency, store, found.authenticate)
            recognize = partial(_of_active_agency, store, found.recognize) if settings.tls_client_ca else None
        return call_policy(
            settings,
            authenticate=authenticate,
            recognize=recognize,
            limits=_limits(settings, clock),
            clock=clock,
            trail=trail,
            telemetry=domain.telemetry,
        )

    async def _start_grpc(self, domain: Domain, resources: Resources, policy: CallPolicy, owners: Owners) -> GrpcServer:
        page_secret = await keys.get_secret(resources.db, resources.ring, "pages")
        processes = self.siblings.count if self.siblings else 1
        slots = UploadSlots.shared_by(processes, share=self.settings.agency_share)
        self.started.add(Part.UPLOADS, lambda _: slots.settle())
        served = services.services(domain, owners, page_secret=page_secret, slots=slots)
        server = build_server(self.settings, served, policy, shared=self.siblings is not None)
        return await self._run(Part.CALLS, server)

    async def _start_admin(
        self, domain: Domain, resources: Resources, policy: CallPolicy, admin: AdminDomain
    ) -> GrpcServer:
        """Start the Admin API on its own port, under the same policy: a key's limits count calls over all ports."""
        page_secret = await keys.get_secret(resources.db, resources.ring, "pages")
        served = admin_services.services(admin, page_secret=page_secret)
        shared = self.siblings is not None
        server = build_server(self.settings, served, policy, shared=shared, admin=True)
        return await self._run(Part.ADMIN_CALLS, server)

    async def _run(self, part: Part, server: GrpcServer) -> GrpcServer:
        self.started.add(part, lambda patience: server.drain(delay=patience.delay, grace=patience.grace))
        await server.start()
        return server


async def open_keys(resources: Resources, domain: Domain) -> api_keys.KeyStore:
    """Open the API key store, including the bootstrap key from the settings."""
    bootstrap = resources.settings.bootstrap_api_key
    return api_keys.open_store(
        resources.db,
        domain.listener,
        pepper=await keys.get_secret(resources.db, resources.ring, api_keys.PEPPER),
        clock=domain.clock,
        bootstrap_key=Secret(bootstrap.get_secret_value()) if bootstrap else None,
    )


def owners_of(settings: Settings, domain: Domain) -> Owners:
    """Return who owns which location, within the limits of the settings."""
    limits = ClaimLimits(settings.location_claims_per_hour, settings.unproved_locations_per_agency)
    return open_owners(domain.db, domain.listener, domain.clock, limits)


async def _of_active_agency(
    store: api_keys.KeyStore, identify: Callable[[Any], Awaitable[Caller]], sent: Any
) -> Caller:
    """Return who is identified by what was sent, unless its agency is suspended or being deleted: a token or
    certificate knows nothing of that. The bootstrap key is the operator's own, whatever becomes of its agency.
    """
    caller = await identify(sent)
    if caller is not api_keys.BOOTSTRAP:
        await api_keys.require_active(store, caller)
    return caller


def _limits(settings: Settings, clock: Clock) -> Limits:
    per_key = (settings.max_calls_per_key, settings.max_streams_per_key)
    return Limits(*per_key, clock, total=settings.max_calls, share=settings.agency_share)


async def _not_yet(key: str | bytes) -> NoReturn:
    raise GatewayUnavailable(SCHEMA_SENTENCE)
