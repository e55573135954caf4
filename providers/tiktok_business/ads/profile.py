"""Whose an advertiser's grant is: a person in TikTok for Business, who has no profile on the network.

Owns `/user/info/`. What the grant reaches is in accounts.py.
"""

from collections.abc import Set
from typing import NoReturn

from providers.capabilities import Capability
from providers.interface.access import Access
from providers.models.accounts import Profile, ProfilePart
from providers.tiktok_business.ads.capabilities import PLATFORM
from providers.tiktok_business.capabilities import missing
from providers.tiktok_business.client import Client
from providers.tiktok_business.errors import ADVERTISER_CODES, contract
from providers.tiktok_common import values

USER_PATH = "/user/info/"


class AdvertiserAccounts:
    """The person behind an advertiser's grant."""

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self._client = client

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Read the person's name, whichever parts are asked for: one call, which proves the grant."""
        envelope = await self._client.get(access, USER_PATH, {}, ADVERTISER_CODES)
        if not (id := values.identifier(envelope.data.get("core_user_id"))):
            raise contract("TikTok's answer names no user.", envelope)
        return Profile(id, PLATFORM, display_name=values.text(envelope.data, "display_name"))

    async def creator_info(self, access: Access) -> NoReturn:
        """Raise CapabilityMissing: an advertiser posts nothing."""
        raise missing(Capability.CREATOR_INFO, "An advertiser's grant has no account that could post.")
