"""What a provider asks of the layers above: a valid token, somewhere to say that it was refused, and a slot to call in.

Implemented by the gateway's rules of tokens and quotas; the only inversion in the system.
"""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from providers.models.grants import AccessToken


class Access(Protocol):
    """Access to one connection's grant."""

    async def token(self) -> AccessToken:
        """Return a token that is valid now; raises GrantRevoked when only a human can help, Temporary when
        nobody can.
        """
        ...

    async def refused(self, used: AccessToken) -> AccessToken:
        """Say that the vendor refused `used` although it had not expired; give a newer one or raise GrantRevoked.

        Called at most once per call: a second refusal of a fresh token is the caller's error to raise.
        """
        ...

    def slot(self, metric: str) -> AbstractAsyncContextManager[None]:
        """Hold a slot of the quota `metric`, one of the provider's table, around one vendor call.

        Entering waits while a slot is near and the caller has time, else raises QuotaUsedUp: nothing was sent. The slot
        counts from the moment the call ends, because only then the vendor has surely seen it. A metric that the table
        does not name has no limit.
        """
        ...

    async def limited(self, metric: str, retry_after: timedelta) -> None:
        """Say that the vendor refused a call of `metric` for its rate although a slot was held."""
        ...

    async def observed(
        self, metric: str, *, limit: int | None = None, remaining: int | None = None, resets_in: timedelta
    ) -> None:
        """Say what an answer's headers tell of `metric`: how many are allowed, and left; None where they say nothing.

        What is left holds for `resets_in` at most. For every answer, inside the slot: it costs nothing unless it is
        news, and never raises because of the ledger.
        """
        ...
