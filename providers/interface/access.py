"""The one thing a provider asks of the layers above: a valid token, and somewhere to say that it was refused.

Implemented by the gateway's token rules; the only inversion in the system.
"""

from typing import Protocol

from providers.models.grants import AccessToken


class Access(Protocol):
    """Access to one connection's grant."""

    async def token(self) -> AccessToken:
        """Give a token that is valid now; raises GrantRevoked when only a human can help, Temporary when nobody can."""
        ...

    async def refused(self, used: AccessToken) -> AccessToken:
        """Say that the vendor refused `used` although it had not expired; give a newer one or raise GrantRevoked.

        Called at most once per call: a second refusal of a fresh token is the caller's error to raise.
        """
        ...
