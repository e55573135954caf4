"""The Content Posting API except the uploads: creator info, the three inits, status, cancel.

Owns: POST /v2/post/publish/…. Knows nothing of uploads or of how a publication progresses.
"""

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from providers.simulators.common.ids import number, opaque
from providers.simulators.tiktok import ids, pull, rules
from providers.simulators.tiktok.errors import VendorError
from providers.simulators.tiktok.grants import Grant
from providers.simulators.tiktok.ledger import Init
from providers.simulators.tiktok.publications import Publication, Received
from providers.simulators.tiktok.state import Vendor
from providers.simulators.tiktok.users import SimUser
from providers.simulators.tiktok.wire import authorize_call, envelope, json_object, vendor_of

_PREFIXES = {
    ("VIDEO", "DIRECT_POST", "FILE_UPLOAD"): "v_pub_file",
    ("VIDEO", "DIRECT_POST", "PULL_FROM_URL"): "v_pub_url",
    ("VIDEO", "INBOX", "FILE_UPLOAD"): "v_inbox_file",
    ("VIDEO", "INBOX", "PULL_FROM_URL"): "v_inbox_url",
    ("PHOTO", "DIRECT_POST", "PULL_FROM_URL"): "p_pub_url",
    ("PHOTO", "MEDIA_UPLOAD", "PULL_FROM_URL"): "p_pub_url",
}


async def creator_info(request: Request) -> Response:
    """Return what the creator can do now. One who cannot post gets an error code with HTTP 200, as TikTok intends."""
    grant = authorize_call(request, "creator_info", "video.publish")
    vendor = vendor_of(request)
    user = vendor.users[grant.open_id]
    try:
        rules.check_creator(vendor, user, vendor.now())
    except VendorError as error:
        return envelope(vendor, {}, error.code, error.message, 200)
    return envelope(vendor, _creator(user))


def _creator(user: SimUser) -> dict[str, Any]:
    return {
        "creator_avatar_url": f"https://p16-sign.tiktokcdn.com/sim/{user.username}~168x168.webp",
        "creator_username": user.username,
        "creator_nickname": user.display_name,
        "privacy_level_options": list(user.privacy_level_options),
        "comment_disabled": user.comment_disabled,
        "duet_disabled": user.duet_disabled,
        "stitch_disabled": user.stitch_disabled,
        "max_video_post_duration_sec": user.max_video_post_duration_sec,
    }


async def video_init(request: Request) -> Response:
    """Begin a direct post of a video."""
    grant = authorize_call(request, "video.init", "video.publish")
    vendor, body = vendor_of(request), await json_object(request)
    user, info = vendor.users[grant.open_id], rules.section(body, "post_info")
    publication = _video(vendor, grant, "DIRECT_POST", info, rules.section(body, "source_info"))
    rules.check_video_info(user, info)
    rules.check_audit(vendor, user, info.get("privacy_level"))
    rules.check_creator(vendor, user, vendor.now())
    return _begin(request, publication)


async def inbox_init(request: Request) -> Response:
    """Begin a draft for the user's inbox. There is no post_info: one that is sent is ignored."""
    grant = authorize_call(request, "inbox.init", "video.upload")
    vendor, body = vendor_of(request), await json_object(request)
    publication = _video(vendor, grant, "INBOX", {}, rules.section(body, "source_info"))
    rules.check_drafts(vendor, vendor.users[grant.open_id], vendor.now())
    return _begin(request, publication)


async def content_init(request: Request) -> Response:
    """Begin a photo post, direct or as a draft: always from URLs."""
    grant = authorize_call(request, "content.init", "video.publish", "video.upload")
    vendor, body = vendor_of(request), await json_object(request)
    mode, user = body.get("post_mode"), vendor.users[grant.open_id]
    if body.get("media_type") != "PHOTO" or mode not in ("DIRECT_POST", "MEDIA_UPLOAD"):
        raise VendorError("invalid_params", "media_type or post_mode is invalid")
    direct = mode == "DIRECT_POST"
    if ("video.publish" if direct else "video.upload") not in grant.scopes:
        raise VendorError("scope_not_authorized")
    info = rules.section(body, "post_info") if direct or "post_info" in body else {}
    urls = rules.check_photos(vendor, rules.section(body, "source_info"))
    rules.check_photo_info(user, info, direct=direct)
    _check_photo_creator(vendor, user, info, direct=direct)
    return _begin(request, _new(vendor, grant, mode, "PHOTO", "PULL_FROM_URL", info, urls=urls))


