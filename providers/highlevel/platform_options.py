"""The options of a post beside text and media: validation of the caller's choices, and HighLevel's fields for them.

Owns `provider_extra` and its names, and the fields of each network. "Create post" of the specifications of
GoHighLevel/highlevel-api-docs, read 2026-11-20. Makes no calls.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from providers.errors import ContentRefused, OptionUnsupported
from providers.highlevel import post_types
from providers.highlevel.config import PROVIDER
from providers.highlevel.network_limits import COMMENT_UNITS, COMMENTS
from providers.models.accounts import PrivacyLevel
from providers.models.publishing import PostMode, PostOptions, PublishRequest
from providers.text_units import TextUnit, length

TIKTOK = ("tiktok", "tiktok_business")
# TikTok's own FOLLOWER_OF_CREATOR does not exist here.
PRIVACY = {
    PrivacyLevel.PUBLIC: "PUBLIC_TO_EVERYONE",
    PrivacyLevel.FRIENDS: "MUTUAL_FOLLOW_FRIENDS",
    PrivacyLevel.ONLY_ME: "SELF_ONLY",
}
YOUTUBE_PRIVACY = {PrivacyLevel.PUBLIC: "public", PrivacyLevel.ONLY_ME: "private"}
# "Not available for TikTok, Google Business, Pinterest."
_NO_FIRST_COMMENT = (*TIKTOK, "google_business", "pinterest")
EVENT_TYPES = ("STANDARD", "EVENT", "OFFER")
ACTIONS = ("none", "order", "book", "shop", "learn_more", "call", "sign_up")
# The maxima of titles and links are those of "Create post", v3, for each network (read 2026-11-30).
MAX_TEXT, MAX_NAMES, MAX_BOARDS, MAX_TITLE, MAX_EVENT_TITLE, MAX_LINK = 5_000, 50, 25, 100, 58, 2_048

Check = Callable[[str, Any], None]


def _up_to(most: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise _malformed(name, f"must be a string of 1 to {most} characters")

    return check


_text = _up_to(MAX_TEXT)


def _one_of(*words: str) -> Check:
    def check(name: str, value: Any) -> None:
        if value not in words:
            raise _malformed(name, f"must be one of {', '.join(words)}")

    return check


def _names(most: int) -> Check:
    def check(name: str, value: Any) -> None:
        if (
            not isinstance(value, list)
            or not 0 < len(value) <= most
            or not all(isinstance(e, str) and e for e in value)
        ):
            raise _malformed(name, f"must be a list of 1 to {most} strings")

    return check


def _time(name: str, value: Any) -> None:
    if _parse_time(value) is None:
        raise _malformed(name, "must be a time such as 2026-12-24T18:00:00+01:00")


def _group(members: Mapping[str, Check]) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise _malformed(name, f"must be an object of {', '.join(members)}")
        for member, inner in value.items():
            if member not in members:
                raise _malformed(name, f"has no option {_bounded(member)!r}; its options are {', '.join(members)}")
            members[member](f"{name}.{member}", inner)

    return check


GOOGLE: Mapping[str, Check] = {
    "type": _one_of(*EVENT_TYPES),
    "title": _up_to(MAX_EVENT_TITLE),
    "start": _time,
    "end": _time,
    "offer_title": _text,
    "terms": _text,
    "coupon_code": _text,
    "redeem_url": _text,
    "action": _one_of(*ACTIONS),
    "url": _text,
}
OPTIONS: Mapping[str, Check] = {
    "post_type": _one_of("post", "story", "reel"),
    "first_comment": _up_to(max(COMMENTS.values())),
    "category": _text,
    "tags": _names(MAX_NAMES),
    "approver": _text,
    "requester_note": _text,
    "link_preview": _group({"image": _text, "link": _text, "title": _text, "description": _text}),
    "google_business": _group(GOOGLE),
    "youtube": _group({"title": _up_to(MAX_TITLE), "type": _one_of("video", "short")}),
    "pinterest": _group({"title": _up_to(MAX_TITLE), "link": _up_to(MAX_LINK), "boards": _names(MAX_BOARDS)}),
}
"""The options of `provider_extra`, each with its validation."""


def check_extra(request: PublishRequest, *, v3: bool) -> None:
    """Refuse options that are unknown, malformed, or not supported by the network."""
    for name in sorted(request.extra, key=str):
        if name not in OPTIONS:
            text = f"HighLevel has no option {_bounded(name)!r}."
            raise OptionUnsupported(text, provider=PROVIDER, field=_bounded(name))
        OPTIONS[name](name, request.extra[name])
    _check_support(request, v3=v3)
    post_types.check(request)
    if request.mode is PostMode.PLANNER_REVIEW and "approver" not in request.extra:
        text = "A post in review needs provider_extra.approver, the id of a HighLevel user."
        raise ContentRefused(text, provider=PROVIDER, code="approver_missing")
    _check_google(request.extra.get("google_business", {}))


def _check_support(request: PublishRequest, *, v3: bool) -> None:
    """Refuse options that the network, the mode of the post or the API version does not support."""
    platform = request.platform
    unsupported = {
        "first_comment": platform in _NO_FIRST_COMMENT,
        "post_type": not post_types.has_type(platform, request.extra.get("post_type", "")),
        "link_preview": platform in TIKTOK,
        "google_business": platform != "google_business",
        "youtube": platform != "youtube",
        "pinterest": platform != "pinterest",
        "approver": request.mode is not PostMode.PLANNER_REVIEW,
        "requester_note": request.mode is not PostMode.PLANNER_REVIEW,
    }
    for name in sorted(request.extra):
        if unsupported.get(name):
            text = f"{name} cannot be set for {platform or 'this account'} in this mode."
            raise OptionUnsupported(text, provider=PROVIDER, field=name)
    unit, allowed = COMMENT_UNITS.get(platform, TextUnit.UTF16_UNIT), COMMENTS.get(platform, MAX_TEXT)
    if (units := length(request.extra.get("first_comment", ""), unit)) > allowed:
        raise _malformed("first_comment", f"has {units} {unit}, {allowed} are allowed")
    if not v3 and {"title", "description"} & request.extra.get("link_preview", {}).keys():
        raise _malformed("link_preview", "has a title and a description in API version v3 only")


def _bounded(name: Any) -> str:
    """Return the name of an option for an error message: bounded, and whatever type an internal caller passed."""
    return str(name)[:64]


def _check_google(given: Mapping[str, Any]) -> None:
    dated = given.get("type") in ("EVENT", "OFFER")
    if dated and not ("start" in given and "end" in given):
        raise _malformed("google_business", "needs start and end for an event or an offer")
    if dated and (_parse_time(given["start"]) or 0) >= (_parse_time(given["end"]) or 0):  # type: ignore[operator]
        raise _malformed("google_business", "must end after it starts")


def check_options(request: PublishRequest) -> None:
    """Refuse options that a network cannot honour, and violations of TikTok's rules that need no call to detect."""
    options = request.options
    if request.platform in TIKTOK:
        _check_tiktok(options)
        return
    known = YOUTUBE_PRIVACY if request.platform == "youtube" else {}
    for each in fields(PostOptions):
        value = getattr(options, each.name)
        if value != each.default and not (each.name == "privacy_level" and value in known):
            text = f"HighLevel does not support this option for {request.platform or 'this account'}."
            raise OptionUnsupported(text, provider=PROVIDER, field=each.name)


