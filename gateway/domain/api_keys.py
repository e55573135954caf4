"""API keys: creating, authenticating and revoking them.

Owns the format of a key, its hash, the list of scopes, and what a replica may cache about a key. Does not know how a
key is transmitted (`gateway/interceptors/auth.py`) nor its columns (`storage/api_keys.py`).
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.aip import names
from gateway.audit import acts
from gateway.caller import CLAIM_SCOPE, OPERATE_SCOPE, Caller
from gateway.clock import Clock
from gateway.domain.locations import name_locations
from gateway.errors import AgencySuspended, FieldInvalid, ResourceNotFound, StateForbids, Unauthenticated
from providers.models.secret import Secret
from storage import agencies, api_keys
from storage import errors as storage_errors
from storage.api_keys import ApiKeyRow
from storage.cache import CoherentCache, Invalidations
from storage.database import Database, DatabaseUnavailable, Transaction
from storage.states import AgencyState

PREFIX = "sg_"
SECRET_BYTES = 32
MIN_LENGTH = 32
MAX_LENGTH = 512
BOOTSTRAP_ID = "bootstrap"
DEFAULT_AGENCY = "default"
PEPPER = "api_keys"
"""The name of the secret that keys are hashed with, for `storage.keys.get_secret`."""

SCOPES = frozenset(
    {
        "accounts.read",
        "accounts.write",
        OPERATE_SCOPE,
        "admin.read",
        "admin.write",
        "ads.read",
        "ads.spend",
        "ads.write",
        "connections.read",
        "connections.write",
        "engagement.read",
        "engagement.write",
        "events.read",
        CLAIM_SCOPE,
        "planner.read",
        "planner.write",
        "posts.read",
        "posts.write",
        "quotas.read",
        "uploads.read",
        "uploads.write",
        "videos.read",
        "webhooks.read",
        "webhooks.write",
    }
)

BOOTSTRAP = Caller(BOOTSTRAP_ID, DEFAULT_AGENCY, None, SCOPES)
"""The operator's own key, so it may claim locations, as the first steps with a new gateway do; within the limits."""


@dataclass(frozen=True, slots=True)
class ValidKey:
    """What a replica caches about one valid key."""

    caller: Caller
    expire_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key, at the only moment when its secret is available; `taken` are the locations that another agency had
    for no other reason than that it used them first.
    """

    key_id: str
    secret: Secret
    taken: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class KeyStore:
    """What authentication needs. Refused digests have a cache of their own: guessing must not evict valid keys."""

    database: Database
    pepper: bytes = field(repr=False)
    clock: Clock
    valid: CoherentCache[str, ValidKey]
    refused: CoherentCache[str, bool]
    agencies: CoherentCache[str, AgencyState]
    bootstrap: bytes | None = field(default=None, repr=False)


def open_store(
    database: Database, listener: Invalidations, *, pepper: bytes, clock: Clock, bootstrap_key: Secret | None = None
) -> KeyStore:
    """Return the store. The bootstrap key exists only in the configuration: removing it there revokes it."""
    return KeyStore(
        database=database,
        pepper=pepper,
        clock=clock,
        valid=CoherentCache(listener, api_keys.TOPIC, size=20_000),
        refused=CoherentCache(listener, api_keys.TOPIC, size=4_096),
        agencies=CoherentCache(listener, agencies.TOPIC, size=20_000),
        bootstrap=digest_of(pepper, bootstrap_key.reveal()) if bootstrap_key else None,
    )


def digest_of(pepper: bytes, key: str) -> bytes:
    """Return a key's HMAC-SHA256 with a secret of this installation, so that a stolen table is of no use."""
    return hmac.digest(pepper, key.encode("utf-8", "surrogateescape"), hashlib.sha256)


async def authenticate(store: KeyStore, key: str) -> Caller:
    """Return the caller of a key.

    Raises Unauthenticated, without a reason, for a key that is not valid now, AgencySuspended.
    """
    digest = digest_of(store.pepper, key)
    if store.bootstrap is not None and hmac.compare_digest(digest, store.bootstrap):
        return BOOTSTRAP
    # Only the operator's bootstrap key may be longer than the keys that are created here.
    if not MIN_LENGTH <= len(key) <= MAX_LENGTH:
        raise Unauthenticated()
    found = await _look_up(store, digest)
    if found.expire_time is not None and found.expire_time <= store.clock():
        raise Unauthenticated()
    await require_active(store, found.caller)
    return found.caller


async def require_active(store: KeyStore, caller: Caller) -> None:
    """Raise AgencySuspended if the caller's agency is suspended, Unauthenticated if it is being deleted."""
    agency = caller.agency
    state = store.agencies.get(agency) or await store.agencies.load(agency, lambda: _state(store, agency))
    if state == AgencyState.SUSPENDED:
        raise AgencySuspended(agency, caller.key_id)
    if state == AgencyState.DELETING:
        raise Unauthenticated()


async def _state(store: KeyStore, agency: str) -> AgencyState:
    async with store.database.read() as tx:
        return await agencies.state(tx, agency)


async def create(
    store: KeyStore,
    *,
    agency: str,
    locations: Collection[str] | None,
    scopes: Collection[str],
    random: Callable[[int], bytes],
    expire_time: datetime | None = None,
    redirect_uris: Sequence[str] = (),
    display_name: str = "",
) -> NewKey:
    """Create a key and store its hash; the return value is the only copy of the key itself.

    `locations` None means every location of the agency, including future ones; locations that are named become the
    agency's with the key. Raises FieldInvalid, also for the location of another agency.
    """
    _check(agency, locations, scopes)
    made, row = make(
        store,
        agency=agency,
        locations=locations,
        scopes=scopes,
        random=random,
        expire_time=expire_time,
        redirect_uris=redirect_uris,
        display_name=display_name,
    )
    async with store.database.transaction() as tx:
        taken = await store_key(tx, row)
    return replace(made, taken=taken)