def _check_photo_creator(vendor: Vendor, user: SimUser, info: dict[str, Any], *, direct: bool) -> None:
    if direct:
        rules.check_audit(vendor, user, info.get("privacy_level"))
        rules.check_creator(vendor, user, vendor.now())
        return
    if user.old_app:
        raise VendorError("app_version_check_failed")
    rules.check_drafts(vendor, user, vendor.now())


def _video(vendor: Vendor, grant: Grant, mode: str, info: dict[str, Any], source: dict[str, Any]) -> Publication:
    kind = source.get("source")
    if kind == "FILE_UPLOAD":
        size, chunk_size, count = rules.check_file(source)
        publication = _new(vendor, grant, mode, "VIDEO", kind, info)
        publication.size, publication.chunk_size, publication.chunk_count = size, chunk_size, count
        publication.upload_id = str(number(vendor.entropy))
        publication.upload_token = opaque(vendor.entropy)
        publication.upload_expires_at = vendor.now() + timedelta(seconds=vendor.config.upload_url_seconds)
        return publication
    if kind == "PULL_FROM_URL":
        urls = (rules.check_url(vendor, source.get("video_url")),)
        return _new(vendor, grant, mode, "VIDEO", kind, info, urls=urls)
    raise VendorError("invalid_params", "source is neither FILE_UPLOAD nor PULL_FROM_URL")


def _new(
    vendor: Vendor,
    grant: Grant,
    mode: str,
    media: str,
    source: str,
    info: dict[str, Any],
    *,
    urls: tuple[str, ...] = (),
) -> Publication:
    return Publication(
        publish_id=ids.publish_id(vendor.entropy, _PREFIXES[media, mode, source]),
        open_id=grant.open_id,
        mode=mode,
        media=media,
        source=source,
        init_at=vendor.now(),
        received=Received(keep=vendor.config.keep_bytes),
        post_info=info,
        urls=urls,
        status="PROCESSING_UPLOAD" if source == "FILE_UPLOAD" else "PROCESSING_DOWNLOAD",
    )


def _begin(request: Request, publication: Publication) -> Response:
    vendor = vendor_of(request)
    vendor.publisher.add(publication)
    names = ("publish_id", "open_id", "mode", "source", "size", "chunk_size", "chunk_count")
    vendor.inits.append(Init(**{name: getattr(publication, name) for name in names}, time=publication.init_at))
    data = {"publish_id": publication.publish_id}
    if publication.upload_id:
        base = (vendor.config.base_url or str(request.base_url)).rstrip("/")
        query = f"upload_id={publication.upload_id}&upload_token={publication.upload_token}"
        data["upload_url"] = f"{base}/video/?{query}"
    else:
        pull.start(vendor, publication)
    return envelope(vendor, data)


async def _own_publication(request: Request, operation: str) -> Publication:
    grant = authorize_call(request, operation, "video.publish", "video.upload")
    vendor = vendor_of(request)
    publish_id = (await json_object(request)).get("publish_id")
    publication = vendor.publisher.publications.get(publish_id) if isinstance(publish_id, str) else None
    if publication is None:
        raise VendorError("invalid_publish_id")
    if publication.open_id != grant.open_id:
        raise VendorError("token_not_authorized_for_specified_publish_id")
    return publication


async def status_fetch(request: Request) -> Response:
    """Return the status of a publication. A failed post is still an "ok" response."""
    publication = await _own_publication(request, "status")
    vendor = vendor_of(request)
    data: dict[str, Any] = {
        "status": publication.status,
        "publicaly_available_post_id": vendor.publisher.public_ids(publication),
    }
    if publication.status == "FAILED":
        data["fail_reason"] = publication.fail_reason
    counted = "uploaded_bytes" if publication.source == "FILE_UPLOAD" else "downloaded_bytes"
    data[counted] = publication.received.size
    return envelope(vendor, data)


async def cancel(request: Request) -> Response:
    """Cancel a pull that is still running. The response has no `data`."""
    publication = await _own_publication(request, "cancel")
    vendor = vendor_of(request)
    if publication.status != "PROCESSING_DOWNLOAD":
        raise VendorError("publish_not_cancellable")
    vendor.publisher.fail(publication, "publish_cancelled")
    return envelope(vendor, None)
