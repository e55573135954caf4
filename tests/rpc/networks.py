"""What the tests of networks inside a grant do again and again, and how a post is put on one of its accounts.

Owns the calls and the walk through a network's page. Judges nothing.
"""

import json
import re
from typing import Any

from google.protobuf.duration_pb2 import Duration

from providers.simulators.highlevel.social_accounts import SimAccount
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from socialgateway.v1 import account_pb2, account_service_pb2, connection_pb2, connection_service_pb2
from storage.accounts import AccountRow, find
from storage.posts import PostRow
from storage.states import PostState
from tests.fixtures.highlevel import HighWorld

PARENT = f"locations/{BAKERY}"
SAID = {"location_id": BAKERY, "user_id": OWNER}
NOW = Duration()
NOBODY = "65f0c0de00000000000000aa"
"""A consent that nobody gave."""


async def connect(high: HighWorld, **values: Any) -> str:
    """Connect the bakery; give the connection's name."""
    return (await high.connect(said=SAID, **values)).name


async def listed(high: HighWorld, **values: Any) -> account_service_pb2.ListAccountsResponse:
    """List the bakery's accounts."""
    request = account_service_pb2.ListAccountsRequest(parent=PARENT, **values)
    answer: account_service_pb2.ListAccountsResponse = await high.world.api.accounts.ListAccounts(request)
    return answer


async def by_vendor_id(high: HighWorld, **values: Any) -> dict[str, account_pb2.Account]:
    """List the bakery's accounts by the vendor's ids."""
    return {each.provider_account_id: each for each in (await listed(high, **values)).accounts}


async def get(high: HighWorld, name: str, **values: Any) -> account_pb2.Account:
    """Get an account."""
    request = account_service_pb2.GetAccountRequest(name=name, **values)
    answer: account_pb2.Account = await high.world.api.accounts.GetAccount(request)
    return answer


async def start(
    high: HighWorld, connection: str, platform: str = "tiktok", **values: Any
) -> connection_pb2.AccountAuthorization:
    """Start a network's consent."""
    request = connection_service_pb2.StartAccountAuthorizationRequest(parent=connection, platform=platform, **values)
    answer: connection_pb2.AccountAuthorization = await high.api.StartAccountAuthorization(request)
    return answer


async def give(high: HighWorld, uri: str) -> str:
    """Consent on a network's page; give what it tells its opener."""
    page = await high.browser.post(uri, data={"decision": "approve"})
    found = re.search(r"postMessage\((\{.*?\}),", page.text)
    assert found is not None, page.text
    return str(json.loads(found[1])["accountId"])


async def consent(high: HighWorld, connection: str, platform: str = "tiktok", **values: Any) -> str:
    """Start a network's consent and give it; give its id."""
    return await give(high, (await start(high, connection, platform, **values)).provider_uri)


async def attachable(
    high: HighWorld, connection: str, authorization: str, platform: str = "tiktok", **values: Any
) -> connection_service_pb2.ListAttachableAccountsResponse:
    """List who is behind a consent."""
    request = connection_service_pb2.ListAttachableAccountsRequest(
        parent=connection, platform=platform, authorization_id=authorization, **values
    )
    answer: connection_service_pb2.ListAttachableAccountsResponse = await high.api.ListAttachableAccounts(request)
    return answer


async def attach(
    high: HighWorld, connection: str, authorization: str, who: str, platform: str = "tiktok", **values: Any
) -> account_pb2.Account:
    """Attach one who consented."""
    request = connection_service_pb2.AttachAccountRequest(
        parent=connection, platform=platform, authorization_id=authorization, provider_account_id=who, **values
    )
    answer: account_pb2.Account = await high.api.AttachAccount(request)
    return answer


async def delete(high: HighWorld, name: str, **values: Any) -> None:
    """Let an account go."""
    await high.world.api.accounts.DeleteAccount(account_service_pb2.DeleteAccountRequest(name=name, **values))


def of_vendor(high: HighWorld) -> tuple[SimAccount, SimAccount, SimAccount]:
    """Return the bakery's accounts at the vendor: TikTok, a page of Facebook's, TikTok Business."""
    tiktok, page, business = high.vendor.accounts.of(BAKERY)
    return tiktok, page, business


async def row_of(high: HighWorld, account: account_pb2.Account) -> AccountRow | None:
    """Return an account's row."""
    async with high.world.domain.db.read() as tx:
        return await find(tx, BAKERY, account.name.rpartition("/")[2])


async def put_post(high: HighWorld, account: account_pb2.Account, state: str, **values: Any) -> None:
    """Put a post in a state on an account; `values` are further columns."""
    now = high.world.clock()
    row = PostRow(
        location=BAKERY,
        id=f"post-{state.lower()}",
        account=account.name.rpartition("/")[2],
        connection=account.connection.rpartition("/")[2],
        provider="highlevel",
        mode="DIRECT",
        state=PostState(state),
        queue_time=now,
        create_time=now,
        update_time=now,
        **values,
    )
    async with high.world.domain.db.transaction() as tx:
        tx.add(row)


async def events(high: HighWorld, kind: str = "") -> list[tuple[str, str]]:
    """Return (type, vendor's id of the account) of the accounts' events."""
    found = await high.world.events(BAKERY)
    return [
        (each.type, each.payload["account"]["provider_account_id"])
        for each in found
        if each.type.startswith(kind or "ACCOUNT_")
    ]
