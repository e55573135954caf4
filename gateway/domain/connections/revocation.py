"""Revoking a grant at the vendor: only when no other connection has it.

Owns who else has a grant of the same user, in any location of any agency, because a vendor ends all grants of a user
and an application at once. Does not know what happens to the connection that is ended.
"""

from collections.abc import Sequence

import structlog

from gateway.audit import acts
from gateway.domain.connections import consent
from gateway.domain.context import Domain
from providers.capabilities import Capability
from providers.errors import ProviderError
from providers.interface import authorization_of
from providers.models.grants import Grant
from providers.models.secret import Secret
from storage import connections
from storage.connections import ConnectionRow
from storage.database import DatabaseUnavailable, Transaction, advisory_lock

log = structlog.get_logger(__name__)


def can_revoke(domain: Domain, provider: str) -> bool:
    """Return whether the provider has a call that ends a grant."""
    return domain.providers[provider].table.can(Capability.REVOKE)


async def lock_grant(tx: Transaction, provider: str, subject: str) -> None:
    """Lock the grants of a vendor's user until `tx` ends: of two connections that are disconnected at once, the second
    sees that it is the last. Locked before any row.
    """
    if subject:
        await advisory_lock(tx, f"grant|{provider}|{subject}")


async def others_with_grant(domain: Domain, tx: Transaction, row: ConnectionRow) -> Sequence[ConnectionRow]:
    """Return the other connections whose grant ends if this one's is revoked; none if the provider cannot revoke."""
    holders = await _holders(domain, tx, row.provider, row.provider_subject)
    return [each for each in holders if (each.location, each.id) != (row.location, row.id)]


async def revoke(domain: Domain, provider: str, kind: str, connection: str, token: Secret) -> None:
    """Revoke a grant at the vendor by its token, whose use is on record before; `connection` is the resource name."""
    use = acts.use_of_token(provider, "revoke", connection)
    async with domain.db.transaction() as tx:
        await acts.announce(tx, use, domain.clock())
    await authorization_of(domain.providers[provider], kind).revoke(token)


async def give_back(domain: Domain, provider: str, connection: str, grant: Grant) -> None:
    """Revoke a grant that a person gave and no connection accepted, unless a connection of the same user would end too.

    The consent for `connection` was refused already: what the vendor answers is logged and changes nothing.
    """
    if not can_revoke(domain, provider):
        return
    try:
        async with domain.db.read() as tx:
            if await _holders(domain, tx, provider, grant.subject):
                return
        await revoke(domain, provider, grant.kind or "", connection, grant.access_token)
    except (ProviderError, DatabaseUnavailable) as error:
        log.warning("consent.grant_remains", provider=provider, error=type(error).__name__)


async def _holders(domain: Domain, tx: Transaction, provider: str, subject: str) -> Sequence[ConnectionRow]:
    if not subject or not can_revoke(domain, provider):
        return []
    return await connections.with_grant_of(tx, provider, subject, being_saved_since=domain.clock() - consent.LIFETIME)
