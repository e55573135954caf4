"""API keys as administrators manage them: creating, changing, rotating and revoking.

Owns what an administrator may give: everything within its agency, and of what reaches beyond only what it has itself.
What a key is, and how one is checked, is `gateway/domain/api_keys.py`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.aip import names
from gateway.audit import acts
from gateway.caller import CLAIM_SCOPE, OPERATE_SCOPE, Caller
from gateway.domain import api_keys, idempotency
from gateway.domain.admin import agencies
from gateway.domain.api_keys import KeyStore, NewKey
from gateway.domain.idempotency import RequestKey
from gateway.errors import FieldInvalid, LocationForbidden, ScopeMissing, StateForbids
from gateway.urls import url_problem
from providers.models.secret import Secret
from storage import api_keys as rows
from storage import locations
from storage.api_keys import ApiKeyRow
from storage.database import Transaction
from storage.errors import NotFound
from storage.states import ApiKeyState

log = structlog.get_logger(__name__)

USUAL_LIFE = timedelta(days=365)
OVERLAP, MAX_OVERLAP = timedelta(hours=24), timedelta(days=7)
MAX_LISTED = 1000
KIND = "api key"

BEYOND = frozenset({OPERATE_SCOPE, CLAIM_SCOPE})
"""The scopes that reach beyond the key's agency."""


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that a caller wants; `locations` None means all of the agency's."""

    agency: str
    locations: Sequence[str] | None
    scopes: Sequence[str]
    redirect_uris: Sequence[str] = ()
    display_name: str = ""
    expire_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKeyView:
    """A key, and its secret if it was just made."""

    row: ApiKeyRow
    secret: Secret | None = field(default=None, repr=False)


def name_of(row: ApiKeyRow) -> str:
    """Return the resource name of a key."""
    return names.AGENCY_API_KEY.format(row.agency, row.id)


async def create(store: KeyStore, caller: Caller, new: NewApiKey, key: RequestKey | None) -> ApiKeyView:
    """Create a key; with a `request_id` that was used before, return the first call's key without its secret.

    Raises FieldInvalid, ScopeMissing, LocationForbidden, StateForbids, storage's NotFound for the agency.
    """
    now = store.clock()
    _check(new, now)
    _check_grantable(caller, new.scopes)
    async with store.database.transaction() as tx:
        await agencies.lock_usable(tx, new.agency)
        made, row = _made(store, new)
        earlier = await idempotency.claim(tx, key, row.id, now)
        if earlier is not None:
            return ApiKeyView(await _get(tx, caller, new.agency, earlier))
        if not caller.operates:
            await _check_owned(tx, new)
        await api_keys.store_key(tx, row)
    log.info("api_key.created", agency=new.agency, key_id=row.id, by=caller.key_id)
    return ApiKeyView(row, made.secret)


def _made(store: KeyStore, new: NewApiKey) -> tuple[NewKey, ApiKeyRow]:
    return api_keys.make(
        store,
        agency=new.agency,
        locations=new.locations,
        scopes=new.scopes,
        random=os.urandom,
        expire_time=new.expire_time or store.clock() + USUAL_LIFE,
        redirect_uris=new.redirect_uris,
        display_name=new.display_name,
    )


def _check(new: NewApiKey, now: datetime) -> None:
    """Raise FieldInvalid for a key that could never be used, does not say where, or administers only some locations."""
    agencies.check_display_name(new.display_name, path="api_key.display_name")
    unknown = sorted(set(new.scopes) - api_keys.SCOPES)
    if unknown or not new.scopes:
        text = f"{unknown[0][:64]!r} does not exist; there are" if unknown else "must be some of"
        raise FieldInvalid("api_key.scopes", f"{text} {', '.join(sorted(api_keys.SCOPES))}")
    if new.locations is not None and any(scope.startswith("admin.") for scope in new.scopes):
        raise FieldInvalid("api_key.locations", "a key that administers must be for all_locations")
    if new.locations is not None and not 0 < len(new.locations) <= MAX_LISTED:
        raise FieldInvalid("api_key.locations", f"must name 1 to {MAX_LISTED} locations, unless all_locations is set")
    for uri in new.redirect_uris:
        # A page shows it as a link: it must lead to a site, and nothing else.
        if problem := url_problem(uri, allow_loopback=True, allow_port=True, allow_query=True):
            raise FieldInvalid("api_key.redirect_uris", problem)
    _check_expiry(new.expire_time, now)


def _check_expiry(expire_time: datetime | None, now: datetime) -> None:
    if expire_time is not None and expire_time <= now:
        raise FieldInvalid("api_key.expire_time", "must be in the future")


def _check_grantable(caller: Caller, scopes: Sequence[str]) -> None:
    """Raise ScopeMissing for a scope that reaches beyond the agency and that the caller does not have."""
    for scope in sorted(BEYOND.intersection(scopes)):
        if not caller.operates and (scope == OPERATE_SCOPE or not caller.has_scope(scope)):
            raise ScopeMissing(scope)