def new_secret(random: Callable[[int], bytes]) -> Secret:
    """Return a new key."""
    return Secret(PREFIX + base64.urlsafe_b64encode(random(SECRET_BYTES)).rstrip(b"=").decode())


def make(
    store: KeyStore,
    *,
    agency: str,
    locations: Collection[str] | None,
    scopes: Collection[str],
    random: Callable[[int], bytes],
    expire_time: datetime | None,
    redirect_uris: Sequence[str],
    display_name: str,
) -> tuple[NewKey, ApiKeyRow]:
    """Return a new key, and its row, which is not stored yet."""
    secret = new_secret(random)
    row = ApiKeyRow(
        id="k" + random(8).hex(),
        digest=digest_of(store.pepper, secret.reveal()),
        hint=secret.reveal()[-4:],
        agency=agency,
        display_name=display_name,
        locations=None if locations is None else sorted(set(locations)),
        scopes=sorted(set(scopes)),
        redirect_uris=list(redirect_uris),
        create_time=store.clock(),
        expire_time=expire_time,
    )
    return NewKey(row.id, secret), row


async def store_key(tx: Transaction, row: ApiKeyRow) -> Sequence[str]:
    """Store a new key, make the locations that it names its agency's, and return those that another agency had.

    Raises FieldInvalid, StateForbids for an agency that is being deleted.
    """
    state = await agencies.state(tx, row.agency)
    if state == AgencyState.DELETING:
        raise StateForbids(state, "It is being deleted.", resource=names.AGENCY.format(row.agency))
    taken = await name_locations(tx, row.agency, row.locations or (), row.create_time)
    await api_keys.insert(tx, row)
    await acts.record(tx, row.create_time, resource=names.API_KEY.format(row.id))
    return taken


def forget(store: KeyStore, row: ApiKeyRow) -> None:
    """Drop a key from this process's cache at once; other replicas hear of a change with its commit."""
    for digest in (row.digest, row.former_digest):
        if digest is not None:
            store.valid.invalidate(digest.hex())


async def revoke(store: KeyStore, key_id: str) -> None:
    """Revoke a key, on every replica at once; raises ResourceNotFound."""
    try:
        async with store.database.transaction() as tx:
            row = await api_keys.revoke(tx, key_id, store.clock())
            await acts.record(tx, store.clock(), resource=names.API_KEY.format(key_id))
    except storage_errors.NotFound:
        raise ResourceNotFound(names.API_KEY.format(key_id)) from None
    forget(store, row)


def _check(agency: str, locations: Collection[str] | None, scopes: Collection[str]) -> None:
    """Raise FieldInvalid for a key that could never be used, or that has an unknown scope."""
    names.LOCATION.parse(f"locations/{agency}", path="agency")
    for location in locations or ():
        names.LOCATION.parse(f"locations/{location}", path="locations")
    if locations is not None and not locations:
        raise FieldInvalid("locations", "must name one location at least, or be left out for all of the agency")
    unknown = sorted(set(scopes) - SCOPES)
    if unknown or not scopes:
        raise FieldInvalid("scopes", f"must be some of {', '.join(sorted(SCOPES))}")


async def _look_up(store: KeyStore, digest: bytes) -> ValidKey:
    """Return the key of a digest: from the cache while notifications arrive, else from the table."""
    key = digest.hex()
    found = store.valid.get(key)
    if found is not None:
        return found
    if store.refused.get(key):
        raise Unauthenticated()
    try:
        return await store.valid.load(key, lambda: _read(store, digest))
    except Unauthenticated:
        await store.refused.load(key, _refusal)
        raise


async def _read(store: KeyStore, digest: bytes) -> ValidKey:
    """Return the key from the table; raises Unauthenticated when it does not exist or was revoked."""
    async with store.database.read() as tx:
        row = await api_keys.by_digest(tx, digest)
    if row is None or row.revoke_time is not None:
        raise Unauthenticated()
    found = _valid_key(row)
    if row.digest != digest:
        # The secret before the last rotation: good until the overlap ends, or the key does.
        ends = [each for each in (row.former_expire_time, row.expire_time) if each is not None]
        found = replace(found, expire_time=min(ends))
    await _note_use(store, row)
    return found


async def _note_use(store: KeyStore, row: ApiKeyRow) -> None:
    """Record the use of a key that is read, which happens seldom while it is cached, and at most every USE_STEP."""
    now = store.clock()
    if row.last_use_time is not None and now - row.last_use_time < api_keys.USE_STEP:
        return
    with suppress(DatabaseUnavailable):
        async with store.database.transaction() as tx:
            await api_keys.note_use(tx, row.id, now)


async def _refusal() -> bool:
    """Return the cache entry of a refusal. A stale one does no harm: a new key is random, nobody tried it before."""
    return True


def _valid_key(row: ApiKeyRow) -> ValidKey:
    """Return what is cached about a row."""
    caller = Caller(
        key_id=row.id,
        agency=row.agency,
        locations=None if row.locations is None else frozenset(row.locations),
        scopes=frozenset(row.scopes),
        redirect_uris=frozenset(row.redirect_uris),
    )
    return ValidKey(caller, row.expire_time)
