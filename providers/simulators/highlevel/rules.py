"""What HighLevel checks before it accepts a post: the allow-lists, statuses and dates, TikTok's rules.

Owns: the checks of create and update. Knows nothing of HTTP or of what happens afterwards.
"""

from datetime import datetime
from typing import Any

from providers.simulators.highlevel import validation
from providers.simulators.highlevel.errors import invalid
from providers.simulators.highlevel.operations import V3
from providers.simulators.highlevel.post_records import NETWORK_DETAILS
from providers.simulators.highlevel.social_accounts import SimAccount
from providers.simulators.highlevel.validation import Field, Shape

PRIVACY = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
STATUSES = (
    "in_progress",
    "draft",
    "failed",
    "published",
    "scheduled",
    "in_review",
    "notification_sent",
    "deleted",
)
# The specification lists the statuses of a post; what sending the others does is not documented.
SETTABLE_STATUSES = ("draft", "scheduled", "in_review", "published")
MAX_BULK_DELETE = 50
_BAD_TYPE = "Invalid media format type"
_MIME = validation.matching(r"(image|video)/[a-z0-9.+-]+", _BAD_TYPE)
# v3's specification, read 2026-11-20: video/mov, which is not a registered type, instead of video/quicktime.
_V3_TYPES = ("image/jpeg", "image/jpg", "image/png", "image/gif", "video/mp4", "video/mov", "video/webm")
_V3_MIME = validation.matching("|".join(_V3_TYPES).replace("/", "\\/"), _BAD_TYPE)

_TEXT, _FLAG, _ANY = Field(validation.text), Field(validation.flag), Field(validation.anything)


def _media(*, v3: bool, draft: bool) -> validation.Check:
    """Return the check of media. Drafts skip the check of the type: reports of live users, read 2026-11-20."""
    kind = validation.anything if draft else _V3_MIME if v3 else _MIME
    shape: Shape = {
        "url": Field(validation.text, True),
        "type": Field(kind, not draft),
        **dict.fromkeys(("caption", "thumbnail", "id", "defaultThumb"), _TEXT),
        **dict.fromkeys(("originalUrl", "watermarkedUrl", "optimizedUrl", "optimizedType"), _TEXT),
        "isModified": _FLAG,
        "altText": Field(validation.limited(4_086)),
    }
    return validation.each(shape, complaint="media must be an array with media objects")


def _tiktok(*, v3: bool) -> Shape:
    flags = (
        "enableComment",
        "enableDuet",
        "enableStitch",
        "videoDisclosure",
        "promoteYourBrand",
        "promoteOtherBrand",
    )
    return {"privacyLevel": Field(validation.one_of(*PRIVACY), v3), **dict.fromkeys(flags, _FLAG)}


_APPROVAL: Shape = {
    **dict.fromkeys(("approver", "requesterNote", "approverNote"), _TEXT),
    "approvalStatus": Field(validation.one_of("pending", "approved", "rejected", "not_required")),
}
_OG: Shape = dict.fromkeys(("metaImage", "metaLink", "ogTitle", "ogDescription"), _TEXT)
_GMB: Shape = {
    "gmbEventType": Field(validation.one_of("STANDARD", "EVENT", "OFFER")),
    **dict.fromkeys(("title", "offerTitle", "termsConditions", "url", "couponCode", "redeemOnlineUrl"), _TEXT),
    **dict.fromkeys(("startDate", "endDate"), _ANY),
    "actionType": Field(validation.one_of("none", "order", "book", "shop", "learn_more", "call", "sign_up")),
}
# v3 documents these; live users also send them under 2021-07-28.
_LATER_FIELDS: Shape = {
    "applyWatermark": _FLAG,
    "selectedBestTime": Field(validation.instant),
    **dict.fromkeys(NETWORK_DETAILS, _ANY),
}