def _check_tiktok(options: PostOptions) -> None:
    if options.ai_generated:
        raise OptionUnsupported(
            "HighLevel does not support the label for AI-generated content.", provider=PROVIDER, field="ai_generated"
        )
    if options.privacy_level is None:
        raise ContentRefused("A privacy level must be chosen.", provider=PROVIDER, code="privacy_level_missing")
    if options.privacy_level not in PRIVACY:
        raise OptionUnsupported(
            "HighLevel does not support this privacy level.", provider=PROVIDER, field="privacy_level"
        )
    if options.privacy_level is PrivacyLevel.ONLY_ME and (options.branded_content or options.own_brand):
        text = "Content that promotes a brand cannot be visible to its creator only."
        raise ContentRefused(text, provider=PROVIDER, code="disclosure_private")


def fields_of(request: PublishRequest) -> dict[str, Any]:
    """Return the fields of a body that are specific to a network or to the planner; absent ones are None."""
    extra = request.extra
    return {
        "followUpComment": extra.get("first_comment"),
        "ogTagsDetails": _link_preview(extra.get("link_preview")),
        "postApprovalDetails": _approval(request),
        "tiktokPostDetails": _tiktok(request.options) if request.platform in TIKTOK else None,
        "gmbPostDetails": _google(extra["google_business"]) if "google_business" in extra else None,
        "pinterestPostDetails": _pinterest(request),
        "youtubePostDetails": _youtube(request),
    }


