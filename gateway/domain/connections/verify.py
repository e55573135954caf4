"""VerifyConnection and the periodic verification: what a connection can really do, found out by calling the vendor.

Owns the calls that prove a grant (profile, video list, metrics, each if its scope was granted; the account list of a
grant that holds several; the sub-accounts of an agency) and the status that follows. A vendor that cannot answer now
does not change the status, only its reason.
"""

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
from gateway.domain.ads import accounts as ad_accounts
from gateway.domain.concurrency import take_turns
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
from providers.interface import Authorization, Provider, authorization_of
from providers.models.accounts import LinkedAccount, Profile, ProfilePart
from providers.models.ads import AdAccount
from providers.models.grants import GrantKind
from storage import connections, tokens
from storage.connections import ConnectionRow
from storage.database import DatabaseUnavailable, Transaction
from storage.errors import NotFound
from storage.key_ring import KeyMissing
from storage.states import ConnectionStatus

log = structlog.get_logger(__name__)

INTERVAL = timedelta(days=1)
JITTER = timedelta(hours=2)
RETRY_AFTER = timedelta(minutes=5)
LEASE = timedelta(minutes=5)
"""How long a sweeper's verification may take before another replica tries."""

NO_COUNTS = ("MISSING_PROFILE_SCOPE", "The profile's counts cannot be read: their scope was not granted.")
NO_USER = ("MISSING_ACTING_USER", "There is nobody in whose name posts could be made, or nobody may be asked for.")
INELIGIBLE = ("ACCOUNT_NOT_ELIGIBLE_FOR_METRICS", "The provider gives no metrics for this kind of account.")


@dataclass(slots=True)
class _Findings:
    """What the calls found: the proven capabilities, the profile, the accounts as listed at `fetch_time`, settings that
    the provider found, one error of each kind, and when to verify again.

    `parts` are the parts of the profile whose scopes were requested. `no_user` means that no acting user was found,
    `ineligible` that the kind of account has no metrics, `refused` that something is wrong, `unanswered` that the
    vendor cannot answer now.
    """

    capabilities: dict[str, bool]
    wanted: dict[str, bool]
    parts: frozenset[ProfilePart]
    fetch_time: datetime
    profile: Profile | None = None
    accounts: tuple[LinkedAccount, ...] | None = None
    ad_accounts: tuple[AdAccount, ...] | None = None
    found_settings: dict[str, str] = field(default_factory=dict)
    next_after: timedelta = INTERVAL
    no_user: ProviderError | None = None
    ineligible: ProviderError | None = None
    refused: ProviderError | None = None
    unanswered: ProviderError | None = None


async def probe(domain: Domain, location: str, connection: str, *, background: bool = False) -> ConnectionRow:
    """Verify a connection: up to three vendor calls; return it afterwards, EXPIRED if the grant was revoked.

    Raises storage's NotFound, and StateForbids when there is no grant to verify.
    """
    async with domain.db.read() as tx:
        row = await connections.get(tx, location, connection)
        pair = await tokens.find(tx, location, connection)
    if row.status == ConnectionStatus.DISCONNECTED or pair is None:
        text = "There is no grant to verify: the account's owner must consent first."
        raise StateForbids(row.status, text, resource=connection_status.resource_name(row))
    try:
        findings = await _call_vendor(domain, row, background)
    except GrantRevoked:
        # The refresh has set the status already, with its event; or somebody disconnected in the meantime.
        async with domain.db.read() as tx:
            return await connections.get(tx, location, connection)
    return await _save(domain, row, findings)


