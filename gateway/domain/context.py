"""The dependencies of the domain's functions: database, sealer, blobs, providers, tokens, clock.

Owns only the bundle, which `gateway/app.py` builds once and each function gets as its first argument. Knows no
transport.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.clock import Clock
from gateway.domain.credentials.tokens import Tokens
from gateway.domain.leases import Leases
from gateway.media.probe import Prober
from gateway.telemetry.recorder import OFF, Telemetry
from providers.http.fetch import Fetcher
from providers.http.post import Poster
from providers.interface import Provider
from providers.models.secret import Secret
from storage.blobs import BlobStore
from storage.connections import ConnectionRow
from storage.database import Database
from storage.fair import FairPlaces
from storage.keys import Sealer
from storage.listener import Listener
from storage.watchers import Watchers


@dataclass(frozen=True, slots=True)
class Consent:
    """The address of an open consent page, which carries the one-time state, and its expiry."""

    uri: Secret
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection as callers see it: its row, the expiries of its tokens and its open consent."""

    row: ConnectionRow
    access_expire_time: datetime | None = None
    refresh_expire_time: datetime | None = None
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call to a vendor that has ended: its quota's key and metric, the stamp of its slot, and when it ended, both in
    seconds since 1970.
    """

    key: str
    metric: str
    stamp: float
    at: float


@dataclass(frozen=True, slots=True)
class Domain:
    """The dependencies; `new_id` returns a fresh id, `oauth_secret` signs OAuth states, `audit_secret` the
    ends of the days of the audit log.

    `fetches` are the places of media that are fetched, `verifications` those of connections whose time it is,
    `syncs` those of accounts whose engagement is read, `ads` those of ads whose state is read or whose writes go on.
    `spend_ceilings` is, by currency, up to how much may be launched without a confirmation; without one nothing may.
    `ended_calls` are those whose slots are released by the next transaction of the same piece of work; None if each
    call releases its own.
    """

    db: Database
    sealer: Sealer
    blobs: BlobStore
    listener: Listener
    providers: Mapping[str, Provider]
    tokens: Tokens
    fetcher: Fetcher
    post_watchers: Watchers
    clock: Clock
    new_id: Callable[[], str]
    public_url: str
    oauth_secret: bytes = field(repr=False)
    audit_secret: bytes = field(repr=False)
    allowed_redirect_uris: frozenset[str] = frozenset()
    loopback_vendors: bool = False
    agency_upload_bytes: int = 1 << 40
    engagement_retention: timedelta = timedelta(days=365)
    upload_retention: timedelta = timedelta(days=7)
    audit_retention: timedelta = timedelta(days=400)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    prober: Prober = field(default_factory=Prober)
    poster: Poster = field(default_factory=Poster)
    leases: Leases = field(default_factory=Leases)
    fetches: FairPlaces = field(default_factory=lambda: FairPlaces(4))
    verifications: FairPlaces = field(default_factory=lambda: FairPlaces(8))
    syncs: FairPlaces = field(default_factory=lambda: FairPlaces(4))
    ads: FairPlaces = field(default_factory=lambda: FairPlaces(4))
    spend_ceilings: Mapping[str, Decimal] = field(default_factory=dict)
    telemetry: Telemetry = OFF
    ended_calls: list[EndedCall] | None = None
