"""The ad accounts that an advertiser's grant reaches.

Owns `/oauth2/advertiser/get/`, whose query carries the application's secret, and `/advertiser/info/`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.interface.access import Access
from providers.models.ads import AdAccount, AdAccountState
from providers.tiktok_business.ads import words
from providers.tiktok_business.ads.calls import rows_of
from providers.tiktok_business.client import Client
from providers.tiktok_business.errors import ADVERTISER_CODES, contract
from providers.tiktok_common import values

LIST_PATH, INFO_PATH = "/oauth2/advertiser/get/", "/advertiser/info/"
FIELDS = (
    "advertiser_id",
    "name",
    "status",
    "currency",
    "timezone",
    "balance",
    "rejection_reason",
    "can_use_custom_identity",
)
AT_ONCE = 100


async def list_accounts(client: Client, access: Access) -> tuple[AdAccount, ...]:
    """Return all of them; of one that TikTok lists and says nothing about, only the name."""
    app_id, secret = client.config.application()
    query = {"app_id": app_id, "secret": secret.reveal()}
    envelope = await client.get(access, LIST_PATH, query, ADVERTISER_CODES)
    if not isinstance(envelope.data.get("list"), list):
        raise contract("TikTok's answer has no list of ad accounts.", envelope)
    listed = rows_of(envelope.data)
    names = {id: values.text(row, "advertiser_name") for row in listed if (id := _id(row))}
    found: dict[str, AdAccount] = {}
    for start in range(0, len(names), AT_ONCE):
        found |= await _infos(client, access, list(names)[start : start + AT_ONCE])
    return tuple(found.get(id) or AdAccount(id, name) for id, name in names.items())


async def _infos(client: Client, access: Access, ids: Sequence[str]) -> dict[str, AdAccount]:
    query = {"advertiser_ids": list(ids), "fields": list(FIELDS)}
    envelope = await client.get(access, INFO_PATH, query, ADVERTISER_CODES)
    return {id: read_account(row) for row in rows_of(envelope.data) if (id := _id(row)) in ids}


def _id(row: Mapping[str, Any]) -> str:
    return values.identifier(row.get("advertiser_id"))


def read_account(row: Mapping[str, Any]) -> AdAccount:
    """Parse an ad account."""
    status, custom = values.text(row, "status"), row.get("can_use_custom_identity")
    return AdAccount(
        id=_id(row),
        name=values.text(row, "name"),
        currency=values.text(row, "currency"),
        time_zone=values.text(row, "timezone"),
        state=words.ACCOUNT_STATES.get(status, AdAccountState.UNKNOWN),
        vendor_status=status,
        rejection_reason=values.text(row, "rejection_reason"),
        balance=words.money(row, "balance"),
        custom_identity_allowed=custom if isinstance(custom, bool) else None,
    )
