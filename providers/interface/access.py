"""What a provider needs from the layers above: a valid token, a way to replace one that was refused, and quota slots.

Implemented by the gateway on its tokens and quotas; the only dependency inversion in the system.
"""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from providers.models.grants import AccessToken


class Access(Protocol):
    """Access to one connection's grant."""

    async def token(self) -> AccessToken:
        """Return a token that is valid now; raises GrantRevoked if the user must consent again, else Temporary."""
        ...

    async def renew_refused_token(self, used: AccessToken) -> AccessToken:
        """Report that the vendor refused `used` before it expired; return a newer token or raise GrantRevoked.

        Used at most once per vendor call: if the newer token is refused too, the caller raises TokenRefused.
        """
        ...

    def slot(self, metric: str) -> AbstractAsyncContextManager[None]:
        """Take a slot of the quota `metric` (a name in the provider's table) for one vendor call.

        Entering waits if a slot will be free soon and the caller has time, else raises QuotaUsedUp: nothing was sent.
        The slot counts from the end of the call, because only then is it certain that the vendor has counted it. A
        metric that is not in the table has no limit.
        """
        ...

    async def report_rate_limited(self, metric: str, retry_after: timedelta) -> None:
        """Report that the vendor rate-limited a call of `metric` although a slot was taken."""
        ...

    async def report_rate_headers(
        self, metric: str, *, limit: int | None = None, remaining: int | None = None, resets_in: timedelta
    ) -> None:
        """Report what an answer's headers say about `metric`: the limit and what remains, None where they are silent.

        `remaining` is valid for `resets_in` at most. To be called for every answer, inside the slot: it writes only
        when something changed, and never raises because of the ledger.
        """
        ...
