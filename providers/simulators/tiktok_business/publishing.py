"""Publishing by URL: videos, photos, their status, and what the account may post.

Owns: /business/video/publish/, /business/photo/publish/, /business/publish/status/, /business/video/settings/. A call
that is repeated makes a second post.
"""

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.tiktok import ids, pull
from providers.simulators.tiktok.publications import Publication, Received
from providers.simulators.tiktok_business.accounts import SimAccount
from providers.simulators.tiktok_business.errors import VendorError
from providers.simulators.tiktok_business.wire import (
    Values,
    authorize_call,
    check_scope,
    envelope,
    json_body,
    required,
    vendor_of,
)

SCOPE, DRAFT_SCOPE = "video.publish", "video.upload"
MOST_CAPTION, MOST_PHOTO_CAPTION, MOST_TITLE = 2_200, 4_000, 90
MOST_MENTIONS = 30
MOST_PHOTOS = 35
PUBLIC = "PUBLIC_TO_EVERYONE"
PRIVACY = (PUBLIC, "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
PRIVATE_ACCOUNT = ("FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
MENTION = re.compile(r"(?<!\w)@\w")


async def settings(request: Request) -> Response:
    """Return what the account may post now."""
    account = authorize_call(request, "video.settings", SCOPE, dict(request.query_params))
    data = {
        "privacy_level_options": list(_levels(account)),
        "comment_disabled": account.comment_disabled,
        "duet_disabled": account.private,
        "stitch_disabled": account.private,
        "max_video_post_duration_sec": 600,
    }
    return envelope(vendor_of(request), data)


def _levels(account: SimAccount) -> tuple[str, ...]:
    return PRIVATE_ACCOUNT if account.private else PRIVACY


async def video_publish(request: Request) -> Response:
    """Publish a video from a URL, to everybody; `post_info` is required even if it is empty."""
    values = await json_body(request)
    account = authorize_call(request, "video.publish", "", values)
    [url] = required(values, "video_url")
    info = _info(values, MOST_CAPTION)
    if info.get("upload_to_draft"):
        # The other fields of a draft are ignored.
        return _begin(request, account, "VIDEO", (url,), {}, mode="INBOX")
    return _begin(request, account, "VIDEO", (url,), {**info, "privacy_level": _widest(account)})


def _widest(account: SimAccount) -> str:
    return _levels(account)[0]


async def photo_publish(request: Request) -> Response:
    """Publish photos from URLs; `post_info.privacy_level` is required, except for a draft."""
    values = await json_body(request)
    account = authorize_call(request, "photo.publish", "", values)
    urls = values.get("photo_images")
    if not isinstance(urls, list) or not 1 <= len(urls) <= MOST_PHOTOS or not all(isinstance(u, str) for u in urls):
        raise VendorError(40002, f"photo_images: must be a list of 1 to {MOST_PHOTOS} URLs")
    cover = values.get("photo_cover_index", 0)
    if not isinstance(cover, int) or not 0 <= cover < len(urls):
        raise VendorError(40002, "photo_cover_index: must be the index of a photo")
    info = _info(values, MOST_PHOTO_CAPTION)
    if info.get("is_draft"):
        words = {name: value for name, value in info.items() if name in ("title", "caption")}
        return _begin(request, account, "PHOTO", tuple(urls), words, mode="MEDIA_UPLOAD")
    if info.get("privacy_level") not in _levels(account):
        raise VendorError(40002, "privacy_level: Missing data for required field.")
    return _begin(request, account, "PHOTO", tuple(urls), info)


def _info(values: Values, most: int) -> dict[str, Any]:
    info = values.get("post_info")
    if not isinstance(info, dict):
        raise VendorError(40002, "post_info: Missing data for required field.")
    _check_length(info, "caption", most)
    _check_length(info, "title", MOST_TITLE)
    if len(MENTION.findall(str(info.get("caption", "")))) > MOST_MENTIONS:
        raise VendorError(40002, f"caption: must have at most {MOST_MENTIONS} mentions")
    return info


def _check_length(info: Mapping[str, Any], name: str, most: int) -> None:
    if len(str(info.get(name, "")).encode("utf-16-le", "surrogatepass")) // 2 > most:
        raise VendorError(40002, f"{name}: must have at most {most} UTF-16 code units")


def _begin(
    request: Request,
    account: SimAccount,
    media: str,
    urls: tuple[str, ...],
    info: dict[str, Any],
    *,
    mode: str = "DIRECT_POST",
) -> Response:
    vendor = vendor_of(request)
    check_scope(request.state.grant, SCOPE if mode == "DIRECT_POST" else DRAFT_SCOPE)
    if info.get("disable_comment") is False and account.comment_disabled:
        raise VendorError(40002, "disable_comment: must be true for this account")
    allowed = vendor.config.verified_urls
    if allowed and not all(any(url.startswith(each) for each in allowed) for url in urls):
        raise VendorError(40002, "The ownership of the URL is not verified")
    publication = Publication(
        publish_id=ids.publish_id(vendor.entropy, "v_biz_url" if media == "VIDEO" else "p_biz_url"),
        open_id=account.open_id,
        mode=mode,
        media=media,
        source="PULL_FROM_URL",
        init_at=vendor.now(),
        received=Received(keep=False),
        post_info=info,
        urls=urls,
        status="PROCESSING_DOWNLOAD",
    )
    vendor.publisher.add(publication)
    pull.start(vendor, publication)
    return envelope(vendor, {"share_id": publication.publish_id})


async def publish_status(request: Request) -> Response:
    """Return how far a publish is; its post ids come some minutes after it is complete."""
    values, vendor = dict(request.query_params), vendor_of(request)
    account = authorize_call(request, "publish.status", "", values)
    [publish_id] = required(values, "publish_id")
    vendor.settle()
    publication = vendor.publisher.publications.get(publish_id)
    if publication is None or publication.open_id != account.open_id:
        raise VendorError(40007, "publish_id: does not exist")
    data: dict[str, Any] = {"status": publication.status}
    if publication.fail_reason:
        data["reason"] = publication.fail_reason
    if post_ids := vendor.publisher.public_ids(publication):
        data["post_ids"] = [str(each) for each in post_ids]
    return envelope(vendor, data)
