"""The list of accounts, their health, and removing one.

Owns: connected accounts. Knows nothing of how they were connected.
"""

from typing import Any

from providers.simulators.highlevel.tenants import GARAGE
from tests.providers.simulators.highlevel.world import BAKERY, POSTING, World


async def _accounts(highlevel: World) -> list[dict[str, Any]]:
    answer = await highlevel.call("GET", f"{POSTING}/accounts")
    accounts: list[dict[str, Any]] = answer.json()["results"]["accounts"]
    return accounts


async def test_accounts_are_listed_with_their_health(highlevel: World) -> None:
    """The list has ids of three parts, expiry, the flags of live responses, and groups."""
    answer = await highlevel.call("GET", f"{POSTING}/accounts")
    account = answer.json()["results"]["accounts"][0]

    assert ["tiktok", "facebook", "tiktok-business"] == [each["platform"] for each in await _accounts(highlevel)]
    assert f"{account['oauthId']}_{BAKERY}_{account['originId']}_profile" == account["id"]
    assert (False, True, False) == (account["isExpired"], account["active"], account["deleted"])
    assert ["Everything"] == [group["name"] for group in answer.json()["results"]["groups"]]


async def test_an_account_expires_by_time_and_by_hand(highlevel: World) -> None:
    """isExpired becomes true at `expire`."""
    highlevel.vendor.set_account(highlevel.account("facebook").id, expired=True)
    assert [False, True, False] == [each["isExpired"] for each in await _accounts(highlevel)]
    highlevel.clock.advance(365 * 86_400)
    highlevel.token = highlevel.grant()

    assert [True, True, True] == [each["isExpired"] for each in await _accounts(highlevel)]


async def test_an_account_is_removed_also_from_groups(highlevel: World) -> None:
    """The response names location and id; a second removal is not found."""
    account = highlevel.tiktok.id
    answers = [await highlevel.call("DELETE", f"{POSTING}/accounts/{account}") for _ in range(2)]
    listed = (await highlevel.call("GET", f"{POSTING}/accounts")).json()["results"]

    assert [200, 404] == [answer.status_code for answer in answers]
    assert {"locationId": BAKERY, "id": account} == answers[0].json()["results"]
    assert account not in [each["id"] for each in listed["accounts"]]
    assert account not in listed["groups"][0]["accountIds"]


async def test_accounts_of_other_locations_are_not_found(highlevel: World) -> None:
    """An account of another location is not found by its id."""
    [other] = highlevel.vendor.accounts.of(GARAGE)

    assert 404 == (await highlevel.call("DELETE", f"{POSTING}/accounts/{other.id}")).status_code
