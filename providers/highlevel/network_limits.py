"""The limits of each network for posts through HighLevel: texts with their unit of counting, media, files.

Owns one entry per network, each with its source. What no vendor documents is left to the vendor. Texts whose unit is
not documented count in UTF-16 units, as HighLevel's planner, which is written in JavaScript, counts them. A post has
photos or one video: HighLevel would also accept both together for Instagram.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from providers.capabilities import Limits, RequiredMedia
from providers.highlevel.limits import MAX_FILE_BYTES, MAX_VIDEO_BYTES
from providers.text_units import TextUnit

_MB = 1_000_000
_JPEG_PNG = ("image/jpeg", "image/png")
_JPEG_PNG_GIF = (*_JPEG_PNG, "image/gif")
_GUIDELINES = (
    'HighLevel, support article 48001210585 "Posting Content" of 2024-12-10, read 2026-11-30:'
    " gohighlevelassist.freshdesk.com/support/solutions/articles/48001210585"
)
_TIKTOK_ARTICLE = "HighLevel, support article on TikTok of 2025-07-29, read 2026-11-20"

ANY = Limits(
    max_video_bytes=MAX_VIDEO_BYTES,
    video_mime_types=("video/mp4", "video/quicktime", "video/webm"),
    photo_mime_types=_JPEG_PNG_GIF,
    max_photo_bytes=MAX_FILE_BYTES,
    # It is not documented how long a network may take to fetch a media URL.
    pull_timeout=timedelta(hours=24),
    source="HighLevel's media library: specification of its API and of its SDK, read 2026-11-20",
)
"""The limits of the media library, which hold for every network."""

_DOCUMENTED = replace(ANY, source=_GUIDELINES)
_TIKTOK = replace(
    ANY,
    required_media=RequiredMedia.VIDEO,
    max_posts_per_day=15,
    min_frame_rate=23,
    max_frame_rate=60,
    min_video_side=360,
    photo_mime_types=(),
    max_photo_bytes=0,
    source=f"{_TIKTOK_ARTICLE}; {_GUIDELINES}",
)

NETWORKS: Mapping[str, Limits] = {
    "bluesky": replace(
        ANY,
        max_caption_units=300,
        text_unit=TextUnit.GRAPHEME,
        max_caption_bytes=3_000,
        max_photos=4,
        # A photo of more than 1,000,000 bytes cannot be in a post, but HighLevel may reduce it: it does not tell.
        source="Bluesky, lexicons app.bsky.feed.post and app.bsky.embed.images, read 2026-11-30:"
        " github.com/bluesky-social/atproto/tree/main/lexicons/app/bsky",
    ),
    # Ten photos are recommended; more are allowed.
    "facebook": replace(_DOCUMENTED, max_caption_units=62_000, max_photo_bytes=10 * _MB),
    "google_business": replace(
        _DOCUMENTED, max_caption_units=1_500, max_photos=1, max_photo_bytes=5 * _MB, photo_mime_types=_JPEG_PNG
    ),
    "instagram": replace(
        _DOCUMENTED,
        max_caption_units=2_200,
        required_media=RequiredMedia.ANY,
        max_photos=10,
        max_photo_bytes=8 * _MB,
        photo_mime_types=_JPEG_PNG,
    ),
    "linkedin": replace(_DOCUMENTED, max_caption_units=3_000, max_photos=9, max_photo_bytes=8 * _MB),
    # HighLevel's specification of v3 says 800. BMP, TIFF and WebP are Pinterest's too, but not its API's.
    "pinterest": replace(
        _DOCUMENTED,
        max_caption_units=500,
        required_media=RequiredMedia.ANY,
        max_photos=1,
        max_photo_bytes=10 * _MB,
        photo_mime_types=_JPEG_PNG,
    ),
    # "Emojis are counted as the number of UTF-8 bytes": other characters are not mentioned; bytes are the strictest.
    "threads": replace(
        ANY,
        max_caption_units=500,
        text_unit=TextUnit.UTF8_BYTE,
        max_photos=20,
        max_photo_bytes=8 * _MB,
        photo_mime_types=_JPEG_PNG,
        source='Meta, "Threads Posts" of 2026-04-14 and "Overview", read 2026-11-30:'
        " developers.facebook.com/documentation/threads/posts",
    ),
    "tiktok": replace(_TIKTOK, max_caption_units=150, max_video_duration=timedelta(minutes=3), max_video_side=4096),
    "tiktok_business": replace(_TIKTOK, max_caption_units=2_200, max_video_duration=timedelta(minutes=10)),
    "youtube": replace(
        ANY,
        max_caption_units=5_000,
        # YouTube's own reference: `snippet.description` has at most 5,000 bytes.
        text_unit=TextUnit.UTF8_BYTE,
        required_media=RequiredMedia.VIDEO,
        photo_mime_types=(),
        max_photo_bytes=0,
        source=f'{_GUIDELINES}; the unit: YouTube Data API, "Videos", read 2026-11-30:'
        " developers.google.com/youtube/v3/docs/videos",
    ),
}
"""The limits of each network, by the name of its platform here."""

# v3's specification, read 2026-11-20, by HighLevel's names.
COMMENTS: Mapping[str, int] = {
    "facebook": 8000,
    "instagram": 2200,
    "linkedin": 3000,
    "community": 8000,
    "tiktok": 150,
    "bluesky": 300,
    "youtube": 10000,
    "threads": 500,
}
"""The maximum length of a comment on each network. A first comment that is longer would be cut silently."""

# A comment there is a post. No unit is documented of the others: UTF-16 units are the stricter reading.
COMMENT_UNITS: Mapping[str, TextUnit] = {name: NETWORKS[name].text_unit for name in ("threads", "bluesky")}
