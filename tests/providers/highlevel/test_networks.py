"""The networks facet: names, settings, and the lookup in the account list after a lost answer.

Owns what this facet adds to the calls, which test_account_oauth.py and test_account_oauth_start.py cover. The contract
of the facet is in conformance/test_networks.py.
"""

from typing import Any

import httpx
import pytest

from providers.errors import Ambiguous, Misconfigured, Rejected
from providers.highlevel.networks import PAGE
from providers.models.accounts import AccountHealth, AttachableAccount
from providers.models.grants import AccessToken
from tests.providers.highlevel.support import API, LOCATION, RECORD, USER, FakeAccess, highlevel, ok
from tests.providers.highlevel.test_account_oauth import OAUTH, TIKTOK
from tests.providers.highlevel.test_accounts import ROW

WHO = "-000origin"


class AccessWith(FakeAccess):
    """An Access to a connection with these settings."""

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self.settings = settings

    async def token(self) -> AccessToken:
        """Return a token with the settings."""
        lent = await super().token()
        return AccessToken(lent.value, lent.version, lent.scopes, lent.expire_time, settings=self.settings)


HERE = {"location_id": LOCATION, "user_id": USER}


async def test_start_sends_location_user_and_page() -> None:
    """Location and user come from the connection's settings; the network has HighLevel's name."""
    provider, vendor = highlevel(httpx.Response(302, headers={"location": "https://google.example/consent"}))

    page = await provider.networks.start(AccessWith(**HERE), "google_business", reconnect=True)

    query = f"locationId={LOCATION}&userId={USER}&page={PAGE}&reconnect=true"
    assert (f"{OAUTH}/google/start?{query}", "https://google.example/consent") == (str(vendor.last.url), page)
    assert PAGE in provider.networks.signal.fields["page"]


@pytest.mark.parametrize(
    ("settings", "kind"), [({"location_id": LOCATION}, Misconfigured), ({"user_id": USER}, Rejected), ({}, Rejected)]
)
async def test_start_needs_a_location_and_a_user(settings: dict[str, str], kind: type[Exception]) -> None:
    """Without either it is refused without a call."""
    provider, vendor = highlevel()

    with pytest.raises(kind):
        await provider.networks.start(AccessWith(**settings), "tiktok")
    assert [] == vendor.requests


async def test_accounts_are_listed_with_our_names() -> None:
    """Networks have our names, health is one value, further ids are kept, and deleted accounts left out."""
    rows = [
        ROW,
        {**ROW, "id": "2", "platform": "Google", "active": False},
        {**ROW, "id": "3", "platform": "tiktok-business", "isExpired": True, "active": False},
        {**ROW, "id": "4", "deleted": True},
        {"id": "5", "platform": "community"},
    ]
    provider, _ = highlevel(ok({"accounts": rows}))

    found = await provider.networks.linked(AccessWith(**HERE))

    assert [
        ("tiktok", AccountHealth.USABLE),
        ("google_business", AccountHealth.INACTIVE),
        ("tiktok_business", AccountHealth.EXPIRED),
        ("community", AccountHealth.USABLE),
    ] == [(each.platform, each.health) for each in found]
    assert {"profile_id": "profile-1", "oauth_id": "oauth-1", "origin_id": WHO} == found[0].data
    assert {} == found[-1].data


async def test_choices_are_listed() -> None:
    """They have HighLevel's values, without those that only the next call needs."""
    provider, _ = highlevel(ok({"profile": [TIKTOK]}))

    found = await provider.networks.choices(AccessWith(**HERE), "tiktok", RECORD)

    assert (
        AttachableAccount(
            WHO,
            display_name="Bäckerei",
            username="baker",
            avatar_uri="https://a.example/1.jpg",
            kind="business",
            attached=False,
        ),
    ) == found


SAME = {**ROW, "oauthId": "another"}
LISTS: list[tuple[list[dict[str, Any]], bool]] = [
    ([SAME], True),
    ([{**SAME, "originId": None, "id": f"another_{LOCATION}_{WHO}_profile"}], True),
    ([{**SAME, "originId": "somebody"}], False),
    ([{**SAME, "platform": "tiktok-business"}], False),
    ([{**SAME, "isExpired": True}], False),
    ([{**SAME, "deleted": True}], False),
    ([SAME, {**SAME, "id": "twin"}], False),
    ([], False),
]


@pytest.mark.parametrize(("rows", "found"), LISTS)
async def test_a_lost_attach_is_recovered_from_the_list(rows: list[dict[str, Any]], found: bool) -> None:
    """The account is the only usable one with this network and id; otherwise the result is Ambiguous."""
    provider, vendor = highlevel(
        ok({"profile": [TIKTOK]}), httpx.ReadTimeout("late"), ok({"accounts": rows}), httpx.Response(500)
    )
    attaching = provider.networks.attach(AccessWith(**HERE), "tiktok", RECORD, WHO)

    if found:
        account = (await attaching).account
        assert (rows[0]["id"], "baker") == (account.provider_account_id, account.username)
    else:
        with pytest.raises(Ambiguous, match="Attach it again: that is safe"):
            await attaching
    assert ["GET", "POST", "GET"] == [each.method for each in vendor.requests]
    assert f"{API}/social-media-posting/{LOCATION}/accounts" == str(vendor.last.url)