async def _check_owned(tx: Transaction, new: NewApiKey) -> None:
    """Raise LocationForbidden for a location that is not the agency's: naming one claims it."""
    for location in new.locations or ():
        if await locations.keep(tx, location) != new.agency:
            raise LocationForbidden(location)


async def get(store: KeyStore, caller: Caller, agency: str, id: str) -> ApiKeyView:
    """Return a key; raises storage's NotFound."""
    async with store.database.read() as tx:
        return ApiKeyView(await _get(tx, caller, agency, id))


async def _get(tx: Transaction, caller: Caller, agency: str, id: str, *, lock: bool = False) -> ApiKeyRow:
    """Return a key's row; an operator's is not there for an administrator, who could make it his own by a rotation."""
    row = await rows.find(tx, agency, id, lock=lock)
    if row is None or (OPERATE_SCOPE in row.scopes and not caller.operates):
        raise NotFound(KIND, id)
    return row


async def page(store: KeyStore, caller: Caller, agency: str, *, after: str, limit: int) -> Sequence[ApiKeyView]:
    """Return keys of an agency, of all with "", in order of their ids."""
    hidden = "" if caller.operates else OPERATE_SCOPE
    async with store.database.read() as tx:
        found = await rows.page(tx, agency=agency, after=after, limit=limit, without_scope=hidden)
    return [ApiKeyView(row) for row in found]


async def update(
    store: KeyStore, caller: Caller, agency: str, id: str, values: dict[str, Any], key: RequestKey | None
) -> ApiKeyView:
    """Change a key's display name or expiry; raises FieldInvalid, StateForbids, storage's NotFound."""
    agencies.check_display_name(values.get("display_name", ""), path="api_key.display_name")
    _check_expiry(values.get("expire_time"), store.clock())
    async with store.database.transaction() as tx:
        row = await _get(tx, caller, agency, id, lock=True)
        if await idempotency.claim(tx, key, id, store.clock()) is None:
            _check_state(row, store.clock(), also_expired=False)
            # Without it an administrator who was given some days could give himself years of what reaches further.
            _check_grantable(caller, row.scopes)
            await rows.change(tx, row, **values)
    api_keys.forget(store, row)
    return ApiKeyView(row)


async def rotate(
    store: KeyStore, caller: Caller, agency: str, id: str, overlap: timedelta, key: RequestKey | None
) -> ApiKeyView:
    """Make a new secret for a key, with which the one before is accepted for a while.

    Raises ScopeMissing, StateForbids, storage's NotFound.
    """
    now = store.clock()
    secret = api_keys.new_secret(os.urandom)
    async with store.database.transaction() as tx:
        row = await _get(tx, caller, agency, id, lock=True)
        if await idempotency.claim(tx, key, id, now) is not None:
            return ApiKeyView(row)
        _check_state(row, now, also_expired=True)
        _check_grantable(caller, row.scopes)
        before = [row.digest, row.former_digest]
        former = (row.digest, now + overlap) if overlap else (None, None)
        await rows.change(
            tx,
            row,
            digest=api_keys.digest_of(store.pepper, secret.reveal()),
            hint=secret.reveal()[-4:],
            former_digest=former[0],
            former_expire_time=former[1],
        )
    for digest in filter(None, before):
        store.valid.invalidate(digest.hex())
    log.info("api_key.rotated", agency=agency, key_id=id, by=caller.key_id)
    return ApiKeyView(row, secret)


def state_of(row: ApiKeyRow, now: datetime) -> ApiKeyState:
    """Return whether a key is accepted."""
    if row.revoke_time is not None:
        return ApiKeyState.REVOKED
    expired = row.expire_time is not None and row.expire_time <= now
    return ApiKeyState.EXPIRED if expired else ApiKeyState.VALID


def _check_state(row: ApiKeyRow, now: datetime, *, also_expired: bool) -> None:
    state = state_of(row, now)
    if state == ApiKeyState.REVOKED:
        raise StateForbids(ApiKeyState.REVOKED, "It was revoked, for good.", resource=name_of(row))
    if also_expired and state == ApiKeyState.EXPIRED:
        raise StateForbids(ApiKeyState.EXPIRED, "Its time is over.", resource=name_of(row))


async def revoke(store: KeyStore, caller: Caller, agency: str, id: str) -> ApiKeyView:
    """Revoke a key, on every replica at once; raises storage's NotFound."""
    async with store.database.transaction() as tx:
        row = await _get(tx, caller, agency, id, lock=True)
        if row.revoke_time is None:
            await rows.change(tx, row, revoke_time=store.clock())
            await acts.record(tx, store.clock(), resource=name_of(row), agency=agency)
            log.info("api_key.revoked", agency=agency, key_id=id, by=caller.key_id)
    api_keys.forget(store, row)
    return ApiKeyView(row)
