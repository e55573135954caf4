"""TikTok profiles: the fields of each part, the scope of each part, and how they are read.

Owns `user/info`. What a creator may post now is in creators.py; `TikTokAccounts` offers both.
"""

from collections.abc import Mapping, Set
from typing import Any

from providers.errors import ScopeNotGranted
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.accounts import CreatorInfo, Profile, ProfilePart
from providers.models.grants import AccessToken
from providers.tiktok import creators
from providers.tiktok.capabilities import TABLE
from providers.tiktok.client import Client
from providers.tiktok.errors import PROVIDER, contract
from providers.tiktok_common import values

PATH = "/v2/user/info/"
AVATARS = ("avatar_url", "avatar_url_100", "avatar_large_url")
SCOPE_OF = {part: TABLE.profile_scopes[part.value] for part in ProfilePart}
# The split of profile and stats from basic dates from 2024-02-29 ("Scopes Migration"); older samples are wrong.
FIELDS_OF = {
    ProfilePart.BASIC: ("open_id", "union_id", *AVATARS, "display_name"),
    ProfilePart.PROFILE: ("bio_description", "profile_deep_link", "is_verified", "username"),
    ProfilePart.STATS: ("follower_count", "following_count", "likes_count", "video_count"),
}


class TikTokAccounts:
    """Profile reads at TikTok."""

    def __init__(self, client: Client) -> None:
        """Make the calls with `client`."""
        self._client = client

    async def profile(self, access: Access, parts: Set[ProfilePart], account: str = "") -> Profile:
        """Fetch the requested parts that are granted, in one call; `open_id` is included if the basic scope is granted.

        A grant is one account, so `account` is not used. A scope that the user revoked at TikTok fails the whole call:
        each part is then requested alone. Raises ScopeNotGranted if no requested part is granted.
        """
        try:
            return read_profile(*await self._user(access, parts))
        except ScopeNotGranted as refused:
            if not refused.http_status or len(parts) < 2:
                raise
        return await self._one_by_one(access, parts)

    async def _one_by_one(self, access: Access, parts: Set[ProfilePart]) -> Profile:
        user: dict[str, Any] = {}
        refusals: dict[ProfilePart, ScopeNotGranted] = {}
        for part in sorted(parts):
            try:
                found, _ = await self._user(access, {part}, identify=False)
            except ScopeNotGranted as refused:
                refusals[part] = refused
            else:
                user |= found
        if refusals.keys() == parts:
            raise next(iter(refusals.values()))
        return read_profile(user, frozenset(refusals))

    async def _user(
        self, access: Access, parts: Set[ProfilePart], *, identify: bool = True
    ) -> tuple[dict[str, Any], frozenset[ProfilePart]]:
        """Request the parts in one call; return the user object and the parts that were not granted."""
        missing: frozenset[ProfilePart] = frozenset()

        def fields(token: AccessToken) -> str:
            nonlocal missing
            missing = frozenset(part for part in parts if SCOPE_OF[part] not in token.scopes)
            return ",".join(_fields(parts - missing, identify and SCOPE_OF[ProfilePart.BASIC] in token.scopes))

        envelope = await self._client.read(access, PATH, method="GET", fields=fields)
        user = envelope.data.get("user")
        if not isinstance(user, dict):
            raise contract("TikTok's profile has no user.", envelope)
        return user, missing

    async def creator_info(self, access: Access) -> CreatorInfo:
        """Fetch what the creator may post now."""
        return await creators.creator_info(self._client, access)


def _fields(parts: Set[ProfilePart], identify: bool) -> list[str]:
    """Return the fields of `parts` in TikTok's order, with `open_id` if `identify`; raises ScopeNotGranted for none."""
    if not parts:
        raise ScopeNotGranted(
            "None of the asked profile parts is granted.", provider=PROVIDER, code="scope_not_granted"
        )
    names = [name for part in ProfilePart if part in parts for name in FIELDS_OF[part]]
    return ["open_id", *names] if identify and "open_id" not in names else names


def read_profile(user: Mapping[str, Any], missing: frozenset[ProfilePart]) -> Profile:
    """Parse TikTok's user object; without the basic scope it has no id, and `provider_account_id` is empty."""
    avatars = {name: values.text(user, name) for name in AVATARS if values.text(user, name)}
    return Profile(
        provider_account_id=values.identifier(user.get("open_id")),
        platform="tiktok",
        display_name=values.text(user, "display_name"),
        username=values.text(user, "username"),
        bio=values.text(user, "bio_description"),
        avatar_uri=next(iter(avatars.values()), ""),
        avatar_uris=avatars,
        profile_uri=values.text(user, "profile_deep_link"),
        union_id=values.identifier(user.get("union_id")),
        verified=strict_json.flag(user, "is_verified"),
        follower_count=values.count(user, "follower_count"),
        following_count=values.count(user, "following_count"),
        like_count=values.count(user, "likes_count"),
        video_count=values.count(user, "video_count"),
        missing=missing,
        raw=dict(user),
    )