def post_shape(generation: str, *, draft: bool, update: bool) -> Shape:
    """Return the allow-list of create and update. Updates of 2021-07-28 require `type` and, in production, `media`."""
    v3 = generation == V3
    full_body = v3 or not update
    return {
        "accountIds": Field(validation.some(validation.texts), full_body),
        "type": Field(validation.one_of("post", "story", "reel"), True),
        "userId": Field(validation.text, full_body),
        "media": Field(_media(v3=v3, draft=draft), True),
        "summary": _TEXT,
        "status": Field(validation.one_of(*STATUSES, *(("pending",) if v3 else ()))),
        "scheduleDate": Field(validation.instant),
        "createdBy": _TEXT,
        "followUpComment": _TEXT,
        "ogTagsDetails": Field(validation.nested(_OG)),
        "postApprovalDetails": Field(validation.nested(_APPROVAL)),
        "scheduleTimeUpdated": _FLAG,
        "tags": Field(validation.texts),
        "categoryId": _TEXT,
        "tiktokPostDetails": Field(validation.nested(_tiktok(v3=v3))),
        "gmbPostDetails": Field(validation.nested(_GMB)),
        **_LATER_FIELDS,
    }


SEARCH: Shape = {
    "type": Field(validation.one_of("all", "recent", "pending", *STATUSES)),
    "accounts": _TEXT,
    "skip": Field(validation.digits, True),
    "limit": Field(validation.digits, True),
    "fromDate": Field(validation.instant, True),
    "toDate": Field(validation.instant, True),
    "includeUsers": Field(validation.boolean_text, True),
    "postType": Field(validation.one_of("post", "story", "reel")),
}


def check_body(body: dict[str, Any], generation: str, now: datetime, *, update: bool = False) -> None:
    """Check a body of create or update. Raise Refusal 422 with every message."""
    draft = body.get("status") == "draft"
    found = validation.problems(post_shape(generation, draft=draft, update=update), body)
    if not found:
        found = _status_problems(body, now)
    if found:
        raise invalid(*found)


def _status_problems(body: dict[str, Any], now: datetime) -> list[str]:
    status, date = body.get("status"), validation.parse_instant(body.get("scheduleDate"))
    if status is not None and status not in SETTABLE_STATUSES:
        return [f"status must be one of the following values: {', '.join(SETTABLE_STATUSES)}"]
    found = []
    if status in ("scheduled", "in_review"):
        if date is None:
            found.append("scheduleDate should not be empty")
        elif date <= now:
            found.append("scheduleDate must be after current date")
    if status == "in_review" and not (body.get("postApprovalDetails") or {}).get("approver"):
        found.append("postApprovalDetails.approver should not be empty")
    return found


def check_tiktok(body: dict[str, Any], accounts: list[SimAccount]) -> None:
    """Check TikTok's rules if an account is TikTok's and the post is not a draft. Raise Refusal 422.

    Support article of 2025-07-29 and the specification, read 2026-11-20. Whether a wrong number of media is refused at
    once or when the post is due is not documented.
    """
    if body.get("status") == "draft" or not any(account.tiktok for account in accounts):
        return
    media, details = body.get("media") or [], body.get("tiktokPostDetails") or {}
    found = []
    if len(media) != 1 or not str(media[0].get("type")).startswith("video/"):
        found.append("TikTok posts need exactly one video")
    if body.get("type") == "story":
        found.append("TikTok does not support stories")
    disclosed = details.get("videoDisclosure")
    if disclosed and details.get("privacyLevel") == "SELF_ONLY":
        found.append("tiktokPostDetails.videoDisclosure must be false when privacyLevel is SELF_ONLY")
    if disclosed and not (details.get("promoteYourBrand") or details.get("promoteOtherBrand")):
        found.append("tiktokPostDetails.promoteYourBrand or promoteOtherBrand must be true with videoDisclosure")
    if found:
        raise invalid(*found)


def truncated_caption(summary: str, accounts: list[SimAccount]) -> str:
    """Return a caption as it is stored: silently truncated to the shortest limit of its accounts."""
    limits = [each.longest_caption for each in accounts if each.longest_caption is not None]
    return summary[: min(limits, default=len(summary))]
