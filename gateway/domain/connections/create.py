"""CreateConnection: one that waits for a consent, or one with a static token from the vendor's own page.

Owns what a caller may request. A static token is checked with the vendor before anything is written; the connection,
its sealed token and the request id are then written in one transaction. Does not know what the grant is used for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway import reasons
from gateway.caller import Caller
from gateway.domain import idempotency, locations, vendor_errors
from gateway.domain.accounts import oauth_state
from gateway.domain.connections import consent, grants, read, verify
from gateway.domain.context import ConnectionView, Domain
from gateway.domain.credentials import connection_status
from gateway.domain.idempotency import RequestKey
from gateway.domain.locations import Owners
from gateway.errors import AuthorizationDenied, FieldInvalid, ResourceExists, ResourceNotFound
from providers.capabilities import Capability
from providers.errors import Misconfigured, Rejected, ScopeNotGranted, SettingInvalid
from providers.interface import authorization_of
from providers.models.grants import Grant, GrantKind
from providers.models.secret import Secret
from storage import connections as rows
from storage import posts
from storage.connections import ConnectionRow
from storage.database import Transaction
from storage.errors import AlreadyExists
from storage.states import GrantOrigin

MAX_TOKEN = 4096
NO_TOKEN = Secret("")


@dataclass(frozen=True, slots=True)
class NewConnection:
    """What a caller requests; empty `scopes` mean all of the provider's, an empty `grant_kind` means its default."""

    location: str
    id: str
    provider: str
    grant_kind: str
    scopes: Sequence[str]
    settings: dict[str, str] = field(default_factory=dict)
    return_uri: str = ""
    redirect_uri: str = ""
    static_token: Secret = NO_TOKEN


async def create(
    domain: Domain, owners: Owners, caller: Caller, new: NewConnection, key: RequestKey | None
) -> ConnectionView:
    """Create a connection, and claim its location, in one transaction. Without a static token it waits for its consent
    and costs no vendor call.

    A static token is checked by one vendor call and verified by up to four; if the location already has a connection to
    the token's sub-account, that connection gets the token. Raises LocationForbidden, CapabilityMissing, FieldInvalid
    (kind, scopes, settings, URIs, token), ResourceNotFound (the provider), ResourceExists, Misconfigured (no
    application set up), and for the token AuthorizationDenied, ScopeNotGranted, Temporary, ContractBroken.
    """
    _check(domain, new)
    oauth_state.check_uris(domain, caller, new.provider, return_uri=new.return_uri, redirect_uri=new.redirect_uri)
    row = _row(domain, new)
    await locations.prepare_claim(owners, caller, new.location, by_grant=_proves(domain, new, row))
    if new.static_token:
        id = await _from_token(domain, owners, caller, new, row, key)
    else:
        id = await _for_consent(domain, owners, caller, new, row, key)
    return await read.get(domain, new.location, id)


def _proves(domain: Domain, new: NewConnection, row: ConnectionRow) -> bool:
    """Return whether a static token, once the vendor accepts it, proves that the location is the caller's: the vendor's
    place has the location's own id.
    """
    place = domain.providers[new.provider].table.place
    return bool(new.static_token and place) and row.provider_settings.get(place) == new.location


def _check(domain: Domain, new: NewConnection) -> None:
    provider = domain.providers.get(new.provider)
    if provider is None:
        raise ResourceNotFound(f"providers/{new.provider}")
    wanted = Capability.STATIC_TOKEN if new.static_token else Capability.OAUTH
    vendor_errors.require(provider.table, wanted)
    kinds = provider.table.kinds
    if new.grant_kind and new.grant_kind not in kinds:
        names = " or ".join(f"GRANT_KIND_{kind}" for kind in kinds)
        raise FieldInvalid("connection.grant_kind", f"this provider gives grants of the kind {names}")
    unknown = sorted(set(new.scopes) - set(authorization_of(provider, new.grant_kind).scopes))
    if unknown:
        raise FieldInvalid(
            "connection.requested_scopes", f"{unknown[0][:100]!r} is no scope of this provider's application"
        )
    foreign = sorted(set(new.settings) - provider.table.settings)
    if foreign:
        raise FieldInvalid("connection.provider_settings", f"{foreign[0][:100]!r} is no setting of this provider")
    if new.static_token:
        _check_token(new, kinds[0])


def _check_token(new: NewConnection, default: GrantKind) -> None:
    if new.grant_kind not in ("", default):
        raise FieldInvalid("connection.grant_kind", f"a static token is of the kind GRANT_KIND_{default}")
    if len(new.static_token.reveal()) > MAX_TOKEN:
        raise FieldInvalid("static_token", f"must have at most {MAX_TOKEN} characters")
    for name, uri in (("return_uri", new.return_uri), ("redirect_uri", new.redirect_uri)):
        if uri:
            raise FieldInvalid(name, "has no meaning with a static token: there is no page to come back from")