async def sweep(domain: Domain) -> int:
    """Verify the connections that are due, a few at once; return how many. Any number of replicas may sweep."""

    async def one(location: str, connection: str) -> None:
        try:
            await probe(domain, location, connection, background=True)
        except (NotFound, StateForbids):
            await _unschedule(domain, location, connection)
        except (ProviderError, DatabaseUnavailable, KeyMissing) as error:
            log.warning("verification.failed", location=location, connection=connection, error=type(error).__name__)

    async def lease(tx: Transaction, chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
        now = domain.clock()
        return await connections.take_due(tx, chosen, now, now + LEASE)

    return await take_turns(domain.db, connections.DUE, domain.verifications, one, lease=lease, now=domain.clock)


async def _unschedule(domain: Domain, location: str, connection: str) -> None:
    """Take a connection without a grant out of the schedule; a new grant schedules it again."""
    async with domain.db.transaction() as tx:
        await connections.change(tx, location, connection, domain.clock(), verify_at=None)


async def _call_vendor(domain: Domain, row: ConnectionRow, background: bool) -> _Findings:
    if row.grant_kind == GrantKind.COMPANY:
        return await _list_sub_accounts(domain, row, background)
    provider = domain.providers[row.provider]
    table = provider.table
    kind = row.grant_kind
    parts = frozenset(ProfilePart(part) for part in table.profile_parts(row.requested_scopes, kind))
    granted, wanted = table.granted(row.granted_scopes, kind), table.granted(row.requested_scopes, kind)
    found = _Findings(granted, wanted, parts, domain.clock())
    access = ConnectionAccess(domain, row.provider, row.location, row.id, background)
    if sync.is_list(domain, row.provider):
        found.accounts = await _try(found, "can_read_profile", lambda: provider.networks.linked(access))
    else:
        await _read_profile(found, provider, access)
    for name, metrics in (("can_list_videos", False), ("can_read_video_metrics", True)):
        if found.capabilities[name] and found.unanswered is None:
            page = await _try(found, name, partial(provider.videos.list_videos, access, limit=1, metrics=metrics))
            if metrics and page is not None and any(each.metrics is None for each in page.videos):
                # The vendor lists without metrics what it no longer gives them of.
                found.capabilities[name] = False
    if found.capabilities["can_manage_ads"] and found.unanswered is None:
        found.ad_accounts = await _try(found, "can_manage_ads", lambda: provider.ads.ad_accounts(access))
    if found.unanswered is None and found.refused is None:
        await _find_settings(found, authorization_of(provider, kind), access)
    return found


async def _read_profile(found: _Findings, provider: Provider, access: ConnectionAccess) -> None:
    parts = set(ProfilePart)
    # The provider leaves out the parts that were not granted, and makes no call if none was.
    found.profile = await _try(found, "can_read_profile", lambda: provider.accounts.profile(access, parts))
    # A part that the provider never offers is not missing from this grant.
    offered = {ProfilePart(part) for part in provider.table.profile_scopes} - {ProfilePart.STATS}
    if found.profile is not None and found.profile.missing & offered:
        found.capabilities["can_read_profile"] = False


async def _find_settings(found: _Findings, authorization: Authorization, access: ConnectionAccess) -> None:
    """Let the provider find the settings that its calls need and that the caller left out."""
    try:
        found.found_settings = await authorization.discover_settings(access)
    except (ScopeNotGranted, NotFoundThere) as error:
        found.no_user = error
    except GrantRevoked:
        raise
    except Rejected as error:
        found.refused = error
    except ProviderError as error:
        found.unanswered = error


async def _list_sub_accounts(domain: Domain, row: ConnectionRow, background: bool) -> _Findings:
    """Prove an agency's grant by listing its sub-accounts; in the background, reconcile their connections too."""
    found = _Findings({}, {}, frozenset(), domain.clock())
    try:
        if background:
            next_after = await agencies.reconcile(domain, row)
            found.next_after = INTERVAL if next_after is None else next_after
        else:
            access = ConnectionAccess(domain, row.provider, row.location, row.id)
            await domain.providers[row.provider].authorization.places(access)
            found.next_after = timedelta(0)
    except GrantRevoked:
        raise
    except Misconfigured as error:
        found.unanswered = error
    except Rejected as error:
        found.refused = error
    except ProviderError as error:
        found.unanswered = error
    return found


async def _try(found: _Findings, capability: str, call: Callable[[], Awaitable[Any]]) -> Any:
    """Return the result of one call, None after recording what its error says about the capability."""
    try:
        return await call()
    except GrantRevoked:
        raise
    except ScopeNotGranted:
        found.capabilities[capability] = False
    except Misconfigured as error:
        # The operator's application is misconfigured, which says nothing about this grant.
        found.unanswered = error
    except Rejected as error:
        found.capabilities[capability] = False
        _record_refusal(found, capability, error)
    except ProviderError as error:
        found.unanswered = error
    return None


def _record_refusal(found: _Findings, capability: str, error: Rejected) -> None:
    """Record why the vendor refused: for metrics it is the kind of account, for anything else something is wrong."""
    if capability == "can_read_video_metrics" and isinstance(error, ContentRefused | CreatorBlocked):
        found.ineligible = error
    else:
        found.refused = found.refused or error


async def _save(domain: Domain, row: ConnectionRow, found: _Findings) -> ConnectionRow:
    now = domain.clock()
    async with domain.db.transaction() as tx:
        current = await connections.get(tx, row.location, row.id, lock=True)
        if current.status in connection_status.UNUSABLE:
            return current
        if found.profile is not None:
            await profiles.save(tx, current, found.profile, now)
        if found.accounts is not None:
            # Ignored if an account was attached or detached meanwhile: that saved a newer list.
            await sync.save(domain, tx, row, found.accounts, found.fetch_time)
        if found.ad_accounts is not None:
            await ad_accounts.save(domain, tx, row, found.ad_accounts, found.fetch_time)
        values = _values(found, now)
        if not found.found_settings.items() <= current.provider_settings.items():
            # Settings that were stored meanwhile win.
            values["provider_settings"] = {**found.found_settings, **current.provider_settings}
        return await connection_status.move(tx, current, now, **values)


def _values(found: _Findings, now: datetime) -> dict[str, Any]:
    if found.unanswered is not None:
        return {
            **_error(found.unanswered),
            "reason_code": "TEMPORARY_API_FAILURE",
            "reason_message": "The provider could not answer just now; the status is the last one known.",
            "verify_at": now + RETRY_AFTER,
        }
    status, code, message = _status(found)
    return {
        **_error(found.refused or found.no_user or found.ineligible),
        "status": status,
        "capabilities": found.capabilities,
        "reason_code": code,
        "reason_message": message,
        "last_verify_time": now,
        "verify_at": now + _jittered(found.next_after),
    }


def _jittered(span: timedelta) -> timedelta:
    """Shorten the usual interval at random, so that connections made together are not verified together for ever."""
    return span - JITTER * random.random() if span == INTERVAL else span  # noqa: S311 - no secret


def _status(found: _Findings) -> tuple[ConnectionStatus, str, str]:
    if found.refused is not None:
        return ConnectionStatus.ERROR, "UNKNOWN_ERROR", "The provider refused to answer for this connection."
    status, code, message = connection_status.assess(found.capabilities, found.wanted)
    missing = found.profile.missing if found.profile else frozenset()
    if status == ConnectionStatus.VALID and ProfilePart.STATS in found.parts & missing:
        return ConnectionStatus.LIMITED, *NO_COUNTS
    if status == ConnectionStatus.VALID and found.no_user is not None:
        return ConnectionStatus.LIMITED, *NO_USER
    return (status, *INELIGIBLE) if found.ineligible is not None else (status, code, message)


def _error(error: ProviderError | None) -> dict[str, str]:
    if error is None:
        return {"last_error_code": "", "last_error_message": ""}
    message = error.metadata.get("provider_message") or error.message
    return {"last_error_code": error.code, "last_error_message": message}


async def verify(domain: Domain, location: str, connection: str, key: RequestKey | None) -> ConnectionView:
    """Verify a connection now: up to three vendor calls, none if the key's first call made them already.

    Raises storage's NotFound, StateForbids when there is no grant that could be verified.
    """
    earlier = await idempotency.earlier(domain.db, key)
    if earlier is None:
        await probe(domain, location, connection)
        async with domain.db.transaction() as tx:
            await idempotency.claim(tx, key, connection, domain.clock())
    return await read.get(domain, location, connection)
