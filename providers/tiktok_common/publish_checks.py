"""The checks of a publish request that need no call, and that hold for both of TikTok's APIs.

Owns what TikTok cannot do or would silently ignore. What one of the two refuses in addition is its own.
"""

from collections.abc import Iterable, Mapping

from providers.errors import ContentRefused, OptionUnsupported
from providers.models.publishing import Photos, PostMode, PostOptions, PublishRequest, VideoFile, VideoLink

PROVIDER = "tiktok"
# Every documented field of post_info is an option of ours; there is none left for a caller to pass through.
EXTRA: frozenset[str] = frozenset()
MAX_PHOTOS = 35


def check(request: PublishRequest) -> None:
    """Refuse what TikTok cannot do or would silently ignore; see the interface."""
    _check_common(request)
    if isinstance(request.content, Photos):
        _check_photos(request, request.content)
    elif request.content is None:
        raise OptionUnsupported("TikTok has no posts of words alone.", provider=PROVIDER, field="content")
    else:
        _check_video(request, request.content)


def _check_video(request: PublishRequest, content: VideoFile | VideoLink) -> None:
    if isinstance(content, VideoFile) and content.size < 1:
        raise ContentRefused("The video is empty.", provider=PROVIDER, code="file_empty")
    if request.mode is PostMode.CREATOR_INBOX:
        # An inbox video has no post_info, so TikTok would silently ignore all of this.
        more = {"caption": bool(request.caption), "cover_offset": request.cover_offset is not None}
        _refuse(more | _chosen(request.options), "TikTok takes the video alone to the creator's inbox")
    else:
        _check_privacy(request.options)


def _check_photos(request: PublishRequest, photos: Photos) -> None:
    if not 1 <= len(photos.uris) <= MAX_PHOTOS:
        raise ContentRefused(f"TikTok takes 1 to {MAX_PHOTOS} photos.", provider=PROVIDER, code="photo_count")
    if not 0 <= photos.cover_index < len(photos.uris):
        raise ContentRefused("The cover is not one of the photos.", provider=PROVIDER, code="cover_index")
    options = request.options
    if request.mode is PostMode.CREATOR_INBOX:
        more = {"auto_add_music": photos.auto_add_music}
        _refuse(_chosen(options) | more, "TikTok takes photos with title and caption alone to the creator's inbox")
        return
    # "Photo Post" (developers.tiktok.com, 2026-11-20) has no duet, no stitch and no label for AI-made content.
    video_only = {"allow_duet": options.allow_duet is True, "allow_stitch": options.allow_stitch is True}
    _refuse(video_only | {"ai_generated": options.ai_generated}, "TikTok has no such option for photos")
    _check_privacy(options)


def _check_common(request: PublishRequest) -> None:
    if request.mode not in (PostMode.DIRECT, PostMode.CREATOR_INBOX):
        raise OptionUnsupported("TikTok has no planner.", provider=PROVIDER, field="mode")
    if request.schedule_time is not None:
        raise OptionUnsupported("TikTok has no schedule.", provider=PROVIDER, field="schedule_time")
    for name in sorted(request.extra.keys() - EXTRA):
        raise OptionUnsupported(f"TikTok has no option {name[:64]!r}.", provider=PROVIDER, field=name[:64])


def _check_privacy(options: PostOptions) -> None:
    if options.privacy_level is None:
        # TikTok's guidelines: the user must choose it, a default is not allowed.
        raise ContentRefused("A privacy level must be chosen.", provider=PROVIDER, code="privacy_level_missing")


def _chosen(options: PostOptions) -> dict[str, bool]:
    """Return which options were set; False counts as not set, because it is TikTok's behaviour anyway."""
    return {
        "privacy_level": options.privacy_level is not None,
        "allow_comments": options.allow_comments is True,
        "allow_duet": options.allow_duet is True,
        "allow_stitch": options.allow_stitch is True,
        "branded_content": options.branded_content,
        "own_brand": options.own_brand,
        "ai_generated": options.ai_generated,
    }


def _refuse(chosen: Mapping[str, bool], why: str) -> None:
    for name in _names(chosen):
        raise OptionUnsupported(f"{why}; {name} cannot be set.", provider=PROVIDER, field=name)


def _names(chosen: Mapping[str, bool]) -> Iterable[str]:
    return (name for name, was_chosen in chosen.items() if was_chosen)