def _row(domain: Domain, new: NewConnection) -> ConnectionRow:
    now, provider = domain.clock(), domain.providers[new.provider]
    kind = GrantKind(new.grant_kind) if new.grant_kind else provider.table.kinds[0]
    all_scopes = authorization_of(provider, kind).scopes
    return ConnectionRow(
        location=new.location,
        id=new.id,
        provider=new.provider,
        grant_kind=kind.value,
        requested_scopes=[scope for scope in all_scopes if scope in new.scopes or not new.scopes],
        provider_settings=_settings(domain, new, kind),
        reason_code="AWAITING_AUTHORIZATION",
        reason_message="The account's owner has not consented yet.",
        create_time=now,
        update_time=now,
    )


def _settings(domain: Domain, new: NewConnection, kind: GrantKind) -> dict[str, str]:
    try:
        authorization = authorization_of(domain.providers[new.provider], kind)
        return authorization.settings(new.location, kind, new.settings)
    except SettingInvalid as error:
        raise FieldInvalid("connection.provider_settings", error.message) from None


async def _insert(tx: Transaction, row: ConnectionRow) -> None:
    """Add a connection; raises ResourceExists."""
    try:
        await rows.insert(tx, row)
    except AlreadyExists:
        raise ResourceExists(connection_status.resource_name(row)) from None


async def _for_consent(
    domain: Domain, owners: Owners, caller: Caller, new: NewConnection, row: ConnectionRow, key: RequestKey | None
) -> str:
    async with domain.db.transaction() as tx:
        await locations.claim_location(tx, owners, caller, new.location)
        first = await idempotency.claim(tx, key, new.id, row.create_time)
        if first is None:
            await _insert(tx, row)
            await consent.start(domain, tx, row, caller, redirect_uri=new.redirect_uri, return_uri=new.return_uri)
    return first or new.id


async def _from_token(
    domain: Domain, owners: Owners, caller: Caller, new: NewConnection, row: ConnectionRow, key: RequestKey | None
) -> str:
    earlier = await idempotency.earlier(domain.db, key)
    if earlier is not None:
        return earlier
    grant = await _check_with_vendor(domain, new, row)
    saving = _save_token(domain, owners, caller, row, grant, key, proves=_proves(domain, new, row))
    return await domain.tokens.guard(saving)


async def _check_with_vendor(domain: Domain, new: NewConnection, row: ConnectionRow) -> Grant:
    """Return the grant of a static token that the vendor accepts for its sub-account: one vendor call."""
    authorization = domain.providers[new.provider].authorization
    try:
        return await authorization.static(
            new.static_token, settings=row.provider_settings, scopes=tuple(row.requested_scopes)
        )
    except SettingInvalid as error:
        if error.name in domain.providers[new.provider].table.settings:
            raise FieldInvalid("connection.provider_settings", error.message) from None
        raise FieldInvalid(error.name, error.description) from None
    except (Misconfigured, ScopeNotGranted):
        raise
    except Rejected as error:
        raise AuthorizationDenied(metadata=reasons.metadata_of(error)) from None


async def _save_token(
    domain: Domain,
    owners: Owners,
    caller: Caller,
    row: ConnectionRow,
    grant: Grant,
    key: RequestKey | None,
    *,
    proves: bool,
) -> str:
    """Save the checked token and verify the connection; if this process dies in between, the sweeper verifies it."""
    async with domain.db.transaction() as tx:
        if proves:
            await locations.claim_by_grant(tx, row.location, caller.agency, domain.clock())
        await locations.claim_location(tx, owners, caller, row.location)
        existing = await grants.lock_subject(tx, row.location, row.provider, grant.subject)
        target = existing or row
        first = await idempotency.claim(tx, key, target.id, row.create_time)
        if first is not None:
            return first
        settings = grants.settings_with(domain, target, grant, {**target.provider_settings, **row.provider_settings})
        if existing is None:
            await _insert(tx, row)
        await grants.assign(
            domain,
            tx,
            target,
            grant,
            settings=settings,
            scopes=row.requested_scopes,
            origin=GrantOrigin.STATIC_TOKEN,
        )
        await domain.tokens.put(tx, await domain.sealer.for_location(tx, row.location), target.id, grant)
        await posts.wake_connection(tx, row.location, target.id, domain.clock())
    domain.tokens.invalidate(row.location, target.id)
    await verify.probe(domain, row.location, target.id)
    return target.id
