"""Verification: what a connection can really do, by doing it.

Owns the calls that prove a grant (profile, video list, metrics, each under its scope; the list of its accounts, where
it holds several; an agency's by its places) and what their answers make of the status. A vendor that cannot answer now
changes no status; the connection says that it could not be asked.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from gateway.domain import idempotency
from gateway.domain.access import ConnectionAccess
from gateway.domain.accounts import profiles, sync
from gateway.domain.connections import agencies, read
from gateway.domain.context import ConnectionView, Domain
from gateway.domain.credentials import connection_status
from gateway.domain.idempotency import RequestKey
from gateway.errors import StateForbids
from providers.errors import (
    ContentRefused,
    CreatorBlocked,
    GrantRevoked,
    Misconfigured,
    ProviderError,
    Rejected,
    ScopeNotGranted,
)
from providers.errors import NotFound as NotFoundThere
from providers.interface import Provider
from providers.models.accounts import LinkedAccount, Profile, ProfilePart
from providers.models.grants import GrantKind
from storage import connections, tokens
from storage.connections import ConnectionRow
from storage.database import DatabaseUnavailable
from storage.errors import NotFound

log = structlog.get_logger(__name__)

EVERY = timedelta(days=1)
SPREAD = timedelta(hours=2)
AGAIN = timedelta(minutes=5)
LEASE = timedelta(minutes=5)
"""How long a sweeper's verification may take before another replica tries."""

AT_ONCE = 4
NO_COUNTS = ("MISSING_PROFILE_SCOPE", "The profile's counts cannot be read: their scope was not granted.")
NO_USER = ("MISSING_ACTING_USER", "There is nobody in whose name posts could be made, or nobody may be asked for.")
INELIGIBLE = ("ACCOUNT_NOT_ELIGIBLE_FOR_METRICS", "The provider gives no metrics for this kind of account.")


@dataclass(slots=True)
class _Findings:
    """What the calls found: capabilities that hold, the profile of which `parts` were asked of its owner, the accounts
    as listed at `ask_time`, settings that nobody had said, the first error of each weight, and when to come again if
    sooner than usual.
    """

    capabilities: dict[str, bool]
    wanted: dict[str, bool]
    parts: frozenset[ProfilePart]
    ask_time: datetime
    profile: Profile | None = None
    accounts: tuple[LinkedAccount, ...] | None = None
    settled: dict[str, str] = field(default_factory=dict)
    again: timedelta = EVERY
    lacking: ProviderError | None = None
    ineligible: ProviderError | None = None
    failed: ProviderError | None = None
    unanswered: ProviderError | None = None


async def probe(domain: Domain, location: str, connection: str, *, background: bool = False) -> ConnectionRow:
    """Verify a connection: up to three vendor calls; give it as it is then, EXPIRED when the grant turns out dead.

    Raises storage's NotFound, and StateForbids when there is no grant to verify.
    """
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
        pair = await tokens.find(tx, location, connection)
    if row.status == "DISCONNECTED" or pair is None:
        text = "There is no grant to verify: the account's owner must consent first."
        raise StateForbids(row.status, text, resource=connection_status.resource_name(row))
    try:
        findings = await _look(domain, row, background)
    except GrantRevoked:
        # The tokens' rules have said so already, with the event; or somebody disconnected in the meantime.
        async with domain.db.read() as tx:
            return await connections.get(tx, location, connection)
    return await _conclude(domain, row, findings)


async def sweep(domain: Domain, limit: int = 50) -> int:
    """Verify the connections whose time has come, a few at once; give how many. Any number of replicas may sweep."""
    now = domain.clock()
    async with domain.db.transaction() as tx:
        due = await connections.take_due(tx, now, now + LEASE, limit)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(location: str, connection: str) -> None:
        async with slots:
            try:
                await probe(domain, location, connection, background=True)
            except (NotFound, StateForbids):
                await _forget(domain, location, connection)
            except (ProviderError, DatabaseUnavailable) as error:
                log.warning("verification.failed", location=location, connection=connection, error=type(error).__name__)

    await asyncio.gather(*(one(*each) for each in due))
    return len(due)


async def _forget(domain: Domain, location: str, connection: str) -> None:
    """Nothing to verify: do not come back until there is."""
    async with domain.db.transaction() as tx:
        await connections.change(tx, location, connection, domain.clock(), verify_at=None)


async def _look(domain: Domain, row: ConnectionRow, background: bool) -> _Findings:
    if row.grant_kind == GrantKind.COMPANY:
        return await _look_at_agency(domain, row, background)
    provider = domain.providers[row.provider]
    table = provider.table
    asked = frozenset(ProfilePart(part) for part in table.profile_parts(row.requested_scopes))
    granted, wanted = table.granted(row.granted_scopes), table.granted(row.requested_scopes)
    found = _Findings(granted, wanted, asked, domain.clock())
    access = ConnectionAccess(domain, row.provider, row.location, row.id, background)
    if sync.is_list(domain, row.provider):
        found.accounts = await _try(found, "can_read_profile", lambda: provider.networks.linked(access))
    else:
        await _look_at_profile(found, provider, access)
    for name, metrics in (("can_list_videos", False), ("can_read_video_metrics", True)):
        if found.capabilities[name] and found.unanswered is None:
            await _try(found, name, partial(provider.videos.list_videos, access, limit=1, metrics=metrics))
    if found.unanswered is None and found.failed is None:
        await _settle(found, provider, access)
    return found