def _tiktok(options: PostOptions) -> dict[str, Any]:
    """Return TikTok's details with every boolean set: without them the planner assumes a thumbnail and does not
    publish the video (report of a live user, read 2026-11-20).
    """
    return {
        "privacyLevel": PRIVACY[options.privacy_level] if options.privacy_level else None,
        "enableComment": options.allow_comments is True,
        "enableDuet": options.allow_duet is True,
        "enableStitch": options.allow_stitch is True,
        "videoDisclosure": options.branded_content or options.own_brand,
        "promoteYourBrand": options.own_brand,
        "promoteOtherBrand": options.branded_content,
    }


def _google(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details of a Google Business post: an update, an event or an offer, with or without an action."""
    values = {
        "gmbEventType": given.get("type", "STANDARD"),
        "title": given.get("title"),
        "offerTitle": given.get("offer_title"),
        "startDate": _google_time("start", given.get("start")),
        "endDate": _google_time("end", given.get("end")),
        "termsConditions": given.get("terms"),
        "url": given.get("url"),
        "couponCode": given.get("coupon_code"),
        "redeemOnlineUrl": given.get("redeem_url"),
        "actionType": given.get("action", "none"),
    }
    return {name: value for name, value in values.items() if value is not None}


def _google_time(word: str, value: Any) -> dict[str, Any] | None:
    """Return a time in the parts HighLevel expects (`startDate.startDate.year`), in the value's own time zone."""
    moment = _parse_time(value)
    if moment is None:
        return None
    return {
        f"{word}Date": {"year": moment.year, "month": moment.month, "day": moment.day},
        f"{word}Time": {"hours": moment.hour, "minutes": moment.minute, "seconds": moment.second},
    }


def _link_preview(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = {"image": "metaImage", "link": "metaLink", "title": "ogTitle", "description": "ogDescription"}
    return None if given is None else {names[name]: value for name, value in given.items()}


def _approval(request: PublishRequest) -> dict[str, Any] | None:
    if request.mode is not PostMode.PLANNER_REVIEW:
        return None
    note = request.extra.get("requester_note")
    values = {"approver": request.extra.get("approver"), "requesterNote": note, "approvalStatus": "pending"}
    return {name: value for name, value in values.items() if value is not None}


def _pinterest(request: PublishRequest) -> dict[str, Any] | None:
    given = request.extra.get("pinterest")
    if given is None:
        return None
    values = {name: given[name] for name in ("title", "link") if name in given}
    boards = [{"accountId": request.account, "boards": given["boards"]}] if "boards" in given else None
    return {**values, "pinterestBoards": boards} if boards else values


def _youtube(request: PublishRequest) -> dict[str, Any] | None:
    if request.platform != "youtube":
        return None
    given, level = request.extra.get("youtube", {}), request.options.privacy_level
    values = {"type": given.get("type", "video"), "title": given.get("title")}
    # HighLevel documents no default, and a level that a client could not spell arrives as none (decision 14).
    values["privacyLevel"] = YOUTUBE_PRIVACY[level or PrivacyLevel.ONLY_ME]
    return {name: value for name, value in values.items() if value is not None}


def _parse_time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _malformed(name: str, text: str) -> OptionUnsupported:
    """Return the error for a malformed option; its field is the name of the outermost option."""
    return OptionUnsupported(f"{name} {text}.", provider=PROVIDER, field=name.partition(".")[0])
