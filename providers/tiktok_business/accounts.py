"""The profile of an account holder: which fields belong to which part, by the scopes that were granted.

Owns the profile in `/business/get/`, whose insights are in engagement.py, and `/business/video/settings/`.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from providers.errors import ScopeNotGranted
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.accounts import CreatorInfo, Profile, ProfilePart
from providers.models.grants import AccessToken
from providers.tiktok_business.capabilities import PLATFORM, RULES
from providers.tiktok_business.client import Client
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_business.errors import contract
from providers.tiktok_common import values
from providers.tiktok_common.creators import read_creator

PATH, SETTINGS_PATH = "/business/get/", "/business/video/settings/"
SCOPE_OF = {part: RULES.profile_scopes[part.value] for part in ProfilePart}
FIELDS_OF = {
    ProfilePart.BASIC: ("display_name", "profile_image"),
    ProfilePart.PROFILE: ("bio_description", "profile_deep_link", "is_verified"),
    ProfilePart.STATS: ("followers_count", "following_count", "total_likes", "videos_count"),
}
# Fields with a scope of their own, which come with the profile where that scope was granted.
SINGLE_FIELDS = {"username": "user.info.username", "is_business_account": "user.account.type"}


class BusinessAccounts:
    """Profile reads at TikTok for Business."""

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self._client = client

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Fetch the requested parts that are granted, in one call. A grant is one account: `account` is not used.

        One field without its scope fails the whole call, and a grant can have lost one: then the usual two fields are
        requested once more, alone. Raises ScopeNotGranted if no requested part is granted.
        """
        token = await access.token()
        granted = frozenset(part for part in parts if SCOPE_OF[part] in token.scopes)
        if not granted:
            raise ScopeNotGranted(
                "None of the asked profile parts is granted.", provider=PROVIDER, code="scope_not_granted"
            )
        try:
            return await self._read(access, parts, granted, _single_fields(token, granted))
        except ScopeNotGranted:
            if ProfilePart.BASIC not in granted or granted == {ProfilePart.BASIC}:
                raise
        return await self._read(access, parts, frozenset({ProfilePart.BASIC}), ())

    async def creator_info(self, access: Access) -> CreatorInfo:
        """Fetch what the account may post now; a private account does not have the level PUBLIC."""
        fetched = self._client.clock()
        envelope = await self._client.read(access, SETTINGS_PATH, {})
        if not envelope.data:
            raise contract("TikTok's posting settings are empty.", envelope)
        return read_creator(envelope.data, fetched)

    async def _read(
        self, access: Access, parts: Set[ProfilePart], granted: frozenset[ProfilePart], more: Sequence[str]
    ) -> Profile:
        fields = [name for part in ProfilePart if part in granted for name in FIELDS_OF[part]]
        subject = (await access.token()).subject
        envelope = await self._client.read(access, PATH, {"fields": [*fields, *more]})
        return read_profile(subject, envelope.data, frozenset(parts) - granted)


def _single_fields(token: AccessToken, granted: frozenset[ProfilePart]) -> list[str]:
    return [name for name, scope in SINGLE_FIELDS.items() if scope in token.scopes and ProfilePart.PROFILE in granted]


def read_profile(subject: str, data: Mapping[str, Any], missing_parts: frozenset[ProfilePart]) -> Profile:
    """Parse a profile; it does not say whose it is, which the grant does."""
    picture = values.text(data, "profile_image")
    return Profile(
        provider_account_id=subject,
        platform=PLATFORM,
        display_name=values.text(data, "display_name"),
        username=values.text(data, "username"),
        bio=values.text(data, "bio_description"),
        avatar_uri=picture,
        avatar_uris={"profile_image": picture} if picture else {},
        profile_uri=values.text(data, "profile_deep_link"),
        verified=strict_json.flag(data, "is_verified"),
        follower_count=values.count(data, "followers_count"),
        following_count=values.count(data, "following_count"),
        like_count=values.count(data, "total_likes"),
        video_count=values.count(data, "videos_count"),
        missing=missing_parts,
        raw=dict(data),
    )
