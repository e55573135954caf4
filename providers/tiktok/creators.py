"""What a TikTok creator may post now, and the refusals that TikTok deliberately sends with HTTP 200.

Owns `creator_info/query` and the names of the privacy levels. Caches nothing: TikTok requires the latest on each page.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.errors import ContractBroken, CreatorBlocked, DailyCapReached, ProviderError
from providers.http import strict_json
from providers.interface.access import Access
from providers.models.accounts import CreatorInfo, PrivacyLevel
from providers.tiktok.client import Client
from providers.tiktok.errors import contract
from providers.tiktok_common import values

PATH = "/v2/post/publish/creator_info/query/"
PRIVACY = {
    PrivacyLevel.PUBLIC: "PUBLIC_TO_EVERYONE",
    PrivacyLevel.FOLLOWERS: "FOLLOWER_OF_CREATOR",
    PrivacyLevel.FRIENDS: "MUTUAL_FOLLOW_FRIENDS",
    PrivacyLevel.ONLY_ME: "SELF_ONLY",
}
_LEVELS = {name: level for level, name in PRIVACY.items()}
_MAX_DURATION = 24 * 3600


async def creator_info(client: Client, access: Access) -> CreatorInfo:
    """Fetch the creator info; a creator who is blocked is a result with `can_post` False and TikTok's code."""
    fetched = client.clock()
    try:
        envelope = await client.read(access, PATH)
    except ProviderError as refusal:
        if not _is_block(refusal):
            raise
        return CreatorInfo(
            can_post=False,
            cannot_post_reason=refusal.code,
            cannot_post_message=refusal.metadata.get("provider_message", ""),
            daily_cap=isinstance(refusal, DailyCapReached),
            cap=refusal.metadata.get("quota", ""),
            fetch_time=fetched,
            raw={"error": {"code": refusal.code, "log_id": refusal.log_id}},
        )
    if not envelope.data:
        raise contract("TikTok's creator info is empty.", envelope)
    return read_creator(envelope.data, fetched)


def _is_block(refusal: ProviderError) -> bool:
    """Return whether a refusal means that the creator cannot post: a known code, or an unknown one with HTTP 200.

    "Query Creator Info" (developers.tiktok.com, 2026-11-20) sends exactly these refusals with HTTP 200; a code that is
    not known yet must not look like a creator who can post.
    """
    unknown = isinstance(refusal, ContractBroken) and refusal.code != "contract" and refusal.http_status == 200
    return isinstance(refusal, CreatorBlocked) or unknown


def read_creator(data: Mapping[str, Any], fetched: datetime) -> CreatorInfo:
    """Parse TikTok's creator info; unknown privacy options are only in `raw`."""
    options = [option for option in values.items(data, "privacy_level_options") if isinstance(option, str)]
    seconds = values.count(data, "max_video_post_duration_sec")
    return CreatorInfo(
        nickname=values.text(data, "creator_nickname"),
        username=values.text(data, "creator_username"),
        avatar_uri=values.text(data, "creator_avatar_url"),
        privacy_levels=tuple(dict.fromkeys(_LEVELS[option] for option in options if option in _LEVELS)),
        comment_disabled=strict_json.flag(data, "comment_disabled"),
        duet_disabled=strict_json.flag(data, "duet_disabled"),
        stitch_disabled=strict_json.flag(data, "stitch_disabled"),
        max_video_duration=timedelta(seconds=seconds) if seconds and seconds <= _MAX_DURATION else None,
        fetch_time=fetched,
        raw=dict(data),
    )
