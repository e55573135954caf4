"""Calls that the tests of networks inside a grant share, and posts on the accounts of such a network.

Owns the calls, the consent on a network's page, and the rows. Asserts nothing.
"""

from typing import Any

from google.protobuf.duration_pb2 import Duration

from providers.simulators.highlevel.social_accounts import SimAccount
from providers.simulators.highlevel.tenants import BAKERY, OWNER
from socialgateway.v1 import account_pb2
from storage.accounts import AccountRow, find
from tests.fixtures.consent import allow
from tests.fixtures.highlevel import HighWorld
from tests.fixtures.rows import post_row

PARENT = f"locations/{BAKERY}"
SAID = {"location_id": BAKERY, "user_id": OWNER}
NOW = Duration()
NOBODY = "65f0c0de00000000000000aa"
"""An authorization id that no consent has."""


async def connect(high: HighWorld, **values: Any) -> str:
    """Connect the bakery, and return the connection's name."""
    return (await high.connect(said=SAID, **values)).name


async def listed(high: HighWorld, **values: Any) -> Any:
    """List the bakery's accounts."""
    return await high.api.call("AccountService/ListAccounts", parent=PARENT, **values)


async def by_vendor_id(high: HighWorld, **values: Any) -> dict[str, account_pb2.Account]:
    """List the bakery's accounts by the vendor's ids."""
    return {each.provider_account_id: each for each in (await listed(high, **values)).accounts}


async def get(high: HighWorld, name: str, **values: Any) -> Any:
    """Get an account."""
    return await high.api.call("AccountService/GetAccount", name=name, **values)


async def start(high: HighWorld, connection: str, platform: str = "tiktok", **values: Any) -> Any:
    """Start a network's consent."""
    method = "ConnectionService/StartAccountAuthorization"
    return await high.api.call(method, parent=connection, platform=platform, **values)


async def give(high: HighWorld, uri: str) -> str:
    """Consent on a network's page, and return the authorization id that it posts to its opener."""
    return await allow(high.browser, uri)


async def consent(high: HighWorld, connection: str, platform: str = "tiktok", **values: Any) -> str:
    """Start a network's consent and give it, and return its authorization id."""
    return await give(high, (await start(high, connection, platform, **values)).provider_uri)


async def attach(
    high: HighWorld, connection: str, authorization: str, who: str, platform: str = "tiktok", **more: Any
) -> Any:
    """Attach one of the accounts behind a consent."""
    values = {"platform": platform, "authorization_id": authorization, "provider_account_id": who, **more}
    return await high.api.call("ConnectionService/AttachAccount", parent=connection, **values)


async def delete(high: HighWorld, name: str, **values: Any) -> None:
    """Delete an account."""
    await high.api.call("AccountService/DeleteAccount", name=name, **values)


def of_vendor(high: HighWorld) -> tuple[SimAccount, SimAccount, SimAccount]:
    """Return the bakery's accounts at the vendor: TikTok, a page of Facebook's, TikTok Business."""
    tiktok, page, business = high.vendor.accounts.of(BAKERY)
    return tiktok, page, business


async def row_of(high: HighWorld, account: account_pb2.Account) -> AccountRow | None:
    """Return an account's row."""
    async with high.world.domain.db.read() as tx:
        return await find(tx, BAKERY, account.name.rpartition("/")[2])


async def put_post(high: HighWorld, account: account_pb2.Account, state: str, **values: Any) -> None:
    """Insert a post in a state on an account; `values` are further columns."""
    own = {"account": account.name.rpartition("/")[2], "connection": account.connection.rpartition("/")[2]}
    place = {"location": BAKERY, "provider": "highlevel", "mode": "DIRECT", **own}
    row = post_row(high.world.clock(), id=f"post-{state.lower()}", state=state, **place, **values)
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
