"""What of an endpoint is secret: its address and the keys of its signatures, sealed at rest.

Owns making a secret, and where each is sealed. Never logs one.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.context import Domain
from providers.models.secret import Secret
from storage.database import Transaction
from storage.webhook_endpoints import EndpointRow

TABLE = "webhook_endpoints"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Target:
    """Where to deliver, and the secrets to sign with, the newest first."""

    uri: Secret
    secrets: list[Secret] = field(repr=False)


def new_secret(random: Callable[[int], bytes]) -> Secret:
    """Return a new secret in the form of the Standard Webhooks specification."""
    return Secret(f"whsec_{base64.b64encode(random(SECRET_BYTES)).decode()}")


async def seal(domain: Domain, tx: Transaction, location: str, id: str, column: str, value: Secret) -> bytes:
    """Seal a value for a column of an endpoint."""
    sealer = await domain.sealer.for_location(tx, location)
    return sealer.seal(TABLE, id, column, 1, value.reveal().encode())


async def target(domain: Domain, tx: Transaction, row: EndpointRow, now: datetime) -> Target:
    """Open what a delivery needs; raises KeyMissing."""
    sealer = await domain.sealer.for_location(tx, row.location)

    def opened(column: str, sealed: bytes) -> Secret:
        return Secret(sealer.open(TABLE, row.id, column, 1, sealed).decode())

    secrets = [opened("secret", row.secret_sealed)]
    expire = row.former_secret_expire_time
    if row.former_secret_sealed is not None and expire is not None and now < expire:
        secrets.append(opened("secret", row.former_secret_sealed))
    return Target(opened("uri", row.uri_sealed), secrets)
