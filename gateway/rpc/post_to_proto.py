"""Converts stored posts to the contract's message.

Owns this direction; `post_from_proto.py` is the other. Makes no decisions.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from google.protobuf import json_format

from gateway import status
from gateway.aip import names
from gateway.domain import post_content
from gateway.domain.post_content import Source
from gateway.rpc.post_from_proto import privacy_to_proto
from providers.models.accounts import PrivacyLevel
from socialgateway.v1 import post_pb2
from storage.posts import PostRow


def to_proto(row: PostRow, with_videos: Collection[str]) -> post_pb2.Post:
    """Return a post's current state; `with_videos` are the providers whose videos can be looked up."""
    post = post_pb2.Post(
        name=names.POST.format(row.location, row.id),
        account=names.ACCOUNT.format(row.location, row.named_account or row.account),
        mode=f"POST_MODE_{row.mode.upper()}",
        caption=row.caption,
        options=_options_to_proto(row.options),
        labels=row.labels,
        state=row.state,
        provider_post_id=row.provider_post_id,
        provider_post_ids=row.public_ids,
        public_uri=row.public_uri,
        attempt_count=row.attempt,
        route_policy="ROUTE_POLICY_ANY" if row.route_policy else "ROUTE_POLICY_ACCOUNT_ONLY",
        etag=str(row.version),
    )
    if row.public_ids and row.content.get("kind") not in ("photos", "text") and row.provider in with_videos:
        videos = [names.VIDEO.format(row.location, row.account, id) for id in row.public_ids]
        post.published_video = videos[0]
        post.published_videos.extend(videos)
    _write_content(post, row)
    _write_times(post, row)
    _write_progress(post, row)
    post.differences.extend(
        post_pb2.Difference(field=field, kept=value) for field, value in sorted((row.differences or {}).items())
    )
    if row.error is not None:
        post.error.CopyFrom(status.from_stored(row.error))
    return post


def _options_to_proto(options: dict[str, Any]) -> post_pb2.PostOptions:
    values = dict(options)
    level = values.pop("privacy_level", None)
    message = post_pb2.PostOptions(**values)
    if level is not None:
        message.privacy_level = privacy_to_proto(PrivacyLevel(level))  # type: ignore[assignment]
    return message


def _write_content(post: post_pb2.Post, row: PostRow) -> None:
    found = [_source_to_proto(source, row.location) for source in post_content.sources_of(row)]
    if row.content.get("kind") == "photos":
        post.photos.sources.extend(found)
        post.photos.cover_index = row.content.get("cover_index", 0)
        post.photos.title = row.content.get("title", "")
        post.photos.auto_add_music = row.content.get("auto_add_music", False)
    elif found:
        post.video.source.CopyFrom(found[0])
    offset = row.content.get("cover_offset_ms")
    if offset is not None:
        post.video.cover_offset.FromMilliseconds(offset)
    post.disclosure_label = _label(row.options)
    if row.provider_extra:
        json_format.ParseDict(row.provider_extra, post.provider_extra)
    if row.consent is not None:
        post.consent.subject = row.consent["subject"]
        post.consent.declaration = row.consent["declaration"]
        post.consent.time.FromDatetime(datetime.fromisoformat(row.consent["time"]))


def _source_to_proto(source: Source, location: str) -> post_pb2.MediaSource:
    """Return a source as the caller sent it, an address without its query; the upload that a linked file was fetched
    into is internal.
    """
    if source.uri:
        return post_pb2.MediaSource(uri=post_content.shown(source.uri), vendor_pull=source.vendor_pull)
    name = names.UPLOAD.format(location, source.upload) if source.upload else ""
    return post_pb2.MediaSource(upload=name, vendor_pull=source.vendor_pull)


def _label(options: dict[str, Any]) -> post_pb2.DisclosureLabel:
    """Return the label that TikTok's "Content Sharing Guidelines" (2026-11-20) require for these options."""
    if options.get("branded_content"):
        return post_pb2.DISCLOSURE_LABEL_PAID_PARTNERSHIP
    if options.get("own_brand"):
        return post_pb2.DISCLOSURE_LABEL_PROMOTIONAL_CONTENT
    return post_pb2.DISCLOSURE_LABEL_UNSPECIFIED


def _write_times(post: post_pb2.Post, row: PostRow) -> None:
    for name in ("create_time", "update_time", "publish_time", "schedule_time"):
        value = getattr(row, name)
        if value is not None:
            getattr(post, name).FromDatetime(value)
    if row.late_tolerance_seconds is not None:
        post.late_tolerance.FromSeconds(row.late_tolerance_seconds)


def _write_progress(post: post_pb2.Post, row: PostRow) -> None:
    if row.attempt or row.route_policy:
        post.route.account = names.ACCOUNT.format(row.location, row.account)
        post.route.provider = names.PROVIDER.format(row.provider)
        post.route.reason = row.route_reason
    if row.attempt == 0 and row.next_attempt_time is None:
        return
    post.progress.sent_bytes = row.sent_bytes
    post.progress.total_bytes = row.total_bytes
    if row.next_attempt_time is not None:
        post.progress.next_attempt_time.FromDatetime(row.next_attempt_time)
