"""What a TikTok creator may post now, as both of TikTok's APIs say it, and the names of the privacy levels.

Owns parsing the answer. How it is asked for, and which refusals are one, is each API's own.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.http import strict_json
from providers.models.accounts import CreatorInfo, PrivacyLevel
from providers.tiktok_common import values

PRIVACY = {
    PrivacyLevel.PUBLIC: "PUBLIC_TO_EVERYONE",
    PrivacyLevel.FOLLOWERS: "FOLLOWER_OF_CREATOR",
    PrivacyLevel.FRIENDS: "MUTUAL_FOLLOW_FRIENDS",
    PrivacyLevel.ONLY_ME: "SELF_ONLY",
}
_LEVELS = {name: level for level, name in PRIVACY.items()}
_MAX_DURATION = 24 * 3600


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
