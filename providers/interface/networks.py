"""The accounts of a grant that holds several: listing them, attaching one on a network, detaching one.

Owns the contract of planners, which stand between us and the networks. `platform` is our name of a network. A provider
whose grant is one account has no such facet. Profiles are in `accounts.py`.
"""

from typing import Protocol

from providers.interface.access import Access
from providers.models.accounts import AttachableAccount, Attached, ConsentSignal, LinkedAccount


class Networks(Protocol):
    """Accounts on networks inside one vendor's grants."""

    @property
    def signal(self) -> ConsentSignal:
        """How the page from `start` signals that the owner consented; the same for every network."""
        ...

    async def linked(self, access: Access) -> tuple[LinkedAccount, ...]:
        """List all accounts of the grant in one vendor call: expired and inactive ones too, deleted ones not.

        Raises ContractBroken for an answer without a list, so that no account is mistaken for deleted.
        """
        ...

    async def start(self, access: Access, platform: str, *, reconnect: bool = False) -> str:
        """Return the URL of the page on which an account's owner consents: one vendor call, no redirect is followed.

        A page that listens for `signal` must open it in a new window; `reconnect` is for an account that was attached
        before. Raises OptionUnsupported for a network that the vendor does not connect.
        """
        ...

    async def choices(self, access: Access, platform: str, authorization_id: str) -> tuple[AttachableAccount, ...]:
        """List the accounts behind a consent: one vendor call. `authorization_id` comes from the signal.

        The answer proves that the consent belongs to this grant. Raises NotFound if it does not, OptionUnsupported as
        `start` does.
        """
        ...

    async def attach(self, access: Access, platform: str, authorization_id: str, provider_account_id: str) -> Attached:
        """Attach one of the choices; attaching it again renews it: three vendor calls.

        If the answer is lost, the list of accounts decides. Raises Ambiguous if the account is not in it (attaching
        again is safe), NotFound for a consent of another grant or an account that is not behind it, OptionUnsupported
        for a network that can only be attached on the vendor's own pages.
        """
        ...

    async def detach(self, access: Access, provider_account_id: str) -> None:
        """Detach an account at the vendor; what its owner granted on the network stays in force.

        One vendor call, and one read if the answer is lost. An account that is already detached is not an error.
        Raises Ambiguous (repeating is safe).
        """
        ...
