"""The accounts of a grant that holds several: which there are, and how one on a network is attached or let go.

Owns the contract of planners, which stand between us and the networks. `platform` is a network by our name. A provider
whose grant is one account has no such facet. What an account may be told in is `accounts.py`.
"""

from typing import Protocol

from providers.interface.access import Access
from providers.models.accounts import AttachableAccount, Attached, ConsentSignal, LinkedAccount


class Networks(Protocol):
    """Accounts on networks inside one vendor's grants."""

    @property
    def signal(self) -> ConsentSignal:
        """How a page that `start` gave tells that the owner consented; the same for every network."""
        ...

    async def linked(self, access: Access) -> tuple[LinkedAccount, ...]:
        """List all accounts of the grant in one vendor call: also those that expired or are switched off, not those
        that the vendor calls deleted.

        Raises ContractBroken for an answer without a list, so that no account looks gone which is not.
        """
        ...

    async def start(self, access: Access, platform: str, *, reconnect: bool = False) -> str:
        """Return the page on which an account's owner consents: one vendor call, nothing is followed. It is to be
        opened in a window of its own by a page that hears its signal; `reconnect` is for an account that was attached
        before.

        Raises OptionUnsupported for a network that this grant's vendor does not connect.
        """
        ...

    async def choices(self, access: Access, platform: str, authorization_id: str) -> tuple[AttachableAccount, ...]:
        """List who is behind a consent: one vendor call. `authorization_id` is what the signal told; that it is this
        grant's is proved by the answer.

        Raises NotFound for a consent that is not this grant's, OptionUnsupported as `start` does.
        """
        ...

    async def attach(self, access: Access, platform: str, authorization_id: str, provider_account_id: str) -> Attached:
        """Attach one of the choices; attaching it again renews it: three vendor calls.

        When the answer is lost the list is looked at before anything is said. Raises Ambiguous when that does not show
        it (attaching again is safe), NotFound for a consent that is not this grant's or an account that is not behind
        it, OptionUnsupported for a network where it takes the vendor's own pages.
        """
        ...

    async def detach(self, access: Access, provider_account_id: str) -> None:
        """Let an account go at the vendor; what its owner granted on the network stays. One vendor call, and one more
        to look when the answer is lost. One that is gone already is no error. Raises Ambiguous (asking again is safe).
        """
        ...
