"""What TikTok checks before it accepts a post: settings, sources, caps.

Owns: the checks of the three init calls and of creator_info. Knows nothing of HTTP or of what happens afterwards.
"""

from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from providers.simulators.common.http import is_loopback
from providers.simulators.tiktok.errors import VendorError
from providers.simulators.tiktok.publications import check_plan
from providers.simulators.tiktok.state import Vendor
from providers.simulators.tiktok.users import SimUser
from providers.simulators.tiktok.wire import flag, integer, text

# Pages "Direct Post" and "Photo Post" of developers.tiktok.com, read 2026-11-20. Lengths are UTF-16 units.
VIDEO_TITLE = 2_200
PHOTO_TITLE = 90
PHOTO_DESCRIPTION = 4_000
MOST_PHOTOS = 35
UNAUDITED_CREATORS = 5

_VIDEO_FLAGS = (
    "disable_duet",
    "disable_stitch",
    "disable_comment",
    "brand_content_toggle",
    "brand_organic_toggle",
    "is_aigc",
)
_PHOTO_FLAGS = ("disable_comment", "auto_add_music", "brand_content_toggle", "brand_organic_toggle")


def section(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object inside a body. Raise VendorError invalid_params when it is missing or has another type."""
    value = body.get(name)
    if not isinstance(value, dict):
        raise VendorError("invalid_params", f"{name} is missing or not an object")
    return value


def check_privacy(user: SimUser, info: dict[str, Any]) -> None:
    """Check the privacy level: one of the creator's options is required, and branded content cannot be private."""
    level = info.get("privacy_level")
    if level not in user.privacy_level_options:
        raise VendorError("privacy_level_option_mismatch")
    if info.get("brand_content_toggle") and level == "SELF_ONLY":
        raise VendorError("invalid_params", "Branded content can not be private")


def check_video_info(user: SimUser, info: dict[str, Any]) -> None:
    """Check the post_info of a video. An invalid cover timestamp is not refused: the first frame becomes the cover."""
    text(info.get("title", ""), "title", most=VIDEO_TITLE)
    for name in _VIDEO_FLAGS:
        flag(info.get(name), name)
    check_privacy(user, info)


def check_photo_info(user: SimUser, info: dict[str, Any], *, direct: bool) -> None:
    """Check the post_info of photos; a draft has only title and description."""
    text(info.get("title", ""), "title", most=PHOTO_TITLE)
    text(info.get("description", ""), "description", most=PHOTO_DESCRIPTION)
    if direct:
        for name in _PHOTO_FLAGS:
            flag(info.get(name), name)
        check_privacy(user, info)


def check_file(source: dict[str, Any]) -> tuple[int, int, int]:
    """Return size, chunk size and chunk count of a FILE_UPLOAD with a valid chunk plan."""
    size, chunk_size, count = (
        integer(source.get(name), name) for name in ("video_size", "chunk_size", "total_chunk_count")
    )
    check_plan(size, chunk_size, count)
    return size, chunk_size, count


def check_url(vendor: Vendor, url: object) -> str:
    """Return a URL to pull from, which must be under a verified property. Raise VendorError."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        parts = urlsplit("")
    if not isinstance(url, str) or not parts.hostname:
        raise VendorError("invalid_params", "a source URL is missing or malformed")
    here = vendor.config.loopback_urls and is_loopback(parts.hostname)
    if not here and not _verified(parts.scheme, parts.hostname, url, vendor.config.verified_urls):
        raise VendorError("url_ownership_unverified")
    return url


def _verified(scheme: str, host: str, url: str, properties: tuple[str, ...]) -> bool:
    # Here a prefix may be plain http, so that media can be pulled from a developer's machine; with TikTok it may not.
    if any("://" in each and url.startswith(each) for each in properties):
        return True
    if scheme != "https":
        return False
    domains = [each for each in properties if "://" not in each]
    covered = any(host == each or host.endswith(f".{each}") for each in domains)
    return not properties or (covered and not _is_ip(host))


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def check_photos(vendor: Vendor, source: dict[str, Any]) -> tuple[str, ...]:
    """Return the URLs of 1 to 35 photos, one of which is the cover."""
    urls = source.get("photo_images")
    if source.get("source") != "PULL_FROM_URL" or not isinstance(urls, list) or not 1 <= len(urls) <= MOST_PHOTOS:
        raise VendorError("invalid_params", "photos are pulled from 1 to 35 URLs")
    if not 0 <= integer(source.get("photo_cover_index"), "photo_cover_index") < len(urls):
        raise VendorError("invalid_params", "photo_cover_index is out of range")
    return tuple(check_url(vendor, url) for url in urls)


def check_creator(vendor: Vendor, user: SimUser, now: datetime) -> None:
    """Check whether a creator can direct-post now. Raise VendorError with one of three codes."""
    if user.banned:
        raise VendorError("spam_risk_user_banned_from_posting")
    cap = vendor.config.posts_per_day
    if user.too_many_posts or (cap is not None and vendor.publisher.posts_today(user.open_id, now) >= cap):
        raise VendorError("spam_risk_too_many_posts")
    caps = [vendor.config.active_creators, None if vendor.config.audited else UNAUDITED_CREATORS]
    active = min((each for each in caps if each is not None), default=None)
    if active is not None:
        others = vendor.publisher.creators_today(now) - {user.open_id}
        if len(others) >= active:
            raise VendorError("reached_active_user_cap")


def check_audit(vendor: Vendor, user: SimUser, level: object) -> None:
    """Check that an unaudited app posts only to private accounts, and only SELF_ONLY."""
    if not vendor.config.audited and (not user.private or level != "SELF_ONLY"):
        raise VendorError("unaudited_client_can_only_post_to_private_accounts")


def check_drafts(vendor: Vendor, user: SimUser, now: datetime) -> None:
    """Check whether another draft may be started: at most five unfinished ones in 24 hours."""
    if user.banned:
        raise VendorError("spam_risk_user_banned_from_posting")
    most = vendor.config.pending_drafts
    if most is not None and len(vendor.publisher.drafts(user.open_id, now)) >= most:
        raise VendorError("spam_risk_too_many_pending_share")
