"""TikTok's API for Business behind real gateway processes: its settings, and the walk of an account holder.

Owns what `tests/chaos/processes.py` does for the v2 API. Knows no rule.
"""

from typing import Any

import httpx

from providers.simulators.tiktok_business import Vendor
from providers.tiktok_business.capabilities import OPTIONAL_SCOPES, SCOPES
from socialgateway.v1 import connection_pb2
from tests.chaos import processes
from tests.fixtures.client import Client


def settings(vendor_url: str, vendor: Vendor) -> dict[str, str]:
    """Return the settings that point a gateway at a simulated API for Business, with everything that it can ask for."""
    return {
        "GATEWAY_TIKTOK_BUSINESS_APP_ID": vendor.config.client_key,
        "GATEWAY_TIKTOK_BUSINESS_SECRET": vendor.config.client_secret,
        "GATEWAY_TIKTOK_BUSINESS_API_URL": vendor_url,
        "GATEWAY_TIKTOK_BUSINESS_AUTHORIZE_URL": f"{vendor_url}/v2/auth/authorize/",
        "GATEWAY_TIKTOK_ADVERTISER_AUTHORIZE_URL": f"{vendor_url}/portal/auth",
        "GATEWAY_TIKTOK_BUSINESS_SCOPES": ",".join((*SCOPES, *OPTIONAL_SCOPES)),
    }


async def connect(client: Client) -> Any:
    """Connect the simulator's first account holder through the consent page, and return the account."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        kind = connection_pb2.GRANT_KIND_BUSINESS_ACCOUNT
        wanted = connection_pb2.Connection(provider="providers/tiktok", grant_kind=kind)
        made = await client.call("ConnectionService/CreateConnection", parent=processes.LOCATION, connection=wanted)
        await processes.walk_consent(browser, made.authorization.uri)
        listed = await client.call("AccountService/ListAccounts", parent=processes.LOCATION, connection=made.name)
    [account] = listed.accounts
    return account


async def connect_advertiser(client: Client, parent: str = processes.LOCATION) -> str:
    """Connect the simulator's advertiser through the portal, and return the name of the ad account in US dollars."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        wanted = connection_pb2.Connection(provider="providers/tiktok", grant_kind=connection_pb2.GRANT_KIND_ADVERTISER)
        made = await client.call("ConnectionService/CreateConnection", parent=parent, connection=wanted)
        await processes.walk_consent(browser, made.authorization.uri)
        listed = await client.call("AdAccountService/ListAdAccounts", parent=parent)
    return str(next(each.name for each in listed.ad_accounts if each.currency_code == "USD"))
