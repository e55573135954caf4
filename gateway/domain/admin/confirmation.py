"""Confirmations of what cannot be undone: a deletion, or a move that deletes.

Owns how long one is good, and that it is for this resource as it was when it was asked about. Deletes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gateway.aip import confirmations
from gateway.domain.admin.ground import Ground
from gateway.errors import ConfirmationRequired

PURPOSE = b"admin-confirmation\0"
LIFETIME = timedelta(minutes=15)


def check(
    ground: Ground, action: str, resource: str, identity: Sequence[Any], told: Mapping[str, int], confirmation: str
) -> None:
    """Raise ConfirmationRequired, with a confirmation and the counts of what would be `told`, unless there is one for
    this action on this resource with this `identity`: another one under the same name needs another confirmation.
    """
    now, facts = ground.clock(), [action, resource, *identity]
    if confirmations.is_valid(ground.oauth_secret, PURPOSE, confirmation, facts, now):
        return
    expires = now + LIFETIME
    raise ConfirmationRequired(
        metadata={
            "confirmation": confirmations.make(ground.oauth_secret, PURPOSE, facts, expires),
            "expireTime": expires.isoformat(),
            **{name: str(count) for name, count in told.items()},
        },
        resource=resource,
    )
