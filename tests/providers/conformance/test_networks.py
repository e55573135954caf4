"""The contract of networks inside a grant: a complete list, and attachments whose lost answers are resolved.

Owns the contract of `providers/interface/networks.py`. The harness completes the network's consent page.
"""

from typing import Any

import pytest

from providers.capabilities import Capability
from providers.errors import Ambiguous, ContractBroken, NotFound, OptionUnsupported
from providers.interface import Access
from providers.models.accounts import AccountHealth, Attached, LinkedAccount, ProfilePart
from tests.providers.conformance.harness import Power, needs

EVERY_PART = frozenset(ProfilePart)
PLATFORM = "tiktok"
NOBODY = "0" * 24


async def attach(harness: Any, access: Access, authorization: str = "") -> Attached:
    """Attach the first account behind a consent."""
    networks = harness.provider.networks
    consent = authorization or await harness.consent(access, PLATFORM)
    (first, *_) = await networks.choices(access, PLATFORM, consent)
    found: Attached = await networks.attach(access, PLATFORM, consent, first.provider_account_id)
    return found


async def linked(harness: Any, access: Access) -> dict[str, LinkedAccount]:
    """Return the linked accounts by id."""
    return {each.provider_account_id: each for each in await harness.provider.networks.linked(access)}


@needs(Capability.ACCOUNT_LIST, Capability.ACCOUNT_ATTACH, Capability.ACCOUNT_DETACH, Power.CONSENT)
async def test_what_is_attached_is_listed_and_can_be_let_go(harness: Any) -> None:
    """An account is attached, listed and detached; detaching it again is not an error."""
    access, networks = await harness.access(), harness.provider.networks
    before = await linked(harness, access)

    attached = await attach(harness, access)
    account = attached.account
    assert (PLATFORM, AccountHealth.USABLE) == (account.platform, account.health)
    assert account.display_name
    assert account.expire_time is None or account.expire_time.tzinfo is not None
    assert {*before, account.provider_account_id} == set(await linked(harness, access))
    assert {*before, account.provider_account_id} == {each.provider_account_id for each in attached.accounts}

    for _ in range(2):
        await networks.detach(access, account.provider_account_id)
    assert set(before) == set(await linked(harness, access))


@needs(Capability.ACCOUNT_ATTACH, Power.CONSENT)
async def test_attaching_again_renews(harness: Any) -> None:
    """Attaching an account twice lists it once."""
    access = await harness.access()

    first, second = await attach(harness, access), await attach(harness, access)

    assert first.account.provider_account_id == second.account.provider_account_id
    assert len(first.accounts) == len(second.accounts)


@needs(Capability.ACCOUNT_ATTACH, Power.FAULTS, Power.CONSENT)
async def test_a_lost_answer_to_an_attachment_is_looked_up(harness: Any) -> None:
    """If the answer is lost, an attachment that happened is returned; else it is Ambiguous, safe to repeat."""
    access = await harness.access()
    harness.fail("attach", "status")
    with pytest.raises(Ambiguous):
        await attach(harness, access)

    harness.fail("attach", "after")
    attached = await attach(harness, access)
    again = await attach(harness, access)

    assert attached.account.provider_account_id == again.account.provider_account_id


@needs(Capability.ACCOUNT_LIST, Capability.ACCOUNT_ATTACH, Capability.ACCOUNT_DETACH, Power.FAULTS, Power.CONSENT)
async def test_a_lost_answer_to_a_letting_go_is_looked_up(harness: Any) -> None:
    """After a lost answer a detachment that happened is no error; one that did not is Ambiguous."""
    access, networks = await harness.access(), harness.provider.networks
    id = (await attach(harness, access)).account.provider_account_id
    harness.fail("detach", "status")
    with pytest.raises(Ambiguous):
        await networks.detach(access, id)
    assert id in await linked(harness, access)

    harness.fail("detach", "after")
    await networks.detach(access, id)
    assert id not in await linked(harness, access)


@needs(Capability.ACCOUNT_ATTACH, Power.CONSENT)
async def test_a_consent_that_is_not_the_grants_is_not_found(harness: Any) -> None:
    """An unknown consent is not found, nor is an account that is not behind it."""
    access, networks = await harness.access(), harness.provider.networks
    with pytest.raises(NotFound):
        await networks.choices(access, PLATFORM, NOBODY)
    with pytest.raises(NotFound):
        await networks.attach(access, PLATFORM, await harness.consent(access, PLATFORM), "somebody else")


@needs(Capability.ACCOUNT_ATTACH)
async def test_an_unknown_network_is_refused_by_its_field(harness: Any) -> None:
    """A network that the vendor does not connect is OptionUnsupported in every call."""
    access, networks = await harness.access(), harness.provider.networks
    calls: list[Any] = [
        networks.start(access, "nowhere"),
        networks.choices(access, "nowhere", NOBODY),
        networks.attach(access, "nowhere", NOBODY, "o"),
    ]
    for call in calls:
        with pytest.raises(OptionUnsupported) as raised:
            await call
        assert "platform" == raised.value.field


@needs(Capability.ACCOUNT_LIST, Power.FAULTS)
async def test_nonsense_is_no_empty_list(harness: Any) -> None:
    """A broken list is an error, so that no account is mistaken for deleted."""
    access = await harness.access()
    harness.fail("linked", "html", times=None)
    with pytest.raises(ContractBroken):
        await linked(harness, access)


@needs(Capability.ACCOUNT_LIST, Capability.ACCOUNT_ATTACH, Power.CONSENT)
async def test_one_account_has_a_profile(harness: Any) -> None:
    """A profile is read by the account's id in the grant; an id of another grant is not found."""
    access, accounts = await harness.access(), harness.provider.accounts
    account = (await attach(harness, access)).account

    profile = await accounts.profile(access, EVERY_PART, account.provider_account_id)

    assert (account.provider_account_id, account.platform, account.display_name) == (
        profile.provider_account_id,
        profile.platform,
        profile.display_name,
    )
    assert ProfilePart.BASIC not in profile.missing
    with pytest.raises(NotFound):
        await accounts.profile(access, EVERY_PART, "somebody else")


@needs(Capability.ACCOUNT_ATTACH)
def test_the_signal_can_be_told_from_anybodys(harness: Any) -> None:
    """The signal has hosts, the values of its fields, and the field of the consent's id."""
    signal = harness.provider.networks.signal

    assert signal.hosts
    assert [] == [host for host in signal.hosts if not host.strip(".") or "*" in host or "/" in host]
    assert signal.id_field
    assert signal.id_field not in signal.fields
    assert all(signal.fields.values())
