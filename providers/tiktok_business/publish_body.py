"""The bodies of the two publish calls, and the checks of a publish request that need no call.

Owns the translation of a request into `post_info`, as the portal documents it (2026-08-13). Makes no call.
"""

from datetime import timedelta
from typing import Any

from providers.capabilities import Capability
from providers.errors import OptionUnsupported
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import Photos, PostMode, PublishRequest, VideoFile, VideoLink
from providers.tiktok_business.capabilities import missing
from providers.tiktok_business.config import PROVIDER
from providers.tiktok_common import publish_checks
from providers.tiktok_common.creators import PRIVACY


def check(request: PublishRequest) -> None:
    """Refuse what this API cannot do or would silently ignore; see the interface."""
    content = request.content
    if isinstance(content, VideoFile):
        raise missing(Capability.POST_VIDEO_UPLOAD, "TikTok for Business fetches videos itself and takes no bytes.")
    publish_checks.check(request)
    level = request.options.privacy_level
    if isinstance(content, VideoLink) and request.mode is PostMode.DIRECT and level is not PrivacyLevel.PUBLIC:
        text = "TikTok for Business publishes videos to everybody; no other privacy level can be set."
        raise OptionUnsupported(text, provider=PROVIDER, field="privacy_level")


def video_body(request: PublishRequest, link: VideoLink) -> dict[str, Any]:
    """Return the body for a video; `post_info` is required, and a draft has no other field in it."""
    draft = request.mode is PostMode.CREATOR_INBOX
    return {"video_url": link.uri.reveal(), "post_info": {"upload_to_draft": True} if draft else _video_info(request)}


def photo_body(request: PublishRequest, photos: Photos) -> dict[str, Any]:
    """Return the body for photos; a draft has title and caption only."""
    info: dict[str, Any] = {"title": photos.title} if photos.title else {}
    if request.caption:
        info["caption"] = request.caption
    if request.mode is PostMode.CREATOR_INBOX:
        info["is_draft"] = True
    else:
        level = request.options.privacy_level
        info |= _shared_info(request) | {"auto_add_music": photos.auto_add_music}
        info["privacy_level"] = PRIVACY[level] if level else ""
    return {
        "photo_images": [uri.reveal() for uri in photos.uris],
        "photo_cover_index": photos.cover_index,
        "post_info": info,
    }


def _video_info(request: PublishRequest) -> dict[str, Any]:
    """Return the `post_info` of a direct video: every boolean is set, because TikTok's defaults allow everything."""
    options = request.options
    info = _shared_info(request) | {
        "disable_duet": options.allow_duet is not True,
        "disable_stitch": options.allow_stitch is not True,
        "is_ai_generated": options.ai_generated,
    }
    if request.caption:
        info["caption"] = request.caption
    if request.cover_offset is not None:
        info["thumbnail_offset"] = max(0, request.cover_offset // timedelta(milliseconds=1))
    return info


def _shared_info(request: PublishRequest) -> dict[str, Any]:
    options = request.options
    return {
        "disable_comment": options.allow_comments is not True,
        "is_branded_content": options.branded_content,
        "is_brand_organic": options.own_brand,
    }
