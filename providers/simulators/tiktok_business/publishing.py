"""Publishing by URL: videos, photos, their status, and what the account may post.

Owns: /business/video/publish/, /business/photo/publish/, /business/publish/status/, /business/video/settings/. A call
that is repeated makes a second post.
"""

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
    envelope,
    json_body,
    required,
    vendor_of,
)

SCOPE = "video.publish"
MOST_CAPTION = 2_200
MOST_PHOTOS = 35
PRIVACY = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")


async def settings(request: Request) -> Response:
    """Return what the account may post now."""
    account = authorize_call(request, "video.settings", SCOPE, dict(request.query_params))
    data = {
        "privacy_level_options": list(PRIVACY),
        "comment_disabled": account.comment_disabled,
        "duet_disabled": False,
        "stitch_disabled": False,
        "max_video_post_duration_sec": 600,
    }
    return envelope(vendor_of(request), data)


async def video_publish(request: Request) -> Response:
    """Publish a video from a URL; `post_info` is required even if it is empty."""
    values = await json_body(request)
    account = authorize_call(request, "video.publish", SCOPE, values)
    [url] = required(values, "video_url")
    info = _info(values, MOST_CAPTION)
    return _begin(request, account, "VIDEO", (url,), {**info, "privacy_level": PRIVACY[0]})


async def photo_publish(request: Request) -> Response:
    """Publish photos from URLs; `post_info.privacy_level` is required."""
    values = await json_body(request)
    account = authorize_call(request, "photo.publish", SCOPE, values)
    urls = values.get("photo_images")
    if not isinstance(urls, list) or not 1 <= len(urls) <= MOST_PHOTOS or not all(isinstance(u, str) for u in urls):
        raise VendorError(40002, f"photo_images: must be a list of 1 to {MOST_PHOTOS} URLs")
    info = _info(values, 4_000)
    if info.get("privacy_level") not in PRIVACY:
        raise VendorError(40002, "privacy_level: Missing data for required field.")
    return _begin(request, account, "PHOTO", tuple(urls), info)


def _info(values: Values, most: int) -> dict[str, Any]:
    info = values.get("post_info")
    if not isinstance(info, dict):
        raise VendorError(40002, "post_info: Missing data for required field.")
    if len(str(info.get("caption", "")).encode("utf-16-le", "surrogatepass")) // 2 > most:
        raise VendorError(40002, f"caption: must have at most {most} UTF-16 code units")
    return info


def _begin(request: Request, account: SimAccount, media: str, urls: tuple[str, ...], info: dict[str, Any]) -> Response:
    vendor = vendor_of(request)
    allowed = vendor.config.verified_urls
    if allowed and not all(any(url.startswith(each) for each in allowed) for url in urls):
        raise VendorError(40002, "video_url: the ownership of the URL is not verified")
    publication = Publication(
        publish_id=ids.publish_id(vendor.entropy, "v_biz_url" if media == "VIDEO" else "p_biz_url"),
        open_id=account.open_id,
        mode="INBOX" if info.get("upload_to_draft") else "DIRECT_POST",
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
    account = authorize_call(request, "publish.status", SCOPE, values)
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
