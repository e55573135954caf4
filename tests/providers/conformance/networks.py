"""The contract of networks inside a grant: a complete list, and attachments whose lost answers are resolved.

Owns the contract of `providers/interface/networks.py`. The harness completes the network's consent page.
"""

from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, ContractBroken, NotFound, OptionUnsupported
from providers.interface import Access
from providers.models.accounts import AccountHealth, Attached, LinkedAccount, ProfilePart
from tests.providers.conformance.harness import Contract, Power

EVERY_PART = frozenset(ProfilePart)
PLATFORM = "tiktok"
NOBODY = "0" * 24


class NetworksContract(Contract):
    """Accounts inside a grant, for providers whose grants hold several."""

    async def attach(self, access: Access, authorization: str = "") -> Attached:
        """Attach the first account behind a consent."""
        networks = self.harness.provider.networks
        consent = authorization or await self.harness.consent(access, PLATFORM)
        (first, *_) = await networks.choices(access, PLATFORM, consent)
        found: Attached = await networks.attach(access, PLATFORM, consent, first.provider_account_id)
        return found

    async def linked(self, access: Access) -> dict[str, LinkedAccount]:
        """Return the linked accounts by id."""
        return {each.provider_account_id: each for each in await self.harness.provider.networks.linked(access)}

    async def test_what_is_attached_is_listed_and_can_be_let_go(self) -> None:
        """An account is attached, listed and detached; detaching it again is not an error."""
        self.needs(Capability.ACCOUNT_LIST, Capability.ACCOUNT_ATTACH, Capability.ACCOUNT_DETACH)
        self.can(Power.CONSENT)
        access, networks = await self.harness.access(), self.harness.provider.networks
        before = await self.linked(access)

        attached = await self.attach(access)
        account = attached.account
        assert (PLATFORM, AccountHealth.USABLE) == (account.platform, account.health)
        assert account.display_name
        assert account.expire_time is None or account.expire_time.tzinfo is not None
        assert {*before, account.provider_account_id} == set(await self.linked(access))
        assert {*before, account.provider_account_id} == {each.provider_account_id for each in attached.accounts}

        for _ in range(2):
            await networks.detach(access, account.provider_account_id)
        assert set(before) == set(await self.linked(access))

    async def test_attaching_again_renews(self) -> None:
        """Attaching an account twice lists it once."""
        self.needs(Capability.ACCOUNT_ATTACH)
        self.can(Power.CONSENT)
        access = await self.harness.access()

        first, second = await self.attach(access), await self.attach(access)

        assert first.account.provider_account_id == second.account.provider_account_id
        assert len(first.accounts) == len(second.accounts)

    async def test_a_lost_answer_to_an_attachment_is_looked_up(self) -> None:
        """If the answer is lost, an attachment that happened is returned; else it is Ambiguous, safe to repeat."""
        self.needs(Capability.ACCOUNT_ATTACH)
        self.can(Power.FAULTS, Power.CONSENT)
        access = await self.harness.access()
        self.harness.fail("attach", "status")
        with pytest.raises(Ambiguous):
            await self.attach(access)

        self.harness.fail("attach", "after")
        attached = await self.attach(access)
        again = await self.attach(access)

        assert attached.account.provider_account_id == again.account.provider_account_id

    async def test_a_lost_answer_to_a_letting_go_is_looked_up(self) -> None:
        """After a lost answer a detachment that happened is no error; one that did not is Ambiguous."""
        self.needs(Capability.ACCOUNT_LIST, Capability.ACCOUNT_ATTACH, Capability.ACCOUNT_DETACH)
        self.can(Power.FAULTS, Power.CONSENT)
        access, networks = await self.harness.access(), self.harness.provider.networks
        id = (await self.attach(access)).account.provider_account_id
        self.harness.fail("detach", "status")
        with pytest.raises(Ambiguous):
            await networks.detach(access, id)
        assert id in await self.linked(access)

        self.harness.fail("detach", "after")
        await networks.detach(access, id)
        assert id not in await self.linked(access)

    async def test_a_consent_that_is_not_the_grants_is_not_found(self) -> None:
        """An unknown consent is not found, nor is an account that is not behind it."""
        self.needs(Capability.ACCOUNT_ATTACH)
        self.can(Power.CONSENT)
        access, networks = await self.harness.access(), self.harness.provider.networks
        with pytest.raises(NotFound):
            await networks.choices(access, PLATFORM, NOBODY)
        with pytest.raises(NotFound):
            await networks.attach(access, PLATFORM, await self.harness.consent(access, PLATFORM), "somebody else")

    async def test_an_unknown_network_is_refused_by_its_field(self) -> None:
        """A network that the vendor does not connect is OptionUnsupported in every call."""
        self.needs(Capability.ACCOUNT_ATTACH)
        access, networks = await self.harness.access(), self.harness.provider.networks
        calls: list[Any] = [
            networks.start(access, "nowhere"),
            networks.choices(access, "nowhere", NOBODY),
            networks.attach(access, "nowhere", NOBODY, "o"),
        ]
        for call in calls:
            with pytest.raises(OptionUnsupported) as raised:
                await call
            assert "platform" == raised.value.field

    async def test_nonsense_is_no_empty_list(self) -> None:
        """A broken list is an error, so that no account is mistaken for deleted."""
        self.needs(Capability.ACCOUNT_LIST)
        self.can(Power.FAULTS)
        access = await self.harness.access()
        self.harness.fail("linked", "html", times=None)
        with pytest.raises(ContractBroken):
            await self.linked(access)

    async def test_one_account_has_a_profile(self) -> None:
        """A profile is read by the account's id in the grant; an id of another grant is not found."""
        self.needs(Capability.ACCOUNT_LIST, Capability.ACCOUNT_ATTACH)
        self.can(Power.CONSENT)
        access, accounts = await self.harness.access(), self.harness.provider.accounts
        account = (await self.attach(access)).account

        profile = await accounts.profile(access, EVERY_PART, account.provider_account_id)

        assert (account.provider_account_id, account.platform, account.display_name) == (
            profile.provider_account_id,
            profile.platform,
            profile.display_name,
        )
        assert ProfilePart.BASIC not in profile.missing
        with pytest.raises(NotFound):
            await accounts.profile(access, EVERY_PART, "somebody else")

    def test_the_signal_can_be_told_from_anybodys(self) -> None:
        """The signal has hosts, the values of its fields, and the field of the consent's id."""
        self.needs(Capability.ACCOUNT_ATTACH)
        signal = self.harness.provider.networks.signal

        assert signal.hosts
        assert [] == [host for host in signal.hosts if not host.strip(".") or "*" in host or "/" in host]
        assert signal.id_field
        assert signal.id_field not in signal.fields
        assert all(signal.fields.values())