async def _look_at_profile(found: _Findings, provider: Provider, access: ConnectionAccess) -> None:
    parts = set(ProfilePart)
    # The provider itself leaves out the parts that were not granted, and makes no call when that is all of them.
    found.profile = await _try(found, "can_read_profile", lambda: provider.accounts.profile(access, parts))
    # A part that the provider never has is nothing that this grant lacks.
    had = {ProfilePart(part) for part in provider.table.profile_scopes} - {ProfilePart.STATS}
    if found.profile is not None and found.profile.missing & had:
        found.capabilities["can_read_profile"] = False


async def _settle(found: _Findings, provider: Provider, access: ConnectionAccess) -> None:
    """Let the provider find what its calls need and nobody said."""
    try:
        found.settled = await provider.authorization.settle(access)
    except (ScopeNotGranted, NotFoundThere) as error:
        found.lacking = error
    except GrantRevoked:
        raise
    except Rejected as error:
        found.failed = error
    except ProviderError as error:
        found.unanswered = error


async def _look_at_agency(domain: Domain, row: ConnectionRow, background: bool) -> _Findings:
    """An agency's grant is proved by the list of its places; in the background what it serves is brought up to date."""
    found = _Findings({}, {}, frozenset(), domain.clock())
    try:
        if background:
            again = (await agencies.reconcile(domain, row)).again
            found.again = EVERY if again is None else again
        else:
            access = ConnectionAccess(domain, row.provider, row.location, row.id)
            await domain.providers[row.provider].authorization.places(access)
            found.again = timedelta(0)
    except GrantRevoked:
        raise
    except Misconfigured as error:
        found.unanswered = error
    except Rejected as error:
        found.failed = error
    except ProviderError as error:
        found.unanswered = error
    return found


async def _try(found: _Findings, capability: str, call: Callable[[], Awaitable[Any]]) -> Any:
    """Make one call; keep what it may not, or cannot say now."""
    try:
        return await call()
    except GrantRevoked:
        raise
    except ScopeNotGranted:
        found.capabilities[capability] = False
    except Misconfigured as error:
        # The operator's application is wrong, which says nothing about this grant.
        found.unanswered = error
    except Rejected as error:
        found.capabilities[capability] = False
        _refused(found, capability, error)
    except ProviderError as error:
        found.unanswered = error
    return None


def _refused(found: _Findings, capability: str, error: Rejected) -> None:
    """A vendor that refuses metrics alone means this kind of account, anything else that something is wrong."""
    if capability == "can_read_video_metrics" and isinstance(error, ContentRefused | CreatorBlocked):
        found.ineligible = error
    else:
        found.failed = found.failed or error


async def _conclude(domain: Domain, row: ConnectionRow, found: _Findings) -> ConnectionRow:
    now = domain.clock()
    async with domain.db.transaction() as tx:
        current = await connections.get(tx, row.location, row.id, lock=True)
        if current.status in ("DISCONNECTED", "EXPIRED"):
            return current
        if found.profile is not None:
            await profiles.save(tx, current, found.profile, now)
        if found.accounts is not None:
            # Who attached or let go of one meanwhile has saved a newer list.
            await sync.save(domain, tx, row, found.accounts, found.ask_time)
        values = _values(found, now)
        if not found.settled.items() <= current.provider_settings.items():
            # What was said meanwhile wins.
            values["provider_settings"] = {**found.settled, **current.provider_settings}
        return await connection_status.move(tx, current, now, **values)


def _values(found: _Findings, now: datetime) -> dict[str, Any]:
    if found.unanswered is not None:
        return {
            **_error(found.unanswered),
            "reason_code": "TEMPORARY_API_FAILURE",
            "reason_message": "The provider could not answer just now; the status is the last one known.",
            "verify_at": now + AGAIN,
        }
    status, code, message = _judge(found)
    return {
        **_error(found.failed or found.lacking or found.ineligible),
        "status": status,
        "capabilities": found.capabilities,
        "reason_code": code,
        "reason_message": message,
        "last_verify_time": now,
        "verify_at": now + _next(found.again),
    }


def _next(again: timedelta) -> timedelta:
    """Spread the usual span, so that connections made together are not verified together for ever."""
    return again - SPREAD * random.random() if again == EVERY else again  # noqa: S311 - no secret


def _judge(found: _Findings) -> tuple[str, str, str]:
    if found.failed is not None:
        return "ERROR", "UNKNOWN_ERROR", "The provider refused to answer for this connection."
    status, code, message = connection_status.assess(found.capabilities, found.wanted)
    if status == "VALID" and ProfilePart.STATS in found.parts & (
        found.profile.missing if found.profile else frozenset()
    ):
        return "LIMITED", *NO_COUNTS
    if status == "VALID" and found.lacking is not None:
        return "LIMITED", *NO_USER
    return (status, *INELIGIBLE) if found.ineligible is not None else (status, code, message)


def _error(error: ProviderError | None) -> dict[str, str]:
    if error is None:
        return {"last_error_code": "", "last_error_message": ""}
    said = error.metadata.get("provider_message") or error.message
    return {"last_error_code": error.code, "last_error_message": said}


async def verify(domain: Domain, location: str, connection: str, key: RequestKey | None) -> ConnectionView:
    """Verify a connection now: up to three vendor calls, none when the key's first call made them already.

    Raises storage's NotFound, StateForbids when there is no grant that could be verified.
    """
    seen = await idempotency.earlier(domain.db, key)
    if seen is None:
        await probe(domain, location, connection)
        async with domain.db.transaction() as tx:
            await idempotency.claim(tx, key, connection, domain.clock())
    return await read.get(domain, location, connection)
