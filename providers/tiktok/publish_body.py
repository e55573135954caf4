"""The bodies of TikTok's inits.

Owns the translation of a request into `post_info` and `source_info`. Makes no call.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from providers.models.publishing import ChunkPlan, Photos, PostMode, PostOptions, PublishRequest, VideoLink
from providers.tiktok_common.creators import PRIVACY


def video_body(request: PublishRequest, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a video init; an inbox draft has no `post_info`."""
    if request.mode is PostMode.CREATOR_INBOX:
        return {"source_info": dict(source)}
    return {"post_info": post_info(request), "source_info": dict(source)}


def file_source(plan: ChunkPlan) -> dict[str, Any]:
    """Return the `source_info` of a file."""
    return {
        "source": "FILE_UPLOAD",
        "video_size": plan.size,
        "chunk_size": plan.chunk_size,
        "total_chunk_count": plan.count,
    }


def pull_source(link: VideoLink) -> dict[str, Any]:
    """Return the `source_info` of a video that TikTok fetches."""
    return {"source": "PULL_FROM_URL", "video_url": link.uri.reveal()}


def photo_body(request: PublishRequest, photos: Photos) -> dict[str, Any]:
    """Return the body of a photo init, direct or for the inbox."""
    direct = request.mode is PostMode.DIRECT
    info: dict[str, Any] = {"title": photos.title} if photos.title else {}
    if request.caption:
        info["description"] = request.caption
    if direct:
        info |= _shared_info(request.options) | {"auto_add_music": photos.auto_add_music}
    return {
        "media_type": "PHOTO",
        "post_mode": "DIRECT_POST" if direct else "MEDIA_UPLOAD",
        "post_info": info,
        "source_info": {
            "source": "PULL_FROM_URL",
            "photo_images": [uri.reveal() for uri in photos.uris],
            "photo_cover_index": photos.cover_index,
        },
    }


def post_info(request: PublishRequest) -> dict[str, Any]:
    """Return the `post_info` of a direct video: every boolean is set, nothing is allowed by default, no empty title."""
    options = request.options
    info = _shared_info(options) | {
        "disable_duet": options.allow_duet is not True,
        "disable_stitch": options.allow_stitch is not True,
        "is_aigc": options.ai_generated,
    }
    if request.caption:
        info["title"] = request.caption
    if request.cover_offset is not None:
        info["video_cover_timestamp_ms"] = max(0, request.cover_offset // timedelta(milliseconds=1))
    return info


def _shared_info(options: PostOptions) -> dict[str, Any]:
    return {
        "privacy_level": PRIVACY[options.privacy_level] if options.privacy_level else "",
        "disable_comment": options.allow_comments is not True,
        "brand_content_toggle": options.branded_content,
        "brand_organic_toggle": options.own_brand,
    }
